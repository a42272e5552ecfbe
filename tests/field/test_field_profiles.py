"""Whoever has the data types three commands: the profiles of the field on tiny worlds in the datasets' own formats."""

import importlib
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import profile, table
from pipeline.core import dag, tables
from pipeline.core.schemas import CLIPS, SPLIT
from pipeline.datasets import shared
from pipeline.reporting import published
from tests.field import cutting, worlds

ROOT = Path(__file__).parents[2]
RUNNER = CliRunner()
PAGE = (ROOT / "docs" / "field.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
PROFILES = {name: profile.tree(name) for name in worlds.WRITERS}
CLIPS_A_CLASS = len(worlds.TRAIN) + len(worlds.TEST)
NUM_CLASSES = {"ntu60": 60, "ntu120": 120, "pku_mmd": 51}
ROLES = {"fit", "val", "seen_test", "unseen_test"}  # which every split needs
# Of each the table that sets two methods beside what the paper prints, with the first column of ours and the paper's.
SHOWN = {
    "ntu60": ("dvta-1", "synse-5", "paper-5", "60.72"),
    "ntu120": ("dvta-1", "synse-10", "paper-10", "47.49"),
    "pku_mmd": ("dvta-2", "smie", "paper-5", "47.94"),
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which stages find what a checkout holds."""
    for name in ("pipeline", "docs", "dvc.yaml", "requirements.txt"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "data" / "raw").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.world
@pytest.mark.parametrize("name", worlds.WRITERS)
def test_a_profile_of_the_field_runs_from_raw_files_to_its_tables(name: str, checkout: Path) -> None:
    worlds.WRITERS[name](checkout / "kept")
    link, *commands, last = commands_for(name)
    Path(shlex.split(link)[-1]).symlink_to(checkout / "kept")
    for line in commands:
        typed(line)
    assert last == "dvc repro"
    tree = cutting.cut(yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")))
    Path("params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    for instance in dag.instances(ROOT / "dvc.yaml", tree):
        if instance.stage != "fingerprint":
            repeated(instance)
    check_clips(name)
    check_splits(tree)
    check_tables(name, tree)


@pytest.mark.parametrize("name", PROFILES)
def test_what_a_table_quotes_is_of_its_dataset_and_among_as_many_classes(name: str) -> None:
    """A paper's column stands beside ours of the same splits, which their headings say: 55/5."""
    unseen = {split: len(ids) for split, ids in shared.published_splits(name).items()}
    for asked in PROFILES[name]["report"]["tables"].values():
        ours = {column["heading"][-1]: column for column in asked["columns"].values() if "splits" in column}
        quoted = [column for column in asked["columns"].values() if column.get("paper") == "dvta"]
        for column in quoted:
            of_column = [one for one in published.figures() if column_of(one) == column_of(column)]
            assert {one.dataset for one in of_column} == {name}
            splits = ours[column["heading"][-1]]["splits"] or [split for split in unseen if split.startswith("smie")]
            assert {unseen[split] for split in splits} == {column["candidates"]}


def column_of(said: Any) -> tuple[str, str, str]:
    """Paper, table and column of a printed figure, or of a column of params."""
    said = said if isinstance(said, dict) else vars(said)
    return said["paper"], said["table"], said["column"]


@pytest.mark.parametrize("name", PROFILES)
def test_every_split_of_a_profile_has_an_encoder_of_its_own_for_every_choice(name: str) -> None:
    """Of `fit` classes to choose a setting by, of all `seen` ones to score, alike but for the classes."""
    rows = PROFILES[name]["pretrain"]["rows"]
    for key, row in rows.items():
        twin = rows[key.removesuffix("-seen") if row["classes"] == "seen" else f"{key}-seen"]
        assert {row["classes"], twin["classes"]} == {"fit", "seen"}
        assert row | {"classes": "any"} == twin | {"classes": "any"}
        assert row["splits"] == PROFILES[name]["split"]["rows"][f"{name}-{row['split_table']}"]["splits"]


@pytest.mark.parametrize("line", [line for block in BLOCKS for line in block.splitlines()])
def test_a_command_of_the_page_can_be_typed(line: str) -> None:
    words = shlex.split(line)
    if words[:2] == ["ln", "-s"]:
        tracked = subprocess.run(["git", "ls-files", "data/raw"], cwd=ROOT, capture_output=True, text=True, check=True)
        assert tracked.stdout
        assert Path(words[-1]).parent == Path("data/raw")
    elif words[0] == "unseen":
        assert RUNNER.invoke(app, [*[word for word in words[1:] if word not in PROFILES], "--help"]).exit_code == 0
    else:
        assert words == ["dvc", "repro"]


def test_the_tables_that_the_page_tells_are_those_of_the_profiles() -> None:
    told = re.findall(r"^\| `([\w-]+)` \|", PAGE.split("## What comes out")[1].split("\n## ")[0], flags=re.MULTILINE)
    assert sorted(told) == sorted({key for tree in PROFILES.values() for key in tree["report"]["tables"]})


@pytest.mark.parametrize("row", re.findall(r"`dvc repro (\w+@[\w-]+)`", PAGE))
def test_a_row_that_the_page_names_is_there(row: str) -> None:
    stage, key = row.split("@")
    assert any(key in tree[stage]["rows"] for tree in PROFILES.values())


def commands_for(name: str) -> list[str]:
    """What docs/field.md has the user of a dataset type."""
    (block,) = [block for block in BLOCKS if f" data/raw/{name}\n" in block]
    return block.splitlines()


def check_clips(name: str) -> None:
    """All recordings were read; the one that the owners' list names is kept with its reason."""
    reasons = [row["reason"] for row in tables.read_table(Path(f"data/ingest/{name}.parquet"), CLIPS).to_pylist()]
    assert reasons.count(None) == CLIPS_A_CLASS * NUM_CLASSES[name]
    rejected = [reason for reason in reasons if reason]
    assert len(rejected) == (name in worlds.NUM_MISSING)
    assert all(reason.startswith("missing skeleton") for reason in rejected)


def check_splits(tree: cutting.Tree) -> None:
    """Under every protocol every published split of the profile gives every role to somebody."""
    for key, row in tree["split"]["rows"].items():
        rows = tables.read_table(Path(f"data/split/{key}.parquet"), SPLIT).to_pylist()
        for split in row["splits"]:
            assert {line["role"] for line in rows if line["split"] == split} >= ROLES, (key, split)


def check_tables(name: str, tree: cutting.Tree) -> None:
    """The main table sets two of our rows beside what the paper prints; every other one can be drawn."""
    key, ours, papers, printed = SHOWN[name]
    for other in tree["report"]["tables"]:
        assert typed(f"unseen table {other}")
    filled = table.filled(key, Path("reports/evaluate"))
    places = {column: place for place, column in enumerate(tree["report"]["tables"][key]["columns"])}
    cells = dict(filled.lines)
    measured = [cells[line][places[ours]] for line in ("DeViSE, labels", "ours, on kinematics")]
    assert all(cell is not None and cell.measured is not None for cell in measured)
    quoted = cells["DeViSE, labels"][places[papers]]
    assert quoted is not None
    assert quoted.printed is not None
    assert quoted.printed.value == printed
    assert Path("reports/report/index.html").is_file()


def typed(line: str) -> str:
    """What a user types, and what is printed."""
    return run(app, shlex.split(line)[1:], line)


def repeated(instance: dag.Instance) -> None:
    """One instance of a stage, as `dvc repro` runs it but in this process."""
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    _, _, module, *options = shlex.split(instance.cmd)
    command.command()(importlib.import_module(module).main)
    for out in instance.outs:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
    run(command, options, instance.name)


def run(command: Any, options: list[str], what: str) -> str:
    result = RUNNER.invoke(command, options, catch_exceptions=False)
    assert result.exit_code == 0, f"{what}: {result.output}"
    return result.output
