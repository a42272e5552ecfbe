"""Verbs and nouns of class names: the rule, what ships beside it, and that every label list of the project has both."""

import pytest

from pipeline.core import members
from pipeline.core.errors import DataError
from pipeline.datasets import shared
from pipeline.text import english, label_parts, wordlists
from pipeline.text.prompts import Text

LISTS = [name for name in members.names("pipeline.datasets") if shared.class_file(name).is_file()]


def texts(type_, names, given=()):
    return label_parts.texts(type_, names, list(given), "here", "there")


@pytest.mark.parametrize(
    ("name", "verb", "noun"),
    [
        ("drink water", "drink", "water"),
        ("Drink  Water", "drink", "water"),
        ("brushing teeth", "brush", "teeth"),
        ("making tea", "make", "tea"),
        ("hand waving", "wave", "hand"),
        ("arm circles", "circle", "arm"),
        ("tennis bat swing", "swing", "tennis bat"),
        ("drop kicking", "kick", "drop"),
        ("raise left arm", "raise", "arm"),
        ("take off a shoe", "take off", "shoe"),
        ("putting on lipstick", "put on", "lipstick"),
        ("walking on stilts", "walk", "stilts"),
        ("point finger at the other person", "point", "finger"),
        ("grab other person’s stuff", "grab", "stuff"),
        ("cutting paper (using scissors)", "cut", "paper"),
        ("jump up", "jump up", ""),
        ("upper body", "", ""),
        ("(falling)", "", ""),
    ],
)
def test_verb_and_noun_are_read_off_a_name(name, verb, noun):
    found = label_parts.read(name)
    assert [" ".join(words) for words in found] == [verb, noun]


@pytest.mark.parametrize(
    ("name", "verbs", "nouns"),
    [
        ("eat meal/snack", ("eat",), ("meal", "snack")),
        ("catching or throwing frisbee", ("catch", "throw"), ("frisbee",)),
        ("raise right arm and lift left knee", ("raise", "lift"), ("arm", "knee")),
        ("sneeze/cough", ("sneeze", "cough"), ()),
    ],
)
def test_parts_of_a_name_each_give_theirs_once(name, verbs, nouns):
    assert label_parts.read(name) == (verbs, nouns)


def test_what_ships_for_a_name_stands_before_the_rule():
    assert label_parts.read("jump up").noun == ()
    assert texts("noun", ["x", "Jump  up"], [Text(0, "noun", 0, "y", "csv:1")]) == [
        Text(0, "noun", 0, "y", "csv:1"),
        Text(1, "noun", 0, "body", "ours"),
    ]
    assert texts("verb", ["jump up", "wear jacket"]) == [
        Text(0, "verb", 0, "jump up", "name"),
        Text(1, "verb", 0, "put on", "ours"),
    ]


def test_what_is_given_stands_before_what_ships():
    given = [Text(0, "noun", 0, "knees", "csv:1"), Text(0, "noun", 1, "feet", "csv:1")]
    assert texts("noun", ["jump up"], given) == given


@pytest.mark.parametrize(("type_", "name"), [("verb", "upper body"), ("noun", "jump about"), ("noun", "fidgets")])
def test_a_class_without_is_named_with_where_to_write_it(type_, name):
    with pytest.raises(DataError, match=rf"^here: no {type_} is known for class 1 '{name}'; write it there$"):
        texts(type_, ["drink water", name])


@pytest.mark.parametrize("dataset", LISTS)
@pytest.mark.parametrize("type_", ["noun", "verb"])
def test_every_class_of_a_list_that_ships_has_one(dataset, type_):
    names = [known.name for known in shared.classes(dataset)]
    found = texts(type_, names)
    assert sorted({text.class_id for text in found}) == list(range(len(names)))
    assert all(text.text == text.text.strip() and text.text.isprintable() and text.text for text in found)


def test_what_ships_is_said_of_classes_there_are_in_order_and_beside_the_rule():
    rows = wordlists.rows("labels")
    known = {shared.normalised(one.name) for dataset in LISTS for one in shared.classes(dataset)}
    assert {row["name"] for row in rows} <= known
    assert [row["name"] for row in rows] == sorted(row["name"] for row in rows)
    for name in sorted({row["name"] for row in rows}):
        told = {
            type_: tuple(row[type_] for row in rows if row["name"] == name and row[type_]) for type_ in ("verb", "noun")
        }
        assert any(told.values())
        assert all(words != getattr(label_parts.read(name), type_) for type_, words in told.items() if words), name


def test_every_verb_is_known_in_the_forms_that_labels_have():
    verbs = [row["word"] for row in wordlists.rows("label_words") if row["kind"] == "verb"]
    assert verbs == sorted(set(verbs))
    for verb in verbs:
        assert label_parts.base(english.participle(verb)) == verb
        assert label_parts.base(verb) == verb
    assert [label_parts.base(form) for form in ("washes", "kicks", "body")] == ["wash", "kick", None]


def test_a_phrasal_verb_begins_with_a_known_one():
    phrasal = [row["word"] for row in wordlists.rows("label_words") if row["kind"] == "phrasal"]
    assert [verb for verb in phrasal if label_parts.base(verb.split()[0]) is None] == []
