"""`unseen trail`: what a checkout knows of where a figure comes from."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import trail
from pipeline.core.errors import DataError, FormatError, ParamsError

STAGES = """
stages:
  align:
    foreach: ${align.rows}
    do: {cmd: x, deps: [data/in.csv], params: ["align.rows.${key}"], outs: ["features/align/${key}"]}
  evaluate:
    foreach: ${evaluate.rows}
    do:
      cmd: x
      deps: ["features/align/${key}"]
      params: ["evaluate.rows.${key}"]
      outs: ["reports/evaluate/${key}.json"]
"""
PARAMS = {"align": {"rows": {"a": {"lr": 0.1}}}, "evaluate": {"rows": {"a": {"seed": 0}}}}
LOCK = {
    "align@a": {
        "params": {"params.yaml": {"align.rows.a": {"lr": 0.1}}},
        "deps": [{"path": "data/in.csv", "md5": "11"}],
        "outs": [{"path": "features/align/a", "md5": "22.dir"}],
    },
    "evaluate@a": {
        "params": {"params.yaml": {"evaluate.rows.a": {"seed": 0}}},
        "deps": [{"path": "features/align/a", "md5": "22.dir"}],
        "outs": [{"path": "reports/evaluate/a.json", "md5": "33"}],
    },
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dvc.yaml").write_text(STAGES)
    write(tmp_path, PARAMS, LOCK)
    log = tmp_path / ".cache/runs/align.jsonl"
    log.parent.mkdir(parents=True)
    about = {"stage": "align", "row": "a", "machine": "x86_64", "started": "2026-01-31T12:00:00+00:00"}
    runs = [(2.5, "finished"), (3.5, "finished"), (9.0, "failed: OSError")]
    lines = [json.dumps({**about, "seconds": seconds, "state": state}) for seconds, state in runs]
    log.write_text("\n".join([*lines, json.dumps({**about, "row": "b", "seconds": 1, "state": "finished"}), '{"sta']))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, params: dict, lock: dict) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": lock}))


def run() -> list[str]:
    result = CliRunner().invoke(app, ["trail", "a"], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output.splitlines()


def test_every_row_is_told_with_its_params_hashes_and_seconds(project: Path) -> None:
    assert run() == [
        "commit: unknown, for this is no git checkout",
        "evaluate@a: recorded in dvc.lock; no run in .cache/runs (its outputs came from elsewhere)",
        "  params  evaluate.rows.a",
        f"  reads   {'22.dir':36} features/align/a",
        f"  writes  {'33':36} reports/evaluate/a.json",
        "align@a: recorded in dvc.lock; 3.5 s on x86_64, begun 2026-01-31T12:00:00+00:00",
        "  params  align.rows.a",
        f"  reads   {'11':36} data/in.csv",
        f"  writes  {'22.dir':36} features/align/a",
        "2 rows, 1 of them run here, in 3.5 s",
    ]


def test_the_commit_is_that_of_the_checkout_and_changes_are_counted(project: Path) -> None:
    def git(*words: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        return subprocess.run(["git", *who, *words], cwd=project, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    git("add", "dvc.yaml", "params.yaml")
    git("commit", "-qm", "start")
    head = git("rev-parse", "HEAD").strip()
    assert run()[0] == f"commit {head}"
    (project / "dvc.yaml").write_text(STAGES + "\n")
    assert run()[0] == f"commit {head}, with 1 changed file"


def test_what_no_longer_holds_is_told_with_the_remedy(project: Path) -> None:
    write(project, PARAMS | {"align": {"rows": {"a": {"lr": 0.2}}}}, LOCK)
    assert "align@a: params.yaml has changed since; run `dvc repro align@a`; 3.5 s" in "\n".join(run())
    stale = LOCK | {"evaluate@a": LOCK["evaluate@a"] | {"deps": [{"path": "features/align/a", "md5": "00.dir"}]}}
    write(project, PARAMS, stale)
    assert run()[1].startswith("evaluate@a: ran on another features/align/a than the one below; run `dvc repro")
    (project / "dvc.lock").unlink()
    assert run()[1].startswith("evaluate@a: not in dvc.lock; run `dvc repro evaluate@a`")


def test_mistakes_are_one_line(project: Path) -> None:
    with pytest.raises(DataError, match=r"no row 'aa' under evaluate\.rows; did you mean a\?"):
        trail.trail("aa")
    with pytest.raises(DataError, match=r"no row 'zzz' under evaluate\.rows; found a"):
        trail.trail("zzz")
    for broken in ("stages: [1", "stages: {a: 1}", "1", "a: 2"):
        (project / "dvc.lock").write_text(broken)
        with pytest.raises(FormatError, match=r"dvc\.lock: not a record of DVC: .*; run `git checkout dvc\.lock`"):
            trail.trail("a")
    (project / "params.yaml").unlink()
    with pytest.raises(ParamsError, match="no such file"):
        trail.trail("a")
