import pytest

from pipeline.core import members
from pipeline.text import wordlists
from pipeline.text.lexicon import Lexicon

LEXICON = Lexicon()


@pytest.mark.parametrize(
    ("word", "meaning", "kind"),
    [
        ("dogs", "dog", "animal"), ("guy", "man", "person"), ("sneakers", "shoe", "clothing"),
        ("wine glass", "wine glass", "container"), ("blue buses", "blue bus", "vehicle"),
        ("cherries", "cherry", "food"), ("zeppelin", "zeppelin", "zeppelin"),
    ],
)  # fmt: skip
def test_nouns_mean_what_the_lists_or_their_last_word_say(word, meaning, kind):
    assert (LEXICON.noun(word).meaning, LEXICON.noun(word).kind) == (meaning, kind)


def test_a_special_name_is_of_the_general_kind_and_not_the_other_way_round():
    assert LEXICON.noun("man").meaning in LEXICON.noun("boy").general
    assert LEXICON.noun("boy").meaning not in LEXICON.noun("man").general


@pytest.mark.parametrize(
    ("word", "meaning", "said"),
    [("ON", "on", "on"), ("wears", "wearing", "wearing"), ("has", "have", "with"), ("agaist", "against", "against"),
     ("is parked on the", "parked on", "parked on"), ("glued on", "glued on", "glued on")],
)  # fmt: skip
def test_predicates_mean_what_they_say(word, meaning, said):
    about = LEXICON.predicate(word.lower())
    assert (about.meaning, about.wording) == (meaning, said)


def test_attributes_of_a_kind_exclude_each_other_unless_they_mean_the_same():
    red, grey, gray, tall = (LEXICON.attribute(word) for word in ("red", "grey", "gray", "tall"))
    assert (red.kind, grey.value) == ("colour", gray.value)
    assert red.value != grey.value
    assert tall.kind != red.kind
    assert LEXICON.attribute("philosophical").kind == ""


def test_the_aliases_of_a_corpus_are_synonyms():
    with_aliases = Lexicon([["zeppelin", "airship"], ["puppy", "pupper"]], [["glued on", "stuck to"]])
    assert with_aliases.noun("airship").meaning == with_aliases.noun("zeppelin").meaning
    assert with_aliases.noun("pupper").meaning == "dog"
    assert with_aliases.predicate("stuck to").meaning == with_aliases.predicate("glued on").meaning
    assert LEXICON.noun("airship").meaning != LEXICON.noun("zeppelin").meaning


def test_an_object_is_all_its_names_and_synsets():
    thing = LEXICON.thing(("kicks", "trainers"), ("gym_shoe.n.01",))
    assert thing.kind == "clothing"
    assert "shoe" in thing.meanings
    assert LEXICON.thing(("pluged", "outlets"), ()).name == "outlets"


@pytest.mark.parametrize("name", ["attributes", "nouns", "predicates"])
def test_no_word_is_listed_twice(name):
    words = [row["word"] for row in wordlists.rows(name)]
    assert len(words) == len(set(words))


def test_every_word_that_a_list_points_to_is_listed():
    rows = wordlists.rows("predicates")
    meanings = {row["meaning"] for row in rows}
    nouns = {row["word"]: row["same_as"] for row in wordlists.rows("nouns")}
    for row in rows:
        assert not row["inverse"] or row["inverse"] in meanings
        assert set(row["may_also"].split(";")) <= meanings | {"", "any"}, row
        assert set(row["not_with"].split(";")) <= meanings | {""}, row
        assert (row["word"] == row["meaning"]) == (row["kind"] in ("act", "loose", "firm")), row
    for row in wordlists.rows("nouns"):
        assert not row["same_as"] or nouns[row["same_as"]] == "", row  # a synonym of a word that is none itself
        assert all(nouns.get(word) == "" for word in filter(None, row["may_be"].split(";"))), row
        assert all(not nouns.get(word) for word in row["broader"].split(";")), row
    kinds = {kind for row in wordlists.rows("nouns") for kind in row["broader"].split(";")}
    for row in wordlists.rows("parts"):
        assert not nouns.get(row["part"]), row
        assert not nouns.get(row["whole"]), row
        unlisted = row["part"] not in {*nouns, *kinds}
        assert not unlisted or row["whole"] == "any picture", row
    assert members.names("pipeline.text.negatives")


@pytest.mark.parametrize(
    ("one", "other"),
    [("fridge", "refrigerator"), ("donut", "doughnut"), ("couch", "sofa"), ("tv", "television"), ("bike", "bicycle"),
     ("plane", "airplane"), ("trash can", "garbage can"), ("faucet", "tap"), ("seagulls", "gull")],
)  # fmt: skip
def test_synonyms_mean_the_same(one, other):
    assert LEXICON.noun(one).meaning == LEXICON.noun(other).meaning


@pytest.mark.parametrize(
    ("one", "other"),
    [("pavement", "sidewalk"), ("stove", "oven"), ("sweater", "shirt"), ("hoodie", "jacket"), ("van", "truck"),
     ("bush", "tree"), ("field", "grass"), ("mug", "glass"), ("plate", "bowl"), ("desk", "counter"),
     ("hill", "slope"), ("bench", "chair"), ("beard", "hair"), ("fence", "railing"), ("street", "parking lot"),
     ("curtain", "cloth"), ("hot dog", "sandwich"), ("laptop computer", "screen"), ("mountains", "rocks")],
)  # fmt: skip
def test_what_annotators_call_one_thing_may_be_one_thing_both_ways(one, other):
    first, second = LEXICON.noun(one), LEXICON.noun(other)
    assert second.meaning in first.wide
    assert first.meaning in second.wide
    assert LEXICON.noun("zebra").meaning not in first.wide | second.wide
