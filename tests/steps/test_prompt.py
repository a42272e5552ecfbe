import json

import pytest

from pipeline.core import pages, params, tables
from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.core.schemas import PROMPTS
from pipeline.datasets import shared
from pipeline.steps import prompt
from pipeline.text import captions, label_parts

TEMPLATE = "a person performs the action: {name}"
WORDED = captions.Params(max_attributes=3, max_matchings=64)
CONTEXT = {"context": ["class_list"]}


def row(dataset="utd_mhad", **keys):
    base = {"dataset": dataset, "templates": [TEMPLATE], "descriptions": "data/x", "sources": CONTEXT}
    return params.parse(prompt.Row, base | keys, "prompt.rows.x")


def written(tmp_path, dataset="utd_mhad", descriptions=None, **keys):
    out, page = tmp_path / "prompt.parquet", tmp_path / "page"
    descriptions = descriptions or shared.class_file(dataset)
    prompt.prompt(row(dataset, **keys), WORDED, descriptions=descriptions, out=out, page=page)
    return tables.read_table(out, PROMPTS).to_pylist()


def names():
    return [known.name for known in shared.classes("utd_mhad")]


@pytest.fixture
def folder(tmp_path):
    """A user's folder with a CSV, scene graphs and answers of a model."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "t.csv").write_text("name,hands,paragraph\n" + "".join(f'"{name}",h {name},p {name}\n' for name in names()))
    graphs = "".join(f'"{name}",person,doing,thing {number}\n' for number, name in enumerate(names()))
    (mine / "g.csv").write_text("name,subject,relation,object\n" + graphs)
    told = [{"id": f"utd_mhad/{n:04d}/paragraph", "answer": f"It {n}. So {n}."} for n in range(27)]
    (mine / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in told))
    return mine


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
        "origin": "template",
    }
    assert by_key[2, "context"]["text"] == shared.classes("utd_mhad")[2].context
    assert by_key[2, "context"]["origin"] == "ours"


def test_a_dataset_without_contexts_gets_labels_only(tmp_path):
    rows = written(tmp_path, "hmdb51", sources={})
    assert {found["type"] for found in rows} == {"label"}
    assert len(rows) == 51


def test_every_template_is_a_label(tmp_path):
    rows = written(tmp_path, templates=["{name}, seen from afar", "{name}"], sources={})
    assert [found["text"] for found in rows if found["class_id"] == 1] == ["swipe right, seen from afar", "swipe right"]


def test_the_texts_that_ship_are_read_from_their_folder(tmp_path):
    ours = shared.class_file("utd_mhad").parents[2] / "text" / "classes" / "utd_mhad"
    rows = written(
        tmp_path,
        descriptions=ours,
        sources=CONTEXT | {"synonym": ["synonym.csv"], "verb": ["words.csv"], "scene_graph": ["scene_graph.csv"]},
    )
    assert {found["type"] for found in rows} == {"label", "context", "synonym", "verb", "scene_graph"}
    assert {found["origin"] for found in rows} == {"template", "ours"}


def test_a_file_of_the_user_gives_the_types_that_are_asked_for(tmp_path, folder):
    rows = written(tmp_path, descriptions=folder / "t.csv", sources={"hands": ["t.csv"]})
    assert {found["type"] for found in rows} == {"label", "hands"}
    assert next(found for found in rows if found["type"] == "hands")["text"] == "h swipe left"


def test_a_type_may_have_several_sources_each_with_its_origin(tmp_path, folder):
    answers = {"file": "a.jsonl", "model": "some-model"}
    sources = CONTEXT | {"scene_graph": ["g.csv"], "paragraph": ["t.csv", answers]}
    rows = written(tmp_path, descriptions=folder, sources=sources)
    mine = [found for found in rows if (found["class_id"], found["type"]) == (3, "paragraph")]
    assert [(found["index"], found["text"]) for found in mine] == [(0, "p clap"), (1, "It 3."), (2, "So 3.")]
    kinds = [found["origin"].split(":")[:-1] for found in mine]
    assert kinds == [["csv"], ["model", "some-model"], ["model", "some-model"]]
    graphs = [found["text"] for found in rows if found["type"] == "scene_graph"]
    assert graphs[3] == "A person doing a thing 3."


def test_a_type_that_a_source_has_not_is_refused_with_those_it_has(tmp_path, folder):
    with pytest.raises(ParamsError, match=r"t\.csv has no texts of type 'legs'; its types: hands, paragraph"):
        written(tmp_path, descriptions=folder, sources={"legs": ["t.csv"]})


def test_a_source_that_is_not_there_is_refused(tmp_path, folder):
    with pytest.raises(FormatError, match=r"gone\.csv: no such file"):
        written(tmp_path, descriptions=folder, sources={"legs": ["gone.csv"]})


PARTS = {"verb": ["class_name"], "noun": ["class_name"]}


def told(rows, kind):
    return {found["class_name"]: (found["text"], found["origin"]) for found in rows if found["type"] == kind}


def test_verbs_and_nouns_are_read_off_the_names(tmp_path):
    rows = written(tmp_path, "ntu120", sources=PARTS)
    assert told(rows, "verb")["tear up paper"] == ("tear up", "name")
    assert told(rows, "noun")["tear up paper"] == ("paper", "name")
    assert told(rows, "noun")["jump up"] == ("body", "ours")  # its name has none
    assert len(told(rows, "verb")) == len(told(rows, "noun")) == 120


@pytest.fixture
def own_list(tmp_path):
    """A class list that the user brings, in which two classes have a verb or a noun of their own."""
    file = tmp_path / "classes.csv"
    lines = ["class_id,name,context,verb,noun", "0,jump about,,,body", "1,drink water,,,", "2,zorbing,,roll,ball"]
    file.write_text("\n".join(lines) + "\n")
    return file


def test_columns_of_the_class_list_take_the_place_of_what_is_read(tmp_path, own_list):
    rows = written(tmp_path, "mine", descriptions=own_list, sources=PARTS)
    assert [text for text, _ in told(rows, "verb").values()] == ["jump", "drink", "roll"]
    assert [text for text, _ in told(rows, "noun").values()] == ["body", "water", "ball"]
    origins = [origin.split(":")[0] for _, origin in told(rows, "noun").values()]
    assert origins == ["csv", "name", "csv"]


def test_a_name_without_a_noun_is_an_error_that_says_where_to_write_it_if_nouns_are_asked_for(tmp_path, own_list):
    own_list.write_text("class_id,name,context\n0,drink water,\n1,jump about,\n")
    rows = written(tmp_path, "mine", descriptions=own_list, sources={"verb": ["class_name"]})
    assert told(rows, "verb")["jump about"] == ("jump", "name")
    wanted = rf"'mine': no noun is known for class 1 'jump about'; write it into a column 'noun' of {own_list}$"
    with pytest.raises(DataError, match=wanted):
        written(tmp_path, "mine", descriptions=own_list, sources=PARTS)


def test_of_a_list_that_ships_the_error_asks_for_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(label_parts, "_shipped", dict)
    wanted = (
        "'hmdb51': no verb is known for class 14 'flic flac'; write it into a CSV file of all classes, columns name"
    )
    with pytest.raises(DataError, match=wanted):
        written(tmp_path, "hmdb51", sources=PARTS)


def test_a_column_of_nouns_with_a_gap_is_refused_where_it_is_the_source(tmp_path, own_list):
    with pytest.raises(DataError, match=r"classes\.csv: no text under 'noun' for class 'drink water'; write one"):
        written(tmp_path, "mine", descriptions=own_list, sources={"noun": ["class_list"]})


def test_names_are_a_source_of_verbs_and_nouns_only(tmp_path):
    with pytest.raises(ParamsError, match="type 'hands': 'class_name' is a source of the types noun and verb only"):
        written(tmp_path, sources={"hands": ["class_name"]})


def test_the_page_shows_every_text_with_its_origin(tmp_path, folder):
    rows = written(tmp_path, descriptions=folder, sources=CONTEXT | {"hands": ["t.csv"]})
    page = pages.read(tmp_path / "page" / "page.json")
    assert (page.stage, page.row) == ("prompt", "utd_mhad")
    counts, *shown = page.tables
    assert [line[:2] for line in counts.rows] == [["label", 27], ["context", 27], ["hands", 27]]
    found = {(table.title, *line[1:]) for table in shown for line in table.rows}
    assert found == {(one["type"], one["text"], one["origin"]) for one in rows}


def test_two_runs_write_the_same_bytes(tmp_path, folder):
    sources = CONTEXT | {"hands": ["t.csv"], "scene_graph": ["g.csv"]}
    written(tmp_path, descriptions=folder, sources=sources)
    first = [(tmp_path / name).read_bytes() for name in ("prompt.parquet", "page/page.json")]
    written(tmp_path, descriptions=folder, sources=sources)
    assert [(tmp_path / name).read_bytes() for name in ("prompt.parquet", "page/page.json")] == first


@pytest.mark.parametrize("template", ["a person", "{name} and {name}", "{class}"])
def test_a_template_without_one_place_for_the_name_is_refused(template):
    with pytest.raises(ParamsError, match=r"a template says \{name\} once"):
        row(templates=[TEMPLATE, template])


def test_templates_given_twice_or_not_at_all_are_refused():
    with pytest.raises(ParamsError, match="a template is given twice"):
        row(templates=[TEMPLATE, TEMPLATE])
    with pytest.raises(ParamsError, match="templates"):
        row(templates=[])


@pytest.mark.parametrize("path", ["/x.csv", "../x.csv", "a/../../x.csv", "a\\x.csv"])
def test_descriptions_outside_the_project_are_refused(path):
    with pytest.raises(ParamsError, match="lies in the project and is named relative to it"):
        row(descriptions=path)


@pytest.mark.parametrize("name", ["../x.csv", "a/b.csv", "/x", "..", "", "a\\b"])
def test_a_source_outside_the_folder_is_refused(name):
    for source in (name, {"file": name, "model": "m"}):
        with pytest.raises(ParamsError, match=r"sources\.hands"):
            row(sources={"hands": [source]})


@pytest.mark.parametrize("kind", ["", "a/b", "..", "_x", " a"])
def test_a_type_that_cannot_name_a_group_of_vectors_is_refused(kind):
    with pytest.raises(ParamsError, match=r"sources\..*should match pattern"):
        row(sources={kind: ["t.csv"]})


def test_labels_have_no_source_but_the_templates():
    with pytest.raises(ParamsError, match="type 'label' is made from the templates"):
        row(sources={"label": ["t.csv"]})


def test_two_classes_of_one_name_are_refused(tmp_path, monkeypatch):
    twins = [shared.ActionClass(0, "wave", ""), shared.ActionClass(1, "Wave", "")]
    monkeypatch.setattr(shared, "classes", lambda name, own: twins)
    with pytest.raises(DataError, match=r"prompt\.rows\.utd_mhad: classes 0 and 1 have the same name"):
        written(tmp_path)
