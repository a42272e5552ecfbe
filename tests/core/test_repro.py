"""What a person sees of a stage under `dvc repro`: its place, what it took, and the slowest of the run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.core import dag, params, repro

DVC_YAML = """
stages:
  cook:
    foreach: ${cook.rows}
    do:
      cmd: %s -m kitchen ${key}
      deps: [shop/list]
      params: ["cook.rows.${key}"]
      outs: ["data/cook/${key}"]
  shop:
    cmd: %s -m kitchen shop
    outs: [shop]
  eat:
    cmd: %s -m kitchen eat
    deps: [data/cook]
    outs: [data/eat]
"""
STAGE = """
import sys
from pathlib import Path
from pipeline.core import command
from pipeline.core.errors import DataError
def main(what: str) -> None:
    if what == "burnt":
        raise DataError("burnt: cook again")
    path = Path({"shop": "shop/list", "eat": "data/eat"}.get(what, f"data/cook/{what}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
if __name__ == "__main__":
    command.run(main)
"""

# In a process of its own: DVC's libraries warn.
PLAN = """
from dvc.repo import Repo
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
repo = Repo(".")
for stage in plan_repro(get_active_graph(repo.index.graph), collect_stages(repo, ["dvc.yaml"])):
    print(stage.addressing)
"""


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small project of four stage instances, with a stage that imports this one's command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}")
    (tmp_path / "kitchen.py").write_text(STAGE)
    (tmp_path / "dvc.yaml").write_text(DVC_YAML % ((sys.executable,) * 3))
    write_rows("soup", "stew")
    return tmp_path


def write_rows(*names: str) -> None:
    Path("params.yaml").write_text(yaml.safe_dump({"cook": {"rows": {name: {} for name in names}}}))


def reproduced(*options: str) -> list[str]:
    """Lines of ours that `dvc repro` shows, and errors."""
    if not Path(".dvc").is_dir():
        subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "-q"], check=True)
    done = subprocess.run([sys.executable, "-m", "dvc", "repro", *options], capture_output=True, text=True, check=False)
    return [
        re.sub(r"\d+\.\d s", "_ s", line)
        for line in (done.stderr + done.stdout).splitlines()
        if re.match(r"stage |.* (took|stopped after) |error: |\d+ stages ran", line)
    ]


def test_each_stage_says_its_place_and_what_it_took_and_the_last_the_slowest(kitchen: Path) -> None:
    lines = reproduced()
    places = ["stage 1 of 4: shop", "stage 2 of 4: cook@soup", "stage 3 of 4: cook@stew", "stage 4 of 4: eat"]
    assert lines[:-1] == [line for place in places for line in (place, f"{place.split(': ')[1]} took _ s")]
    assert re.fullmatch(r"4 stages ran, _ s in all; the slowest: (\S+ _ s(, )?){4}", lines[-1])


def test_a_shell_that_waits_for_the_command_stands_for_no_run_of_its_own(
    kitchen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = kitchen / "sh"
    shell.write_text('#!/bin/sh\n/bin/sh -c "$2"\nexit $?\n')
    shell.chmod(0o755)
    monkeypatch.setenv("SHELL", str(shell))
    assert reproduced()[-1].startswith("4 stages ran, ")


def test_a_later_run_counts_its_own_stages_and_a_new_row_changes_the_places(kitchen: Path) -> None:
    reproduced()
    write_rows("soup", "stew", "tart")
    lines = reproduced()
    assert lines[0] == "stage 4 of 5: cook@tart"
    assert lines[-1].startswith("2 stages ran, ")


def test_a_stage_that_fails_says_when_it_stopped(kitchen: Path) -> None:
    write_rows("burnt")
    assert reproduced()[2:] == ["stage 2 of 3: cook@burnt", "cook@burnt stopped after _ s", "error: burnt: cook again"]


def test_without_dvc_and_in_the_processes_of_a_stage_nothing_is_said(
    kitchen: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_STAGE", raising=False)
    with repro.told():
        pass
    monkeypatch.setenv("DVC_STAGE", "eat")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    with repro.told():
        pass
    assert capsys.readouterr().err == ""
    assert not (kitchen / ".cache").exists()


@pytest.mark.parametrize("damage", ["{", "[]", "null", '{"of": 1}'])
def test_a_damaged_note_is_made_anew(
    kitchen: Path, damage: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "shop")
    for name in ("order", "took"):
        (kitchen / ".cache" / "repro").mkdir(parents=True, exist_ok=True)
        (kitchen / ".cache" / "repro" / f"{name}.json").write_text(damage)
    with repro.told():
        pass
    assert capsys.readouterr().err.startswith("stage 1 of 4: shop\nshop took 0.0 s\n")
    assert list(json.loads((kitchen / ".cache" / "repro" / "took.json").read_text())["seconds"]) == ["shop"]


def test_the_order_is_that_of_dvc() -> None:
    """DVC's own plan of this project's stages, visited depth first, is the reference."""
    root = Path(__file__).parents[2]
    planned = subprocess.run([sys.executable, "-c", PLAN], cwd=root, capture_output=True, text=True, check=True)
    resolved = dag.instances(root / "dvc.yaml", params.read(root / "params.yaml"))
    outs, deps = ({stage.name: getattr(stage, of) for stage in resolved} for of in ("outs", "deps"))
    assert repro.order(outs, deps) == planned.stdout.split()
