import pytest

from pipeline.graphs.scene import Relation, SceneObject, scene_graph
from pipeline.text import truth
from pipeline.text.lexicon import Lexicon
from pipeline.text.truth import Truth

LEXICON = Lexicon([["sofa bed", "daybed"]])
OBJECTS = [
    SceneObject(1, ("man", "guy")),
    SceneObject(2, ("shirt",), ("red",)),
    SceneObject(3, ("car",), ("red", "white")),
    SceneObject(4, ("car",), ("blue",)),
    SceneObject(5, ("door",), ("wooden",)),
    SceneObject(6, ("doors",), ()),
    SceneObject(7, ("white top",), ()),
    SceneObject(8, ("sneakers",), (), ("gym_shoe.n.01",)),
]
RELATIONS = [
    Relation(1, 2, "wears"), Relation(3, 4, "next to"), Relation(4, 5, "in front of"), Relation(1, 3, "sitting on"),
    Relation(7, 5, "on"),
]  # fmt: skip
FACTS = Truth(scene_graph("7", "", (9, 9), OBJECTS, RELATIONS), LEXICON)


@pytest.mark.parametrize(
    "word",
    ["man", "men", "guy", "person", "boy", "vehicle", "automobile", "sneakers", "boots", "gym shoe", "sports car"],
)
def test_what_may_be_in_the_picture_is_no_new_noun(word):
    assert FACTS.of_noun(word) == truth.PRESENT


@pytest.mark.parametrize("word", ["dog", "bus", "hat", "zeppelin"])
def test_what_nothing_in_the_picture_is_called_is_a_new_noun(word):
    assert FACTS.of_noun(word) is None


@pytest.mark.parametrize(
    ("subject", "predicate", "object_", "reason"),
    [
        (1, "wears", 2, truth.TRUE),
        (1, "wearing", 2, truth.TRUE),
        (1, "has", 2, truth.IMPLIED),
        (1, "on", 3, truth.IMPLIED),
        (1, "standing on", 3, None),
        (4, "next to", 3, truth.TRUE),  # either is "a car"
        (5, "behind", 4, truth.MIRRORED),
        (5, "in front of", 3, truth.UNKNOWN),  # of which of the two cars?
        (2, "in front of", 3, truth.UNKNOWN),
        (8, "in front of", 1, None),
        (5, "under", 7, truth.MIRRORED),
        (2, "wearing", 1, None),
        (1, "holding", 5, None),
    ],
)
def test_relations_are_true_in_other_words_and_from_the_other_side(subject, predicate, object_, reason):
    assert FACTS.of_relation(subject, predicate, object_) == reason


@pytest.mark.parametrize(
    ("fact", "claim", "reason"),
    [
        (("dog", "licking", "horse"), ("horse", "licking", "dog"), truth.MIRRORED),  # between two that live
        (("table", "touching", "cup"), ("cup", "looking at", "table"), truth.MIRRORED),  # the fact is true both ways
        (("man", "following", "cup"), ("cup", "next to", "man"), truth.MIRRORED),  # the claim is true both ways
        (("man", "against", "cup"), ("cup", "looking at", "man"), truth.MIRRORED),
        (("man", "hugging", "cup"), ("cup", "hugging", "man"), None),  # what lives and what does not
        (("man", "carrying", "cup"), ("cup", "holding", "man"), None),
    ],
)
def test_what_is_true_the_other_way_round_is_mirrored(fact, claim, reason):
    things = {name: SceneObject(number, (name,)) for number, name in enumerate((fact[0], fact[2]), 1)}
    edge = Relation(things[fact[0]].id, things[fact[2]].id, fact[1])
    facts = Truth(scene_graph("7", "", (9, 9), things.values(), [edge]), LEXICON)
    assert facts.of_relation(things[claim[0]].id, claim[1], things[claim[2]].id) == reason


@pytest.mark.parametrize(
    ("node", "word", "reason"),
    [
        (2, "red", truth.TRUE),
        (2, "maroon", truth.TRUE),
        (2, "blue", truth.UNKNOWN),  # the white top is a shirt, and of no stated colour
        (3, "blue", truth.SHARED),
        (3, "green", None),
        (5, "metal", truth.UNKNOWN),
        (7, "white", truth.TRUE),
    ],
)
def test_an_attribute_may_be_true_of_another_object_of_that_name(node, word, reason):
    assert FACTS.of_attribute(node, word) == reason


def test_contradiction_needs_a_listed_kind_and_another_value():
    assert truth.all_exclude(["red", "old"], "blue", LEXICON)
    assert not truth.all_exclude(["grey"], "gray", LEXICON)
    assert not truth.all_exclude(["old"], "blue", LEXICON)
    assert not truth.all_exclude(["red", "blue"], "navy", LEXICON)
