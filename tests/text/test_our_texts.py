"""The class texts that ship: complete, tellable, one class from another, and about nothing that cannot be seen."""

import json
import re
from itertools import groupby
from pathlib import Path

import pytest

from pipeline.core import params
from pipeline.datasets import shared
from pipeline.text import captions, class_graphs, class_tables, sources
from pipeline.text.clip_tokens import tokens
from pipeline.text.lexicon import Lexicon
from pipeline.text.prompts import Text
from pipeline.text.requests import PARTS

FOLDER = Path(sources.__file__).parent / "classes"
WORDED = params.load(captions.Params, "prompt.captions", Path(__file__).parents[2] / "params.yaml")
FILES = {
    "body_parts.csv": ["body_parts"],
    "paragraph.csv": ["paragraph"],
    "scene_graph.csv": ["scene_graph"],
    "synonym.csv": ["synonym"],
    "words.csv": ["noun", "verb"],
}
FULL = ["demo", "ntu60", "utd_mhad"]
WITH_CONTEXT = [*FULL, "demo_gym", "demo_home", "ntu120", "pku_mmd", "synse_ntu60", "synse_ntu120"]
SIDES_LEFT_OPEN = ["ntu60", "ntu120", "pku_mmd"]
SHARED = ("noun", "verb")  # two classes may be done to the same thing
INTENT = (
    "in order to|so as to|wants?|tries|trying|intends?|hopes?|because|happily|sadly|angrily|happy|sad|angry|afraid|"
    "enjoys?|feels|decides?|deliberately|carefully|eagerly|pretends?|to show|excited|tired|polite|friendly"
)
# How a text of a part names it.
NAMED = {
    "head": "head",
    "hand": "hand|fist|finger|palm",
    "arm": "arm|elbow|shoulder",
    "hip": "hip",
    "leg": "leg|knee",
    "foot": "foot|feet|heel",
}


def names(dataset: str) -> list[str]:
    return [known.name for known in shared.classes(dataset)]


def texts(dataset: str) -> list[Text]:
    found = sources.from_csv(shared.class_file(dataset), names(dataset), WORDED)
    if dataset in FULL:
        for file in FILES:
            found += sources.from_csv(FOLDER / dataset / file, names(dataset), WORDED)
    return found


def plain(text: str) -> str:
    return shared.normalised(re.sub(r"[^\w\s]", " ", text))


def by_class(found: list[Text], kind: str) -> dict[int, tuple[str, ...]]:
    mine = sorted((text for text in found if text.type == kind), key=lambda text: (text.class_id, text.index))
    return {class_id: tuple(one.text for one in group) for class_id, group in groupby(mine, lambda one: one.class_id)}


@pytest.mark.parametrize("dataset", WITH_CONTEXT)
def test_every_class_has_a_text_of_every_type(dataset):
    found = texts(dataset)
    kinds = {text.type for text in found}
    assert kinds == {"context", *(kind for file in FILES.values() for kind in file)} if dataset in FULL else {"context"}
    for kind in kinds:
        told = by_class(found, kind)
        assert sorted(told) == list(range(len(names(dataset))))
        assert all(text.strip() and text.isprintable() for group in told.values() for text in group)


@pytest.mark.parametrize("dataset", WITH_CONTEXT)
def test_no_two_classes_have_the_same_texts(dataset):
    found = texts(dataset)
    for kind in sorted({text.type for text in found} - {*SHARED}):
        told = by_class(found, kind)
        assert len(set(told.values())) == len(told), kind
    synonyms = [plain(text) for group in by_class(found, "synonym").values() for text in group]
    assert len(set(synonyms)) == len(synonyms)


@pytest.mark.parametrize("dataset", FULL)
def test_no_text_is_another_class_s_label(dataset):
    labels = {plain(name): class_id for class_id, name in enumerate(names(dataset))}
    called = [text for text in texts(dataset) if text.type not in SHARED]
    wrong = [text for text in called if labels.get(plain(text.text), text.class_id) != text.class_id]
    assert wrong == []


@pytest.mark.parametrize("dataset", WITH_CONTEXT)
def test_no_text_guesses_at_an_intention(dataset):
    guess = re.compile(rf"\b(?:{INTENT})\b", re.IGNORECASE)
    assert [text for text in texts(dataset) if guess.search(text.text)] == []


@pytest.mark.parametrize("dataset", WITH_CONTEXT)
def test_every_text_fits_into_clip(dataset):
    clip = tokens()
    assert [text for text in texts(dataset) if clip.count(text.text) > 77] == []


@pytest.mark.parametrize("dataset", SIDES_LEFT_OPEN)
def test_no_side_is_told_where_the_dataset_leaves_it_to_the_subject(dataset):
    assert [text for text in texts(dataset) if re.search(r"\b(?:left|right)\b", text.text)] == []


def test_texts_of_mirrored_demo_classes_are_mirrored():
    found, known = texts("demo"), names("demo")
    for name in [name for name in known if "left" in name and mirrored(name) in known]:
        for kind in sorted({text.type for text in found}):
            told = by_class(found, kind)
            own, other = told[known.index(name)], told[known.index(mirrored(name))]
            assert [mirrored(text) for text in own] == list(other), (name, kind)


def mirrored(text: str) -> str:
    return re.sub(r"\b(?:left|right)\b", lambda side: {"left": "right", "right": "left"}[side[0]], text)


@pytest.mark.parametrize("dataset", FULL)
def test_the_texts_of_body_parts_come_in_their_order(dataset):
    for group in by_class(texts(dataset), "body_parts").values():
        assert len(group) == len(PARTS)
        for part, text in zip(PARTS, group, strict=True):
            assert re.search(NAMED[part], text, re.IGNORECASE), (part, text)


@pytest.mark.parametrize("dataset", FULL)
def test_a_paragraph_is_three_or_four_sentences(dataset):
    for group in by_class(texts(dataset), "paragraph").values():
        assert len(group) in (3, 4)
        assert all(re.fullmatch(r"[A-Z][^.]*\.", text) for text in group)


@pytest.mark.parametrize("dataset", FULL)
def test_a_scene_graph_is_told_in_one_sentence_that_says_all_of_it(dataset):
    file = FOLDER / dataset / "scene_graph.csv"
    graphs = class_graphs.from_rows(class_tables.read(file, names(dataset)), names(dataset), str(file))
    captioner = captions.Captioner(WORDED, Lexicon())
    for class_id, graph in graphs.items():
        made = captioner.caption(graph)
        assert made.num_components == 1, names(dataset)[class_id]
        told = {(piece.subject, piece.object, piece.predicate) for piece in made.pieces if piece.object >= 0}
        assert told == {(edge.subject, edge.object, edge.predicate) for edge in graph.relations}, names(dataset)[
            class_id
        ]


def test_who_wrote_them_is_told():
    about = json.loads((FOLDER / "origin.json").read_text())
    assert (about["author"], about["date"], about["reviewed"]) == ("Unseen project", "2026-11", True)
    for where in about["covers"]:
        assert (FOLDER.parents[2] / where.split()[-1]).exists(), where
