"""Which checkout a command is typed in, and that it runs no other's code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.core import checkout
from pipeline.core.errors import ParamsError

ROOT = Path(__file__).parents[2]


def make(folder: Path, name: str = "unseen") -> Path:
    """A folder that looks like a checkout."""
    (folder / "pipeline").mkdir(parents=True)
    (folder / "pipeline/__init__.py").touch()
    (folder / "docs").mkdir()
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "9.8"\n')
    return folder


def test_a_checkout_runs_its_own_code_alone(tmp_path: Path) -> None:
    mine, other = make(tmp_path / "mine"), make(tmp_path / "other")
    for folder in (mine, mine / "docs"):
        checkout.check(folder, mine / "pipeline")
        with pytest.raises(
            ParamsError, match=rf"^{re.escape(str(mine))}: this checkout .* of {re.escape(str(other))};"
        ):
            checkout.check(folder, other / "pipeline")


def test_a_link_to_a_checkout_is_the_checkout(tmp_path: Path) -> None:
    mine = make(tmp_path / "mine")
    (tmp_path / "link").symlink_to(mine)
    checkout.check(tmp_path / "link", mine / "pipeline")
    checkout.check(mine, tmp_path / "link" / "pipeline")


@pytest.mark.parametrize("content", ['[project]\nname = "another"\n', "[tool]\n", "no TOML [", "project = 3\n"])
def test_other_folders_may_run_any_code(tmp_path: Path, content: str) -> None:
    checkout.check(tmp_path)
    make(tmp_path / "mine")
    (tmp_path / "mine/pyproject.toml").write_text(content)
    checkout.check(tmp_path / "mine")


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    make(tmp_path / "mine")
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from pipeline.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "profile", "list"], cwd=tmp_path / "mine/docs", capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {tmp_path / 'mine'}: this checkout has code of its own")
    assert len(done.stderr.splitlines()) == 1


def test_the_version_says_which_code_runs(tmp_path: Path) -> None:
    mine = make(tmp_path / "mine")
    python = ".".join(map(str, sys.version_info[:3]))
    assert checkout.described(mine, mine / "pipeline") == f"unseen 9.8 in ., Python {python}"
    assert checkout.described(mine / "docs", mine / "pipeline") == f"unseen 9.8 in .., Python {python}"
    assert checkout.described(tmp_path, mine / "pipeline") == f"unseen 9.8 in mine, Python {python}"
    (tmp_path / "else").mkdir()
    assert checkout.described(tmp_path / "else", mine / "pipeline") == f"unseen 9.8 in {mine}, Python {python}"


def test_the_version_names_the_commit_and_whether_files_are_edited(tmp_path: Path) -> None:
    mine = make(tmp_path / "mine")
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], cwd=mine, check=True)
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=mine, check=True, capture_output=True, text=True).stdout
    assert f"(commit {told[:12]})" in checkout.described(mine, mine / "pipeline")
    (mine / "pyproject.toml").write_text('[project]\nname = "unseen"\nversion = "9.9"\n')
    assert f"unseen 9.9 (commit {told[:12]}+)" in checkout.described(mine, mine / "pipeline")


def test_the_command_prints_its_version() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert re.fullmatch(r"unseen \d+\.\d+\.\d+ .*Python 3\.\d+\.\d+\n", done.output)


def test_what_needs_the_folder_of_a_checkout_says_where_it_is(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"^x: there is no dvc\.yaml in .*; go to the folder of your checkout first"):
        checkout.require(tmp_path, "x")
    mine = make(tmp_path / "mine")
    with pytest.raises(ParamsError, match=rf"`cd {re.escape(str(mine))}` first"):
        checkout.require(mine / "docs", "x")
    (mine / "dvc.yaml").touch()
    checkout.require(mine, "x")
