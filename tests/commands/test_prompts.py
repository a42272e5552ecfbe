import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import prompts
from pipeline.core.errors import ParamsError
from pipeline.datasets import shared


def test_a_request_a_class_is_written_as_json_lines(tmp_path):
    out = tmp_path / "asked.jsonl"
    done = CliRunner().invoke(app, ["prompts", "request", "utd_mhad", "--type", "context", "--out", str(out)])
    assert done.exit_code == 0
    asked = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one["class_name"] for one in asked] == [known.name for known in shared.classes("utd_mhad")]
    assert asked[2] == {
        "id": "utd_mhad/0002/context",
        "dataset": "utd_mhad",
        "class_id": 2,
        "class_name": "wave",
        "type": "context",
        "prompt": "Describe the context in which the wave occurs",
    }


def test_the_classes_of_a_manifest_are_the_user_s(tmp_path):
    (tmp_path / "classes.csv").write_text("class_id,name,context\n0,stir,\n")
    out = tmp_path / "asked.jsonl"
    assert prompts.request("manifest", "verb", classes=tmp_path / "classes.csv", out=out) == 1
    assert "stir" in json.loads(out.read_text())["prompt"]


@pytest.mark.parametrize(
    ("dataset", "kind", "message"),
    [
        ("utd", "context", "no dataset 'utd': the datasets are activitynet, demo"),
        ("utd_mhad", "legs", "no request for texts of type 'legs'; there are body_parts, context"),
        ("manifest", "context", "'manifest' ships no class list; give yours with --classes FILE"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line_and_writes_nothing(tmp_path, dataset, kind, message):
    with pytest.raises(ParamsError, match=message):
        prompts.request(dataset, kind, classes=None, out=tmp_path / "asked.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_class_list_that_would_not_be_read_is_refused(tmp_path):
    with pytest.raises(ParamsError, match=r"'demo' comes with its class list; leave out --classes mine\.csv"):
        prompts.request("demo", "verb", classes=Path("mine.csv"), out=tmp_path / "asked.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_an_out_that_is_a_folder_is_refused(tmp_path):
    done = CliRunner().invoke(app, ["prompts", "request", "demo", "--type", "verb", "--out", str(tmp_path)])
    assert done.exit_code == 2
