"""Every "the ..." of a caption fits exactly one of the objects that the caption mentions.

The reader here is independent of what tells: it sees the text, and which words name which object.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import members
from pipeline.formats import action_genome, visual_genome
from pipeline.graphs.corpora import action_genome as ag_corpus
from pipeline.graphs.corpora import visual_genome as vg_corpus
from pipeline.graphs.corpora.visual_genome import RegionParams
from pipeline.graphs.scene import Relation, SceneGraph, SceneObject, scene_graph
from pipeline.text import fitting, negate, pools
from pipeline.text.captions import Captioner, Params
from pipeline.text.clauses import Clause
from pipeline.text.clip_tokens import tokens
from pipeline.text.lexicon import Lexicon
from pipeline.text.negatives.shared import Scene
from pipeline.text.realisation import AmbiguousReferenceError, Piece, realise
from pipeline.text.truth import Truth
from pipeline.world import genomes, scenes

SEEN = pools.Seen(kind="seen", prior=4, free_share=0.1)

ORDINALS = ("first", "second", "third", "fourth", "fifth")
UNIQUE = {"air", "background", "foreground", "ground", "horizon", "moon", "ocean", "sea", "sky", "sun"}
SAME = ({"man", "guy"}, {"woman", "lady"}, {"child", "kid"}, {"person", "human"})
ALSO = {"puppy": {"dog"}, "road": {"street"}}  # what else such a thing is called; nobody takes "the puppy" for a dog
KINDS = {"woman": {"girl"}, "lady": {"girl"}, "man": {"boy"}, "guy": {"boy"}, "child": {"boy", "girl"}}
PEOPLE = {"man", "guy", "woman", "lady", "child", "kid", "boy", "girl", "person", "human"}
CAPTIONER = Captioner(Params(max_attributes=2, max_matchings=64), Lexicon())


def parts(phrase: str) -> tuple[int, set[str], str]:
    """The number of "the second old man" (0 = none), its adjectives and its noun."""
    words = phrase.lower().replace("big", "large").split(" ")
    if words[0] in ("a", "an", "the"):
        words = words[1:]
    number = ORDINALS.index(words[0]) + 1 if words[0] in ORDINALS else 0
    words = words[1 if number else 0 :]
    ends = [place for place, word in enumerate(words) if word in ("of", "with", "in", "on", "for", "from", "at")]
    head = min(ends, default=len(words)) - 1
    return number, {*words[:head], *words[head + 1 :]}, words[head]


def may_be(noun: str, other: str) -> bool:
    """Whether a thing called by the second name may be called by the first."""
    if noun in ("person", "human"):
        return other in PEOPLE
    if noun in ALSO.get(other, ()):
        return True
    return noun == other or other in KINDS.get(noun, ()) or any({noun, other} <= group for group in SAME)


def misread(text: str, pieces: Sequence[Piece]) -> list[str]:
    """The definite phrases that do not lead to one object, the one they are meant for."""
    introduced: dict[int, tuple[int, set[str], str]] = {}
    wrong = []
    for piece in pieces:
        if piece.object < 0 and piece.subject not in introduced:
            assert not piece.definite, text
            introduced[piece.subject] = parts(text[piece.start : piece.stop])
    for piece in pieces:
        phrase = text[piece.start : piece.stop]
        if piece.object >= 0 or not phrase.lower().startswith("the "):
            continue
        number, adjectives, noun = parts(phrase)
        fits = [o for o, (_, words, other) in introduced.items() if may_be(noun, other) and adjectives <= words]
        found = fits[number - 1 : number] if number else fits
        if found != [piece.subject] and noun not in UNIQUE:
            wrong.append(f"{phrase}: {text}")
    return wrong


def definite(pieces: Sequence[Piece]) -> int:
    return sum(piece.definite for piece in pieces)


def all_misread(graphs: Iterator[SceneGraph]) -> tuple[int, list[str]]:
    """How many definite phrases there are in whole captions and fitted ones, and those misread."""
    total, wrong = 0, []
    for graph in graphs:
        told = CAPTIONER.caption(graph)
        for text, pieces in [(told.text, told.pieces), *cut(told, 77), *cut(told, 40)]:
            total += definite(pieces)
            wrong += misread(text, pieces)
    return total, wrong


def cut(told, most: int) -> list[tuple[str, Sequence[Piece]]]:
    fit, _ = fitting.fit(told, CAPTIONER, tokens(), most)
    return [(fit.text, fit.pieces)]


def demo_scenes() -> Iterator[SceneGraph]:
    for number in range(1, 241):
        made = scenes.scene(0, number, 192, 144)
        objects = [SceneObject(t.number, (t.noun,), t.words) for t in made.things]
        yield scene_graph(str(number), "", (192, 144), objects, [Relation(s, o, p) for s, p, o in told(made)])


def told(made: scenes.Scene) -> list[tuple[int, str, int]]:
    return scenes.told_relations(made)


def test_in_the_demo_pictures_every_the_is_one():
    total, wrong = all_misread(demo_scenes())
    assert total > 800
    assert wrong == []


def test_in_the_demo_frames_every_the_is_one(tmp_path):
    world = genomes.ActionGenomeWorld(kind="action_genome", seed=0, videos=16, frames=4, width=64, height=64)
    list(genomes.write_action_genome(world, tmp_path))
    found = (made.graph for made in ag_corpus.readings(action_genome.Annotations(tmp_path)) if made.graph)
    total, wrong = all_misread(found)
    assert total > 100
    assert wrong == []


def test_in_the_negatives_too_every_the_is_one():
    statistics, counts = pools.Statistics(CAPTIONER.lexicon), negate.Counts(Counter(), Counter())
    graphs = list(demo_scenes())
    for graph in graphs:
        statistics.add(graph)
    words = pools.Pools(statistics, pools.Params(max_words=64, draw=SEEN))
    params = negate.Params(rules=members.names(negate.RULES), per_rule=1, max_tries=16, seed=0)
    for graph in graphs:
        whole = CAPTIONER.caption(graph)
        for told in (whole, fitting.fit(whole, CAPTIONER, tokens(), 40)[0]):
            scene = Scene(graph, told.text, told.pieces, Truth(graph, CAPTIONER.lexicon), words)
            for made in negate.negatives(scene, told.clause_starts, negate.load(params), params, counts):
                assert misread(made.text, pieces_of(made, told.pieces)) == []
    assert counts.made.total() > 2000
    assert counts.made["swap_roles"] > 300


def pieces_of(made: negate.Negative, pieces: Sequence[Piece]) -> list[Piece]:
    """What the pieces of a negative name, and where they stand; a swap exchanges the objects that two of them name."""
    found = list(pieces)
    if made.rule == "swap_roles":
        (one, _), (other, _) = made.edit.words
        first, second = pieces[one], pieces[other]
        for place, piece, named in ((one, first, second), (other, second, first)):
            found[place] = msgspec.structs.replace(piece, subject=named.subject, definite=named.definite)
    return moved(found, dict(made.edit.words))


def moved(pieces: Sequence[Piece], words: dict[int, str]) -> list[Piece]:
    """Where the pieces stand once some have other words."""
    found, shift = [], 0
    for place, piece in enumerate(pieces):
        start = piece.start + shift
        end = start + len(words[place]) if place in words else piece.stop + shift
        shift = end - piece.stop
        found.append(msgspec.structs.replace(piece, start=start, stop=end))
    return found


@pytest.mark.parametrize("version", ["v1.0", "v1.2"])
def test_in_the_real_excerpts_every_the_is_one(version, real_data):
    total, wrong = all_misread(excerpts(real_data / "visual-genome" / version))
    assert total > 60
    assert wrong == []


def excerpts(folder: Path) -> Iterator[SceneGraph]:
    crops = RegionParams(max_regions=20, min_inside=0.8, max_area=0.9)
    with visual_genome.opened(folder) as images:
        for whole in vg_corpus.readings(images):
            for made in (whole, *vg_corpus.regions(images, whole, crops)):
                if made.graph:
                    yield made.graph


@st.composite
def crowds(draw) -> SceneGraph:
    """Many things of few names, so that they are hard to tell apart."""
    people, things = ["man", "guy", "person", "girl"], ["car", "toy car", "shoes", "hair", "sky", "pair of shoes"]
    names = st.sampled_from([*people, *things, "dog", "puppy", "street", "road"])
    words = st.lists(st.sampled_from(["red", "old", "big", "large", "sitting"]), max_size=3, unique=True)
    ids = range(draw(st.integers(1, 12)))
    objects = [SceneObject(n, (draw(names),), tuple(draw(words))) for n in ids]
    end = st.sampled_from(list(ids))
    edges = st.tuples(end, end, st.sampled_from(["on", "has", "sitting on", "near", "wears"]))
    relations = [Relation(a, b, p) for a, b, p in draw(st.lists(edges, max_size=20)) if a != b]
    return scene_graph("7", "", (9, 9), objects, relations)


@settings(max_examples=300, deadline=None)
@given(graph=crowds())
def test_in_a_crowd_every_the_is_one(graph):
    assert all_misread(iter([graph]))[1] == []


def caption(things: dict[int, str], relations: list[tuple[int, str, int]]) -> str:
    objects = [SceneObject(n, (w.split("|")[-1],), tuple(w.split("|")[:-1])) for n, w in things.items()]
    return CAPTIONER.caption(scene_graph("7", "", (9, 9), objects, [Relation(s, o, p) for s, p, o in relations])).text


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        ("man", "man", "A man wearing a hat, the first man wearing shoes. A second man wearing a scarf."),
        ("old|man", "man", "An old man wearing a hat, the old man wearing shoes. A man wearing a scarf."),
        ("man", "old|man", "A man wearing a hat, the first man wearing shoes. An old man wearing a scarf."),
        ("man", "person", "A man wearing a hat, the man wearing shoes. A person wearing a scarf."),
        ("person", "man", "A person wearing a hat, the first person wearing shoes. A man wearing a scarf."),
        ("man", "men", "A man wearing a hat, the man wearing shoes. Men wearing a scarf."),
        ("dog", "puppy", "A dog wearing a hat, the first dog wearing shoes. A puppy wearing a scarf."),
        ("puppy", "dog", "A puppy wearing a hat, the puppy wearing shoes. A dog wearing a scarf."),
        ("table", "desk", "A table wearing a hat, the table wearing shoes. A desk wearing a scarf."),
        ("twins", "twins", "Twins wearing a hat, shoes. Twins wearing a scarf."),
        ("wet|twins", "twins", "Wet twins wearing a hat, the wet twins wearing shoes. Twins wearing a scarf."),
    ],
)
def test_two_are_told_apart_or_the_clause_stands_alone(one, other, text):
    things = {1: one, 2: other, 3: "hat", 4: "scarf", 5: "shoes"}
    assert caption(things, [(1, "wearing", 3), (1, "wearing", 5), (2, "wearing", 4)]) == text


def test_who_is_told_by_what_he_does_is_called_as_he_was_introduced():
    things = {1: "sitting|man", 2: "man", 3: "hat", 4: "bench", 5: "scarf"}
    edges = [(1, "wearing", 3), (1, "sitting on", 4), (2, "wearing", 5)]
    assert caption(things, edges) == (
        "A sitting man wearing a hat, the sitting man sitting on a bench. A man wearing a scarf."
    )
    things[3], things[4] = "bench", "hat"
    edges = [(1, "sitting on", 3), (1, "wearing", 4), (2, "wearing", 5)]
    assert caption(things, edges) == (
        "A man sitting on a bench, the first man wearing a hat. A second man wearing a scarf."
    )


def test_the_sixth_of_a_kind_has_no_number():
    men = [Clause([n], [], n) for n in range(6)]
    things = dict.fromkeys(range(6), ("man", ())) | {6: ("hat", ())}
    again = [Clause([n, 6], [(Relation(n, 6, "wearing"), "wearing")], 6) for n in range(6)]
    assert realise([*men, again[4]], things, CAPTIONER.phrase).text.endswith(
        "A fifth man. A man. The fifth man wearing a hat."
    )
    with pytest.raises(AmbiguousReferenceError) as caught:
        realise([*men, again[5]], things, CAPTIONER.phrase)
    assert caught.value.nodes == {5}


def test_the_reader_finds_fault_where_there_is_one():
    text = "A man wearing a hat, a man with a bag, the man with shoes."
    starts = [text.index(words) for words in ("A man", "a man", "the man")]
    pieces = [
        Piece(s, s + len("the man") - (s < starts[2]) * 2, n, -1, "", s == starts[2])
        for s, n in zip(starts, (1, 2, 1), strict=True)
    ]
    assert misread(text, pieces) == [f"the man: {text}"]
    assert misread(text.replace("a man", "a cat"), pieces) == []
