"""index and search --index as they are typed."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.core.errors import DataError
from pipeline.recognition import index


@pytest.fixture
def here(toy, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(toy, tmp_path / "copy"))
    monkeypatch.chdir(folder)
    return folder


def run(*options):
    result = CliRunner().invoke(app, [str(option) for option in options])
    assert result.exception is None or isinstance(result.exception, DataError | SystemExit), result.exception
    return result.stdout, result.stderr, result.exception


def test_few_clips_need_no_index(here):
    output, _, error = run("index")
    assert error is None
    lines = output.splitlines()
    assert [line.split(":")[0] for line in lines] == ["depth", "skeleton", "thermal", "hub"]
    assert all("3 clips; exact search takes milliseconds, so that no index was built" in line for line in lines)
    assert not Path(".cache/index").exists()
    _, _, error = run("search", "drink water", "--index")
    assert "no index of depth, skeleton, thermal, hub; run `unseen index`, or search exactly" in str(error)


def test_an_index_answers_and_its_recall_is_said(here):
    output, _, error = run("index", "--min-clips", "3", "--recall", "1")
    assert error is None
    assert "depth: 3 clips, reads 1 of 1 lists; recall@10 1.000 (of 12 queries, stored clips of all senses)" in output
    through, said, _ = run("search", "drink water", "--index", "--in", "depth", "--top", "2")
    assert through == run("search", "drink water", "--in", "depth", "--top", "2")[0]
    assert "depth: 3 clips, reads 1 of 1 lists; recall@10 1.000" in said
    assert "thermal" not in said


@pytest.mark.parametrize("recall", ["0", "1.5", "-1", "nan"])
def test_a_recall_that_is_no_share_is_refused(here, recall):
    _, _, error = run("index", "--recall", recall)
    assert f"--recall {recall}: expected a share above 0 and at most 1" in str(error)


def test_a_recall_that_is_asked_for_reaches_the_index(here, monkeypatch):
    asked = []
    real = index.build
    monkeypatch.setattr(
        index, "build", lambda row, sense, query, recall: asked.append(recall) or real(row, sense, query, recall)
    )
    run("index", "--min-clips", "1", "--recall", "0.5")
    assert asked == [0.5] * 4
