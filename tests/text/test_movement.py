"""The lexicon of movement, and what sentences tell by it."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.measures import MEASURES, OF_SIDE, SIDED
from pipeline.text import movement_vectors, wordlists
from pipeline.text.movement import parse
from pipeline.text.movement_vectors import attributes, of_classes, vocabulary
from pipeline.text.movement_words import read

ROOT = Path(__file__).parents[2]
CLASSES = ROOT / "pipeline/datasets/classes"


def moves(text):
    return [
        (m.verb, *[(limb.part, "".join(sorted(side[0] for side in limb.sides))) for limb in m.limbs])
        for m in parse(text).movements
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A person raises the right arm.", [("raise", ("arm", "r"))]),
        ("lifts the left hand and lowers it", [("raise", ("arm", "l")), ("lower", ("arm", "l"))]),
        ("claps", [("join", ("arm", ""))]),
        ("claps both hands", [("join", ("arm", "lr"))]),
        ("walks slowly", [("step", ("leg", "lr"))]),
        ("the knees rise in turn while the left arm swings", [("rise", ("leg", "lr")), ("swing", ("arm", "l"))]),
        ("kicks with the right foot", [("strike", ("leg", "r"))]),
        ("lifts a cup with one hand to the mouth", [("raise", ("arm", ""))]),
        ("punches with the left and the right fist", [("strike", ("arm", "lr"))]),
        ("stretches the right arm and draws the hand back", [("extend", ("arm", "r")), ("retract", ("arm", "r"))]),
        ("bends down and throws", [("lean", ("trunk", "lr")), ("throw", ("arm", ""))]),
        ("who sits on a chair stands up", [("rise", ("leg", "lr"))]),
        ("bends at the knees", [("bend", ("leg", "lr"))]),
        ("draws a circle with the left hand", [("trace", ("arm", "l"))]),
        ("nods", [("lean", ("head", "lr"))]),
        ("a machine hums", []),
    ],
)
def test_a_sentence_tells_its_movements(text, expected):
    assert moves(text) == expected


@pytest.mark.parametrize(
    ("text", "told_of_it", "not_told"),
    [
        (
            "raises the arm beside the head",
            {"arm/place=head", "arm/place=beside", "direction=up"},
            {"arm/place=overhead"},
        ),
        ("swings the arm over the head", {"arm/place=overhead"}, {"arm/place=head"}),
        (
            "moves the hand from side to side several times",
            {"direction=lateral", "manner=repeated"},
            {"direction=left"},
        ),
        ("sweeps the right hand to the left side", {"arm.right/direction=left"}, {"arm.left"}),
        ("holds both hands in front of the chest", {"arm/verb=hold", "arm/place=chest"}, {"arm", "arm.both"}),
        ("both bent arms swing", {"arm.both", "manner=bent"}, {"verb=bend"}),
        ("a person sitting waves", {"posture=sit", "verb=oscillate"}, {"verb=sit"}),
        ("sits down", {"verb=sit", "leg/direction=down"}, {"posture=sit"}),
        ("runs", {"leg/manner=alternate", "leg/manner=fast"}, {"arm"}),
        ("turns counter clockwise", {"direction=counterclockwise"}, {"direction=clockwise"}),
    ],
)
def test_attributes_are_the_nodes_and_edges_of_what_is_told(text, told_of_it, not_told):
    found = set(attributes(text))
    assert told_of_it <= found
    assert not not_told & found


def test_a_side_that_is_not_told_counts_half_on_both():
    found = attributes("raises one arm")
    assert (found["arm"], found["arm.left"], found["arm.right"]) == (1.0, 0.5, 0.5)


def test_what_is_compared_with_counts_half():
    assert attributes("moves the hand as if throwing")["verb=throw"] == 0.5
    assert attributes("moves the hand as if throwing. It throws")["verb=throw"] == 1.0


@pytest.mark.parametrize("form", ["carry", "carries", "carrying", "carried"])
def test_every_form_of_a_verb_is_known(form):
    assert [(entry.kind, entry.value) for entry in read(form)] == [("verb", "hold")]


def test_the_longest_phrase_is_read():
    assert [entry.text for entry in read("sits down in front of him")][:2] == ["sits down", "in front of"]


class TestWordLists:
    def test_every_row_is_of_a_known_kind_and_says_something(self):
        kinds = {"verb", "part", "side", "direction", "manner", "preposition", "conjunction"}
        for row in wordlists.rows("movement"):
            assert row["kind"] in kinds
            assert row["kind"] == "conjunction" or any(
                row[column] for column in ("value", "part", "direction", "manner", "place")
            )

    def test_no_word_stands_twice(self):
        words = [row["word"] for row in wordlists.rows("movement")]
        assert sorted(words) == sorted(set(words))

    def test_every_measure_is_told_by_attributes_that_there_are(self):
        names = set(vocabulary())
        rows = wordlists.rows("measures")
        assert {row["measure"] for row in rows} == {name for name in MEASURES if not name.endswith(OF_SIDE)}
        for row in rows:
            assert ("{side}" in row["attribute"]) == (row["measure"] in SIDED)
            assert row["attribute"].replace("{side}", "left") in names
            assert -1 <= float(row["weight"]) <= 1

    def test_it_is_written_for_no_dataset(self):
        """No name of a class of several words is a phrase of the lexicon, but for plain English ones."""
        plain = {"sit down", "stand up", "stand to sit", "sit to stand", "shake hands"}
        phrases = {row["word"] for row in wordlists.rows("movement") if " " in row["word"]} - plain
        with (CLASSES / "utd_mhad.csv").open() as file:
            names = {row["name"].lower() for row in csv.DictReader(file)}
        assert not phrases & names


def shipped():
    """Every context sentence that ships, and every text of our own."""
    for file in sorted([*CLASSES.glob("*.csv"), *(ROOT / "pipeline/text/classes").glob("*/*.csv")]):
        with file.open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines):
                yield from (row[key] for key in ("context", "synonym", "paragraph", "body_parts") if row.get(key))


def test_whatever_is_told_is_in_the_vocabulary():
    names = set(vocabulary())
    assert list(vocabulary()) == sorted(names)
    assert {name for text in shipped() for name in attributes(text)} <= names


@pytest.mark.parametrize(("dataset", "most"), [("utd_mhad", 0), ("demo", 0), ("ntu60", 0)])
def test_the_sentences_that_ship_tell_movements(dataset, most):
    with (CLASSES / f"{dataset}.csv").open() as file:
        texts = [row["context"] for row in csv.DictReader(file)]
    assert sum(not parse(text).movements for text in texts) <= most


class TestVectors:
    def test_a_class_is_the_mean_of_its_texts(self):
        both = ["raises the left arm", "kicks"]
        one, other, mean = (of_classes([texts]) for texts in (both[:1], both[1:], both))
        for vectors, first, second in zip(mean, one, other, strict=True):
            np.testing.assert_allclose(vectors, (first + second) / 2, atol=1e-6)

    def test_columns_are_the_vocabulary(self):
        attribute_KA, told_KM = of_classes([["raises the left arm"], ["a machine hums"]])
        names = [name for name, value in zip(vocabulary(), attribute_KA[0], strict=True) if value]
        assert names == sorted(attributes("raises the left arm"))
        assert not attribute_KA[1].any()
        assert (told_KM.shape, told_KM[1].any()) == ((2, len(MEASURES)), False)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("raises the left arm", {"arm moves": 1, f"arm moves{OF_SIDE}": -1, "arm high": 1, "arm vertical": 1}),
            ("raises one arm", {"arm moves": 0.5, f"arm moves{OF_SIDE}": 0, "arms both": 0}),
            ("raises both arms", {"arm moves": 1, f"arm moves{OF_SIDE}": 0, "arms both": 1}),
            ("sits down", {"body rises": -1, "body low": 1, "leg bent": 1, "leg moves": 1, "arm moves": 0}),
            ("stands up", {"body rises": 1, "body low": 0}),
            ("stands up and sits down", {"body rises": 0}),
            ("moves the right hand to the left", {"hand to the left": 1, "arm lateral": 1}),
            ("moves the right hand to the right", {"hand to the left": -1, "arm lateral": 1}),
            ("waves", {"repeated": 1}),
            ("jumps", {"jumps": 1}),
            ("leans over", {"trunk leans": 1}),
        ],
    )
    def test_what_is_told_of_each_measure(self, text, expected):
        told_M = dict(zip(MEASURES, of_classes([[text]])[1][0].tolist(), strict=True))
        assert {name: told_M[name] for name in expected} == expected

    def test_the_digest_is_of_both_lists(self, monkeypatch):
        before = movement_vectors.digest()
        assert before == movement_vectors.digest()
        for changed in ("movement", "measures"):
            with monkeypatch.context() as patch:
                rows = wordlists.rows
                patch.setattr(wordlists, "rows", lambda name, c=changed, r=rows: r(name)[:-1] if name == c else r(name))
                assert movement_vectors.digest() != before
