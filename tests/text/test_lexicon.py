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
        ("cherries", "cherry", "cherry"), ("zeppelin", "zeppelin", "zeppelin"),
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
    assert (about.meaning, about.said) == (meaning, said)


def test_what_may_hold_together_does_so_both_ways():
    for row in wordlists.rows("predicates"):
        about = LEXICON.predicate(row["meaning"])
        assert all(about.meaning in LEXICON.predicate(other).also for other in about.also), row


def test_an_unlisted_predicate_takes_the_facts_of_its_preposition():
    assert "on" in LEXICON.predicate("glued on").also
    assert LEXICON.predicate("standing next to").mirrored or "next to" in LEXICON.predicate("standing next to").also


def test_one_cannot_sit_and_stand():
    assert "standing on" not in LEXICON.predicate("sitting on").also
    assert "on" in LEXICON.predicate("sitting on").also


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


def test_every_inverse_and_broader_word_is_listed():
    meanings = {row["meaning"] for row in wordlists.rows("predicates")}
    nouns = {row["word"] for row in wordlists.rows("nouns")}
    for row in wordlists.rows("predicates"):
        assert not row["inverse"] or row["inverse"] in meanings
        assert not row["may_also"] or set(row["may_also"].split(";")) <= meanings
    for row in wordlists.rows("nouns"):
        assert not row["same_as"] or row["same_as"] in nouns
    assert members.names("pipeline.text.negatives")
