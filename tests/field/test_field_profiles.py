"""Whoever has the data types three commands: the profiles of the field on tiny worlds in the datasets' own formats."""

import importlib
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import table
from pipeline.core import dag, tables
from pipeline.core.schemas import CLIPS, SPLIT
from tests.field import cutting, worlds

ROOT = Path(__file__).parents[2]
RUNNER = CliRunner()
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
    worlds.WRITERS[name](checkout / "kept" / name)
    (checkout / "data" / "raw" / name).symlink_to(checkout / "kept" / name)
    typed(f"unseen raw scan {name}")
    typed(f"unseen profile use {name}")
    tree = cutting.cut(yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8")))
    Path("params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    for instance in dag.instances(ROOT / "dvc.yaml", tree):
        if instance.stage != "fingerprint":
            repeated(instance)
    check_clips(name)
    check_splits(tree)
    check_tables(name, tree)


def check_clips(name: str) -> None:
    """All recordings were read; the one that the owners' list names is kept with its reason."""
    reasons = [row["reason"] for row in tables.read_rows(Path(f"data/ingest/{name}.parquet"), CLIPS)]
    assert reasons.count(None) == CLIPS_A_CLASS * NUM_CLASSES[name]
    rejected = [reason for reason in reasons if reason]
    assert len(rejected) == (name in worlds.NUM_MISSING)
    assert all(reason.startswith("missing skeleton") for reason in rejected)


def check_splits(tree: cutting.Tree) -> None:
    """Under every protocol every published split of the profile gives every role to somebody."""
    for key, row in tree["split"]["rows"].items():
        rows = tables.read_rows(Path(f"data/split/{key}.parquet"), SPLIT)
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
