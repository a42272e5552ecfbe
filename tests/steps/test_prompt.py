import pytest

from pipeline.core import params, tables
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.schemas import PROMPTS
from pipeline.datasets import shared
from pipeline.steps import prompt

TEMPLATE = "a person performs the action: {name}"


def row(dataset="utd_mhad", **keys):
    base = {"dataset": dataset, "template": TEMPLATE, "descriptions": f"pipeline/datasets/classes/{dataset}.csv"}
    return params.parse(prompt.Row, base | keys, "prompt.rows.x")


def written(tmp_path, dataset="utd_mhad", descriptions=None, **keys):
    out = tmp_path / "prompt.parquet"
    prompt.prompt(row(dataset, **keys), descriptions=descriptions or shared.class_file(dataset), out=out)
    return tables.read_rows(out, PROMPTS)


def test_every_class_gets_its_label_and_its_context(tmp_path):
    rows = written(tmp_path)
    assert len(rows) == 54
    by_key = {(found["class_id"], found["type"]): found for found in rows}
    assert by_key[2, "label"] == {
        "class_id": 2,
        "class_name": "wave",
        "type": "label",
        "index": 0,
        "text": "a person performs the action: wave",
    }
    assert by_key[2, "context"]["text"] == shared.classes("utd_mhad")[2].context


def test_a_dataset_without_contexts_gets_labels_only(tmp_path):
    rows = written(tmp_path, "ntu60")
    assert {found["type"] for found in rows} == {"label"}
    assert len(rows) == 60


def test_the_template_decides_the_label(tmp_path):
    assert written(tmp_path, template="{name}, seen from afar")[1]["text"] == "swipe left, seen from afar"


def test_a_file_of_the_user_takes_the_place_of_the_contexts(tmp_path):
    names = [known.name for known in shared.classes("utd_mhad")]
    file = tmp_path / "mine.csv"
    file.write_text("name,hands\n" + "".join(f'"{name.upper()}",hands that {name}\n' for name in reversed(names)))
    rows = written(tmp_path, descriptions=file)
    assert {found["type"] for found in rows} == {"label", "hands"}
    assert next(found for found in rows if found["type"] == "hands")["text"] == "hands that swipe left"


def test_two_runs_write_the_same_bytes(tmp_path):
    written(tmp_path)
    first = (tmp_path / "prompt.parquet").read_bytes()
    written(tmp_path)
    assert (tmp_path / "prompt.parquet").read_bytes() == first


@pytest.mark.parametrize("template", ["a person", "{name} and {name}", "{class}"])
def test_a_template_without_one_place_for_the_name_is_refused(template):
    with pytest.raises(ParamsError, match=r"a template says \{name\} once"):
        row(template=template)


@pytest.mark.parametrize("path", ["/tmp/x.csv", "../x.csv", "a/../../x.csv", "a\\x.csv"])
def test_descriptions_outside_the_project_are_refused(path):
    with pytest.raises(ParamsError, match="lies in the project and is named relative to it"):
        row(descriptions=path)


def test_two_classes_of_one_name_are_refused(tmp_path, monkeypatch):
    twins = [shared.ActionClass(0, "wave", ""), shared.ActionClass(1, "Wave", "")]
    monkeypatch.setattr(shared, "classes", lambda name, own: twins)
    with pytest.raises(DataError, match=r"prompt\.rows\.utd_mhad: classes 0 and 1 have the same name"):
        written(tmp_path)
