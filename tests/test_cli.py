import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import profile
from pipeline.core.errors import ParamsError


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["profile"],
        ["raw"],
        ["profile", "use"],
        ["raw", "scan"],
        ["encoder"],
        ["encoder", "import"],
        ["encoder", "list"],
        ["compositional"],
        ["table"],
        ["classify"],
        ["embed"],
        ["search"],
        ["clip"],
        ["clip", "show"],
        ["cache"],
        ["cache", "info"],
        ["cache", "prune"],
        ["cache", "seed"],
    ],
)
def test_help_is_there_for_every_command(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    "command",
    [
        ["overlap", "ucf101", "hmdb51"],
        ["constraints", "demo-skeleton-stgcn-prototypes"],
        ["graph", "show", "3"],
        ["compositional", "swap_obj.json", "--weights", "features/finetune/demo-gn"],
        ["embed", "a.skeleton", "--sense", "skeleton"],
        ["clip", "show", "demo/a"],
    ],
)
def test_an_out_that_is_a_folder_is_refused_before_any_work(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "is a directory" in " ".join(result.output.replace("│", " ").split())
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["profile", "use"],
        ["profile", "show"],
        ["raw", "scan"],
        ["encoder", "import"],
        ["constraints"],
        ["compositional"],
        ["classify"],
        ["table"],
    ],
)
def test_help_says_where_a_name_comes_from(command: list[str]) -> None:
    told = CliRunner().invoke(app, [*command, "--help"]).output
    assert any(place in told for place in ("unseen profile list", "pipeline/datasets", "params.yaml"))


def test_a_drawing_goes_where_git_does_not_look_unless_told() -> None:
    assert "[default: reports/graph.png]" in " ".join(
        CliRunner().invoke(app, ["graph", "show", "--help"]).output.split()
    )


@pytest.mark.parametrize(
    "options",
    [
        ["compose", "ucf101", "hmdb51", "--k", "0"],
        ["compose", "ucf101", "hmdb51", "--rho", "-1"],
        ["compose", "ucf101", "hmdb51", "--theta", "-1"],
        ["compose", "ucf101", "hmdb51", "--threshold", "5"],
        ["overlap", "ucf101", "hmdb51", "--threshold", "-1"],
        ["overlap", "ucf101", "hmdb51", "--published", "-3"],
    ],
)
def test_a_number_that_can_mean_nothing_is_refused(options: list[str]) -> None:
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    assert f"Invalid value for '{options[3]}'" in result.output


def test_the_list_of_profiles_is_in_columns() -> None:
    lines = CliRunner().invoke(app, ["profile", "list"]).output.splitlines()
    starts = {line.index(profile.summary(line.split()[0])) for line in lines}
    assert len(starts) == 1


def test_the_profiles_are_listed_and_shown() -> None:
    listed = CliRunner().invoke(app, ["profile", "list"]).output
    assert {line.split()[0] for line in listed.splitlines()} == set(profile.names())
    assert CliRunner().invoke(app, ["profile", "show", "demo"]).output == profile.text("demo")


def test_the_picture_is_drawn_in_a_checkout_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["dag"])
    assert isinstance(result.exception, ParamsError)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_that_is_not_there_is_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").touch()  # as in the folder of a checkout
    done = subprocess.run(
        [sys.executable, "-c", "from pipeline.cli import main; main()", "raw", "scan", "utd_mhad"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: data/raw/utd_mhad: no such folder")
    assert len(done.stderr.splitlines()) == 1
