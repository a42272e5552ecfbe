import pytest

from pipeline.core.errors import DataError
from pipeline.graphs.scene import Relation, SceneObject, scene_graph
from pipeline.text import captions, class_graphs, sources
from pipeline.text.captions import Captioner
from pipeline.text.lexicon import Lexicon

WORDED = captions.Params(max_attributes=3, max_matchings=64)
NAMES = ["drink", "wave"]
TABLE = (
    "name,subject,relation,object\n"
    'drink,person,holding,"cup [white, paper]"\n'
    'drink,"cup  [white, paper]",near,mouth\n'
    "wave,person,waving,hand [raised]\n"
)


def read(tmp_path, text):
    (tmp_path / "g.csv").write_text(text)
    return sources.from_csv(tmp_path / "g.csv", NAMES, WORDED)


def test_a_table_of_relations_becomes_one_text_a_class(tmp_path):
    found = read(tmp_path, TABLE)
    assert [(text.class_id, text.type, text.index, text.text) for text in found] == [
        (0, "scene_graph", 0, "A person holding a white paper cup near a mouth."),
        (1, "scene_graph", 0, "A person waving a raised hand."),
    ]


def test_it_is_told_as_the_same_graph_of_a_picture_is(tmp_path):
    objects = [SceneObject(0, ("person",)), SceneObject(1, ("cup",), ("white", "paper")), SceneObject(2, ("mouth",))]
    shown = scene_graph("7", "", (64, 48), objects, [Relation(0, 1, "holding"), Relation(1, 2, "near")])
    assert read(tmp_path, TABLE)[0].text == Captioner(WORDED, Lexicon()).caption(shown).text


def test_the_params_decide_how_many_attributes_are_said(tmp_path):
    (tmp_path / "g.csv").write_text(TABLE)
    worded = captions.Params(max_attributes=1, max_matchings=64)
    assert sources.from_csv(tmp_path / "g.csv", NAMES, worded)[0].text == "A person holding a white cup near a mouth."


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("wave,person,,hand", "class 'wave': no relation between 'person' and 'hand'"),
        ("wave,,waving,hand", "found '', expected a thing such as 'cup'"),
        ("wave,person,waving,hand [raised", "found 'hand \\[raised', expected a thing"),
        ("wave,person,waving,[raised]", "found '\\[raised\\]', expected a thing"),
        ("wave,hand,waving,hand", "class 'wave': relation of an object to itself"),
    ],
)
def test_a_faulty_relation_is_refused(tmp_path, line, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, f"name,subject,relation,object\ndrink,person,holding,cup\n{line}\n")


def test_a_graph_of_too_many_relations_is_refused():
    with pytest.raises(DataError, match="here: 51 relations, a class's scene graph has at most 50"):
        class_graphs.graph([("person", "near", f"cup {number}") for number in range(51)], "here")


def test_a_class_without_a_graph_is_refused(tmp_path):
    with pytest.raises(DataError, match="no row for 1 of 2 classes, first 'wave'"):
        read(tmp_path, "name,subject,relation,object\ndrink,person,holding,cup\n")
