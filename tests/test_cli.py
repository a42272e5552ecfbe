import subprocess
import sys

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.steps import profile


@pytest.mark.parametrize("command", [[], ["profile"], ["raw"], ["profile", "use"], ["raw", "scan"]])
def test_help_is_there_for_every_command(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_profiles_are_listed_and_shown() -> None:
    listed = CliRunner().invoke(app, ["profile", "list"]).output
    assert {line.split()[0] for line in listed.splitlines()} == set(profile.names())
    assert CliRunner().invoke(app, ["profile", "show", "demo"]).output == profile.text("demo")


def test_help_does_not_wait_for_heavy_imports() -> None:
    heavy = "{'torch', 'zarr', 'pyarrow', 'numpy', 'pandas', 'sentence_transformers', 'matplotlib'}"
    code = f"import sys, pipeline.cli; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_dataset_that_is_not_there_is_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", "from pipeline.cli import main; main()", "raw", "scan", "utd_mhad"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: data/raw/utd_mhad: no such folder")
    assert len(done.stderr.splitlines()) == 1
