"""A negative is its caption with one edit: what was said of the other things, and else of this one, stays."""

from collections import Counter

import pytest

from pipeline.graphs.crops import crop
from pipeline.graphs.scene import Relation, SceneGraph, SceneObject, scene_graph
from pipeline.text import negate, pools
from pipeline.text.captions import Captioner, Params
from pipeline.text.lexicon import Lexicon
from pipeline.text.negatives.shared import Scene
from pipeline.text.truth import PART, PRESENT, SHARED, UNKNOWN, Truth

LEXICON = Lexicon()
CAPTIONER = Captioner(Params(max_attributes=2, max_matchings=64), LEXICON)
UNIFORM = pools.Params(max_words=64, draw=pools.Uniform(kind="uniform"))


def graph_of(objects: list[tuple[str, ...]], *relations: tuple[int, str, int]) -> SceneGraph:
    """Objects as (name, attribute, ...), numbered from 0, in a picture of 100 x 100."""
    things = [
        SceneObject(node, one[:1], one[1:], (), (10.0 * node, 0.0, 10.0, 10.0)) for node, one in enumerate(objects)
    ]
    return scene_graph("1", "", (100, 100), things, [Relation(s, o, p) for s, p, o in relations])


def scene_of(graph: SceneGraph, *corpus: SceneGraph, whole: SceneGraph | None = None) -> Scene:
    statistics = pools.Statistics(LEXICON)
    for one in (graph, *corpus):
        statistics.add(one)
    told = CAPTIONER.caption(graph)
    return Scene(graph, told.text, told.pieces, Truth(whole or graph, LEXICON), pools.Pools(statistics, UNIFORM))


def all_of(rule: str, scene: Scene) -> set[str]:
    """Every negative that one rule makes of a caption, by many seeds."""
    texts = set()
    for seed in range(30):
        params = negate.Params(rules=[rule], per_rule=9, max_tries=99, seed=seed)
        counts = negate.Counts(Counter(), Counter())
        texts |= {made.text for made in negate.negatives(scene, [0], negate.load(params), params, counts)}
    return texts


def test_a_lamp_that_is_switched_on_is_said_to_be_on_before_a_relation_too():
    graph = graph_of([("television", "on"), ("stand",)], (0, "on", 1))
    assert CAPTIONER.caption(graph).text == "A switched-on television on a stand."


def test_what_the_relation_says_is_still_not_said_twice():
    graph = graph_of([("man", "sitting"), ("bench",)], (0, "sitting on", 1))
    assert CAPTIONER.caption(graph).text == "A man sitting on a bench."


def test_an_attribute_that_becomes_the_first_word_of_the_relation_is_not_lost():
    graph = graph_of([("lamp", "off"), ("table",)], (0, "on", 1))
    texts = all_of("replace_attribute", scene_of(graph, graph_of([("lamp", "on"), ("lamp", "lit")])))
    assert texts
    assert "A lamp on a table." not in texts
    assert "A switched-on lamp on a table." in texts


def test_an_attribute_that_the_relation_states_is_no_false_one():
    graph = graph_of([("dog", "running"), ("mat",)], (0, "lying on", 1))
    corpus = graph_of([("dog", "lying"), ("dog", "jumping")])
    assert all_of("replace_attribute", scene_of(graph, corpus)) == {"A jumping dog lying on a mat."}


def test_exchanged_attributes_are_not_lost_before_a_relation():
    graph = graph_of([("lamp", "off"), ("table",), ("television", "on"), ("stand",)], (0, "on", 1), (2, "on", 3))
    assert all_of("exchange_attributes", scene_of(graph)) == {
        "A switched-on lamp on a table. A switched-off television on a stand."
    }


@pytest.mark.parametrize(
    ("thing", "other", "negative"),
    [
        (("phone", "black", "office"), "hat", "An office black hat on a table."),
        (("phone", "old", "office"), "pen", "An old office pen on a table."),
        (("wall", "brick", "white"), "shelf", "A white brick shelf on a table."),
        (("orange car",), "bus", "A bus on a table."),
        (("shoes", "white"), "hat", "A white hat on a table."),
        (("hat", "orange"), "shoes", "Orange shoes on a table."),
    ],
)
def test_another_noun_keeps_the_attributes_that_were_said(thing, other, negative):
    graph = graph_of([thing, ("table",)], (0, "on", 1))
    assert negative in all_of("replace_subject", scene_of(graph, graph_of([(other,), ("table",)], (0, "on", 1))))


def test_a_noun_that_repeats_an_attribute_or_does_not_fit_a_number_is_left_out():
    graph = graph_of([("cats", "two"), ("roof",)], (0, "on", 1))
    corpus = [graph_of([(noun,), ("roof",)], (0, "on", 1)) for noun in ("dog", "dogs")]
    assert all_of("replace_subject", scene_of(graph, *corpus)) == {"Two dogs on a roof."}
    for word in ("some", "a bunch of", "pair of", "various", "other", "couple of", "lots of", "group of", "several"):
        texts = all_of("replace_subject", scene_of(graph_of([("cats", word), ("roof",)], (0, "on", 1)), *corpus))
        assert [text for text in texts if text.endswith("dog on a roof.")] == []
        assert len(texts) == 1
    stone = graph_of([("wall", "stone"), ("street",)], (0, "on", 1))
    corpus = [graph_of([(noun,), ("street",)], (0, "on", 1)) for noun in ("stone lion", "dog")]
    assert all_of("replace_subject", scene_of(stone, *corpus)) == {"A stone dog on a street."}


def test_a_colour_that_was_recorded_as_a_thing_keeps_its_own():
    graph = graph_of([("color", "red"), ("door", "wooden"), ("wall", "blue")], (0, "on", 1), (2, "near", 1))
    corpus = graph_of([("color", "green"), ("wall", "green")])
    for rule in ("replace_attribute", "exchange_attributes"):
        assert [text for text in all_of(rule, scene_of(graph, corpus)) if "A red color" not in text] == []
    assert all_of("replace_attribute", scene_of(graph, corpus))


@pytest.mark.parametrize(
    ("name", "rule", "text"),
    [('"stop"', "swap_roles", 'A board above "stop". A dog near a cat.'),
     ('"stop"', "replace_subject", "A logo above a board. A dog near a cat."),
     ("2 boats", "replace_subject", "A logo above a board. A dog near a cat.")],
)  # fmt: skip
def test_a_sentence_opens_with_a_capital_though_its_caption_opened_with_none(name, rule, text):
    graph = graph_of([(name,), ("board",), ("dog",), ("cat",)], (0, "above", 1), (2, "near", 3))
    assert text in all_of(rule, scene_of(graph, graph_of([("logo",), ("board",)], (0, "above", 1))))


def test_light_blue_is_not_taken_for_blue():
    graph = graph_of([("car", "light blue", "blue"), ("street",)], (0, "on", 1))
    texts = all_of("replace_attribute", scene_of(graph, graph_of([("car", "red")])))
    assert texts == {"A red car on a street."}


def test_every_mention_of_a_thing_changes_alike():
    graph = graph_of([("man", "tall"), ("hat",), ("ball",)], (0, "wearing", 1), (0, "holding", 2))
    scene = scene_of(graph, graph_of([("woman",), ("hat",)], (0, "wearing", 1)))
    assert scene.text.lower().count("man") == 2
    for text in all_of("replace_subject", scene):
        assert "man" not in text.lower().replace("woman", "")
        assert text.lower().count("woman") == 2
        assert text.lower().count("tall") == scene.text.lower().count("tall")


def test_what_is_said_not_to_be_so_is_not_made_false_by_another_noun_or_attribute():
    """Nobody touches a cup where there is none: "a person not touching a red cup" is true without cups."""
    graph = graph_of([("person",), ("phone", "black")], (0, "not contacting", 1))
    corpus = [
        graph_of([("person",), (noun, "red"), ("phone", "red")], (0, "not contacting", 1)) for noun in ("cup", "door")
    ]
    assert scene_of(graph).text == "A person not touching a black phone."
    for rule in ("replace_object", "replace_attribute", "exchange_attributes"):
        assert all_of(rule, scene_of(graph, *corpus)) == set()
    seen = graph_of([("person",), ("phone",), ("table",)], (0, "not contacting", 1), (2, "under", 1))
    assert all_of("replace_object", scene_of(seen, *corpus))


WHOLE = graph_of(
    [("man",), ("hat",), ("dog",), ("bench",), ("horse",), ("man",)],
    (0, "wearing", 1), (0, "near", 4), (5, "riding", 4), (0, "sitting on", 3),
)  # fmt: skip
REGION = crop(WHOLE, "7", (0, 0, 29, 10), 0.95)  # the dog is 90 % inside


def test_a_region_is_judged_by_the_whole_image():
    assert {thing.names[0] for thing in REGION.objects} == {"man", "hat"}
    corpus = [graph_of([(noun,), ("hat",)], (0, "wearing", 1)) for noun in ("dog", "bench", "zebra", "woman")]
    texts = {"A zebra wearing a hat.", "A woman wearing a hat."}
    assert all_of("replace_subject", scene_of(REGION, *corpus, whole=WHOLE)) == texts
    assert "A dog wearing a hat." in all_of("replace_subject", scene_of(REGION, *corpus))


def test_a_relation_of_a_region_is_judged_by_those_of_the_whole_image():
    part = crop(WHOLE, "8", (0, 0, 50, 10), 0.95)
    corpus = graph_of([("man",), ("horse",)], (0, "riding", 1))
    assert "A man riding a horse." not in " ".join(all_of("replace_predicate", scene_of(part, corpus, whole=WHOLE)))


def test_a_car_is_counted_among_the_vehicles():
    graph = graph_of([("car",), ("vehicle",), ("bench",), ("ball",)], (0, "hitting", 1), (1, "on", 2), (1, "near", 3))
    corpus = [
        graph_of([("lamp",), ("vehicle",)], (0, "hitting", 1)), graph_of([("lamp",), ("bench",)], (0, "on", 1))
    ]  # fmt: skip
    scene = scene_of(graph, *corpus)
    assert scene.text.startswith("A car hitting a second vehicle")
    texts = all_of("replace_subject", scene) | all_of("swap_roles", scene)
    assert [text for text in texts if text.startswith(("A lamp hitting a second", "A second vehicle hitting"))] == []


def bound(graph: SceneGraph) -> list[bool]:
    scene = scene_of(graph)
    return [scene.is_bound(node) for node in sorted(scene.mentions)]


def test_a_look_at_a_cup_and_its_hold_are_one_tie():
    things = [SceneObject(0, ("person",)), SceneObject(1, ("cup",)), SceneObject(2, ("box",))]
    edges = [Relation(0, 1, "looking at", "attention"), Relation(0, 1, "holding", "contacting")]
    assert bound(scene_graph("1", "", (9, 9), things[:2], edges)) == [False, False]
    edges.append(Relation(0, 2, "touching", "contacting"))
    assert bound(scene_graph("1", "", (9, 9), things, edges)) == [True, False, False]


def test_a_person_becomes_no_thing_where_the_corpus_has_no_other_word_for_people():
    graph = graph_of([("person",), ("bed",)], (1, "beside", 0))
    corpus = [graph_of([("broom",), ("table",)], (1, "beside", 0))]
    assert all_of("replace_object", scene_of(graph, *corpus)) == set()
    things = {"A table beside a person.", "A broom beside a person."}
    assert all_of("replace_subject", scene_of(graph, *corpus)) == things
    corpus.append(graph_of([("woman",), ("table",)], (1, "beside", 0)))
    assert "A bed beside a woman." not in all_of("replace_object", scene_of(graph, *corpus))  # she is a person
    man = graph_of([("man",), ("bed",)], (1, "beside", 0))
    assert "A bed beside a woman." in all_of("replace_object", scene_of(man, *corpus))


@pytest.mark.parametrize(
    ("noun", "present"),
    [("fridge", "refrigerator"), ("sidewalk", "pavement"), ("oven", "stove"), ("doughnut", "donut"),
     ("people", "woman"), ("couple", "man"), ("crowd", "player"), ("group of people", "boys"), ("girl", "people"),
     ("herd", "cow"), ("flock", "sheep"), ("herd", "giraffes"), ("flock", "geese"), ("traffic", "car"),
     ("shirt", "sweater"), ("boy", "kid"), ("vehicle", "sports car"), ("sports car", "vehicle"), ("truck", "car")],
)  # fmt: skip
def test_what_may_be_another_name_of_a_thing_is_in_the_picture(noun, present):
    assert Truth(graph_of([(present,)]), LEXICON).of_noun(noun) == PRESENT


@pytest.mark.parametrize(
    ("noun", "present", "reason"),
    [("shirt", "man", PART), ("left arm", "lady", PART), ("pants", "dog", None), ("tail", "dog", PART),
     ("hat", "man", None), ("wheels", "car", PART), ("window", "house", PART), ("cheese", "pizza", PART),
     ("shadow", "zeppelin", PART), ("kitchen", "oven", PART), ("living room", "sofa", PART), ("city", "street", PART),
     ("people", "dog", None), ("herd", "man", None), ("man", "woman", None), ("traffic", "boat", None),
     ("wheel", "man", None), ("wall", "man", None)],
)  # fmt: skip
def test_what_is_nearly_always_there_is_no_false_noun(noun, present, reason):
    """Nobody records that a man in the street wears a shirt."""
    assert Truth(graph_of([(present,)]), LEXICON).of_noun(noun) == reason


@pytest.mark.parametrize(
    ("other", "reason"),
    [(("vehicle", "blue"), SHARED), (("van", "blue"), SHARED), (("sports car", "blue"), SHARED),
     (("bus", "blue"), None), (("vehicle",), UNKNOWN), (("dog", "blue"), None)],
)  # fmt: skip
def test_an_attribute_of_a_thing_under_another_name_may_make_it_true(other, reason):
    assert Truth(graph_of([("car", "red"), other]), LEXICON).of_attribute(0, "blue") == reason


def test_a_relation_of_a_thing_under_another_name_may_make_it_true():
    facts = Truth(graph_of([("man",), ("car",), ("vehicle",)], (0, "near", 1), (0, "driving", 2)), LEXICON)
    assert facts.of_relation(0, "driving", 1) is not None
