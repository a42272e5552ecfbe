"""docs/recognise.md stays true: its commands and its Python run in a tiny checkout, and its table is what is read."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.recognition import files

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/recognise.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL) for line in block.splitlines()]
COMMANDS = [line for line in LINES if not line.endswith("# real data")]


@pytest.fixture
def here(toy, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(toy, tmp_path / "copy"))
    (folder / "labels.txt").write_text(re.search(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)[1])
    monkeypatch.chdir(folder)
    return folder


def test_the_commands_run(here):
    assert len(COMMANDS) >= 6
    for line in COMMANDS:
        program, *options = shlex.split(line)
        assert program == "unseen"
        result = CliRunner().invoke(app, options)
        assert (result.exit_code, result.exception) == (0, None), (line, result.output)
    assert Path("vectors.parquet").is_file()


def test_the_python_runs_and_says_what_its_comments_do(here):
    first, *rest = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len([line for line in first.splitlines() if line]) == 5
    told = {}
    for code in (first, *rest):
        exec(code, told)
    [[(label, score, cosine), _]] = told["ranked"]
    assert label in ("drink water", "wave a hand")
    assert 0.5 <= score <= 1
    assert -1 <= cosine <= 1
    assert told["vectors"].shape == told["texts"].shape == (1, 6)
    assert [one.sense for one in told["found"]] == ["depth"] * 3
    assert sum(told["counts"].values()) == len(told["folder"]) == 3
    assert told["unusable"] == []


@pytest.mark.parametrize("line", [line for line in LINES if line.endswith("# real data")])
def test_a_command_on_real_data_runs(here, real_data, line):
    options = shlex.split(line, comments=True)[1:]
    options[1] = options[1].replace("data/raw/utd_mhad", str(real_data / "utd-mhad"))
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == (
        [options[1]] if options[0] == "classify" else ["clip", "sense", "cosine"]
    )


def test_the_table_names_the_endings_that_are_read():
    for sense, told in re.findall(r"\| (\w+) \| (.*`.*) \|", PAGE):
        forms = files.FORMS[sense]
        assert set(re.findall(r"`(\.\w+)", told)) == set(forms.files)
        assert ("folder" in told) == (forms.folder is not None)
