import pytest

from pipeline.graphs.scene import Relation, SceneObject, scene_graph
from pipeline.text.actions import actions
from pipeline.text.lexicon import Lexicon

LEXICON = Lexicon()


def acts(subject: str, predicate: str, object_: str, group: str = "") -> bool:
    objects = [SceneObject(1, (subject,)), SceneObject(2, (object_,))]
    return actions(scene_graph("7", "", (9, 9), objects, [Relation(1, 2, predicate, group)]), LEXICON) == [0]


@pytest.mark.parametrize(
    ("subject", "predicate", "object_", "action"),
    [
        ("man", "riding", "horse", True),
        ("man", "is holding a", "ball", True),
        ("girl", "carries", "bag", True),
        ("woman", "walking on", "street", True),
        ("dog", "eating", "grass", True),
        ("bus", "driving on", "road", True),
        ("ball", "held by", "man", True),
        ("horse", "being ridden by", "boy", True),
        ("ball", "surrounded by", "grass", False),
        ("man", "with", "hat", False),
        ("man", "behind", "car", False),
        ("car", "parked on", "street", False),
        ("shirt", "hanging on", "rack", False),
        ("sign", "reading", "stop", False),
        ("group", "including", "man", False),
        ("tree", "near by", "man", False),
    ],
)
def test_in_visual_genome_what_somebody_does_is_an_action(subject, predicate, object_, action):
    assert acts(subject, predicate, object_) is action


@pytest.mark.parametrize(
    ("predicate", "group", "action"),
    [
        ("holding", "contacting", True),
        ("covered by", "contacting", True),
        ("other relationship", "contacting", True),
        ("not contacting", "contacting", False),
        ("looking at", "attention", False),
        ("in front of", "spatial", False),
    ],
)
def test_in_action_genome_every_contact_is_an_action(predicate, group, action):
    assert acts("person", predicate, "cup", group) is action


def test_places_are_those_of_the_graph_s_relations():
    objects = [SceneObject(n, (name,)) for n, name in ((1, "man"), (2, "horse"), (3, "hat"))]
    edges = [Relation(1, 2, "riding"), Relation(1, 3, "with"), Relation(1, 3, "wears")]
    graph = scene_graph("7", "", (9, 9), objects, edges)
    assert [graph.relations[place].predicate for place in actions(graph, LEXICON)] == ["riding", "wears"]
