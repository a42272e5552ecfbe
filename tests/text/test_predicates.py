"""Which relations may be true of the same two things; the pairs are in predicate_pairs.csv."""

import csv
from pathlib import Path

import pytest

from pipeline.graphs.scene import Relation, SceneObject, scene_graph
from pipeline.text import truth
from pipeline.text.lexicon import Lexicon
from pipeline.text.predicates import CONTRARY, LISTED, Predicates
from pipeline.text.truth import Truth

LEXICON = Lexicon()
PREDICATES = Predicates()
with (Path(__file__).parent / "predicate_pairs.csv").open(encoding="utf-8", newline="") as _file:
    PAIRS = [(row["said"], row["claim"], row["also"]) for row in csv.DictReader(_file)]


def facts_of(said: str, names: tuple[str, str] = ("woman", "thingummy")) -> Truth:
    objects = [SceneObject(1, (names[0],)), SceneObject(2, (names[1],))]
    return Truth(scene_graph("1", "", (9, 9), objects, [Relation(1, 2, said)]), LEXICON)


def test_there_are_enough_pairs():
    assert sum(also == "may be" for *_, also in PAIRS) >= 150
    assert sum(also == "is not" for *_, also in PAIRS) >= 75


@pytest.mark.parametrize(("said", "claim", "also"), PAIRS)
def test_a_claim_is_false_only_where_what_is_said_speaks_against_it(said, claim, also):
    reason = facts_of(said).of_relation(1, claim, 2)
    assert (reason is None) == (also == "is not")


@pytest.mark.parametrize(
    ("predicate", "names"),
    [
        *[
            (predicate, ("man", "bench"))
            for predicate in ("standing next to", "parked next to", "sitting beside", "near", "with", "facing", "has",
                              "touching", "against", "across from", "standing by", "along", "connected to")
        ],
        *[
            (predicate, ("man", "dog"))
            for predicate in ("hugging", "kissing", "playing with", "talking to", "looking at", "smiling at", "licking",
                              "shaking hands with", "racing", "fighting", "greeting", "posing with")
        ],
        ("hitting", ("bat", "ball")),
    ],
)  # fmt: skip
def test_what_may_be_true_both_ways_is_no_false_swap(predicate, names):
    assert facts_of(predicate, names).of_relation(2, predicate, 1) is not None


@pytest.mark.parametrize(
    ("said", "claim", "reason"),
    [
        ("next to", "on", None),  # what is next to a bench has the bench next to it, and so not on it
        ("near", "hugging", truth.MIRRORED),
    ],
)
def test_a_fact_that_is_true_both_ways_is_held_against_claims_the_other_way_round(said, claim, reason):
    assert facts_of(said, ("man", "bench")).of_relation(2, claim, 1) == reason


def test_of_facts_from_both_sides_the_one_that_says_more_gives_the_reason():
    """ "next to" leaves open whether the man is under the bench; that it is on him says so."""
    objects = [SceneObject(1, ("man",)), SceneObject(2, ("bench",))]
    facts = Truth(scene_graph("1", "", (9, 9), objects, [Relation(1, 2, "next to"), Relation(2, 1, "on")]), LEXICON)
    assert facts.of_relation(1, "under", 2) == truth.MIRRORED


@pytest.mark.parametrize(
    ("predicate", "names"),
    [("riding", ("man", "horse")), ("wearing", ("man", "hat")), ("on", ("cup", "table")), ("in", ("man", "car")),
     ("looking at", ("man", "monitor")), ("holding", ("man", "cup")), ("behind", ("man", "car")),
     ("hitting", ("man", "ball")), ("playing with", ("dog", "ball")), ("sitting on", ("cat", "chair")),
     ("pulling", ("horse", "cart")), ("above", ("clock", "door")), ("around", ("fence", "tree"))],
)  # fmt: skip
def test_other_roles_are_not_exchanged_in_truth(predicate, names):
    assert facts_of(predicate, names).of_relation(2, predicate, 1) is None


@pytest.mark.parametrize(
    ("said", "claim"),
    [("on", "under"), ("under", "above"), ("in front of", "behind"), ("wearing", "worn by"), ("holding", "held by"),
     ("to the left of", "to the right of"), ("covering", "covered by"), ("sitting on", "under"), ("has", "of"),
     ("riding", "ridden by"), ("supporting", "on"), ("around", "surrounded by"), ("standing behind", "in front of")],
)  # fmt: skip
def test_inverse_relations_are_true_from_the_other_side(said, claim):
    assert facts_of(said).of_relation(2, claim, 1) == truth.MIRRORED


def test_postures_exclude_each_other_for_those_that_live():
    assert facts_of("sitting on", ("man", "table")).of_relation(1, "standing on", 2) is None
    assert facts_of("sitting on", ("vase", "table")).of_relation(1, "standing on", 2) == truth.IMPLIED


def test_what_is_on_the_ground_may_be_next_to_it():
    assert facts_of("next to", ("sign", "street")).of_relation(1, "on", 2) == truth.IMPLIED
    assert facts_of("next to", ("sign", "table")).of_relation(1, "on", 2) is None
    assert facts_of("under", ("sign", "street")).of_relation(1, "on", 2) is None


def test_one_fact_that_speaks_against_a_claim_is_enough_unless_another_implies_it():
    objects = [SceneObject(1, ("person",)), SceneObject(2, ("cup",))]

    def reason(claim: str, *said: str) -> str | None:
        relations = [Relation(1, 2, word) for word in said]
        return Truth(scene_graph("1", "", (9, 9), objects, relations), LEXICON).of_relation(1, claim, 2)

    assert reason("wearing", "looking at") == truth.IMPLIED
    assert reason("wearing", "looking at", "holding") is None
    assert reason("touching", "looking at", "holding") == truth.IMPLIED
    assert reason("on", "next to", "sitting on") == truth.IMPLIED


def test_a_fact_of_another_pair_of_that_name_speaks_against_nothing():
    objects = [SceneObject(node, (name,)) for node, name in enumerate(("man", "horse", "man", "horse"))]
    relations = [Relation(0, 1, "riding"), Relation(2, 3, "near")]
    facts = Truth(scene_graph("1", "", (9, 9), objects, relations), LEXICON)
    assert facts.of_relation(0, "feeding", 1) == truth.IMPLIED
    assert facts.of_relation(0, "under", 1) is not None


@pytest.mark.parametrize(
    ("word", "verb", "places"),
    [("sitting on", "sitting", ("on",)), ("is seated upon the", "sitting", ("on",)), ("placed on", "", ("on",)),
     ("on back of", "", ("on", "of")), ("grazing in", "grazing", ("in",)), ("holding", "", ()), ("in", "", ("in",)),
     ("standing on side of", "standing", ("on the side of",)), ("maneuvering quickly", "", ())],
)  # fmt: skip
def test_an_unlisted_phrase_is_read_as_a_verb_and_its_prepositions(word, verb, places):
    about = PREDICATES.of(word)
    assert (about.verb if about.known else "", about.places) == (verb, places)


def test_synonyms_of_a_verb_make_the_same_claim():
    assert PREDICATES.of("seated on").meaning == PREDICATES.of("sits on").meaning == "sitting on"
    assert PREDICATES.of("laying in").meaning == PREDICATES.of("lying inside of").meaning


def test_the_alias_of_an_unlisted_word_means_what_that_one_means():
    aliased = Predicates([["stuck upon", "glued over"]])
    assert aliased.of("glued over").meaning == aliased.of("stuck upon").meaning
    assert aliased.of("glued over").places == ("on",)
    assert aliased.of("glued over").wording == "glued over"


def test_a_listed_fact_holds_both_ways():
    for meaning in {pair[0] for pair in PAIRS} | {pair[1] for pair in PAIRS}:
        for other in ("on", "under", "wearing", "holding", "touching"):
            forth, back = (
                PREDICATES.compare((meaning, other, (True, False))),
                PREDICATES.compare((other, meaning, (True, False))),
            )
            assert (forth == CONTRARY) == (back == CONTRARY), (meaning, other)


@pytest.mark.parametrize(
    ("word", "tells"),
    [("has", False), ("with", False), ("near", False), ("on", True), ("wearing", True), ("in front of", True)],
)
def test_a_relation_that_goes_with_nearly_all_tells_nothing(word, tells):
    assert PREDICATES.is_informative(PREDICATES.of(word).meaning) == tells


def test_an_implied_place_is_listed_and_a_special_one_open():
    assert PREDICATES.compare(("on", "sitting on", (True, False))) == LISTED
    assert CONTRARY < PREDICATES.compare(("sitting on", "on", (True, False))) < LISTED
