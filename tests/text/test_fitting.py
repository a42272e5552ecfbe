from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formats import visual_genome
from pipeline.graphs.corpora import visual_genome as corpus
from pipeline.graphs.scene import Relation, SceneGraph, SceneObject, scene_graph
from pipeline.text import fitting, negate, pools
from pipeline.text.captions import Caption, Captioner, Params
from pipeline.text.clauses import Clause
from pipeline.text.clip_tokens import tokens
from pipeline.text.edits import spans
from pipeline.text.lexicon import Lexicon
from pipeline.text.negatives.shared import Scene
from pipeline.text.truth import Truth
from pipeline.world import scenes

CONTEXT = 77  # tokens that CLIP reads, start and end counted
SEEN = pools.Seen(kind="seen", prior=4, free_share=0.1)

LEXICON = Lexicon()
CAPTIONER = Captioner(Params(max_attributes=2, max_matchings=64), LEXICON)
RULES = [
    "exchange_attributes",
    "replace_attribute",
    "replace_object",
    "replace_predicate",
    "replace_subject",
    "swap_roles",
]


def fitted(graph: SceneGraph, most: int):
    return fitting.fit(CAPTIONER.caption(graph), CAPTIONER, tokens(), most)


def demo(number: int = 120) -> list[SceneGraph]:
    graphs = []
    for place in range(1, number + 1):
        made = scenes.scene(0, place, 192, 144)
        objects = [SceneObject(t.number, (t.noun,), t.words) for t in made.things]
        relations = [Relation(s, o, p) for s, p, o in scenes.told_relations(made)]
        graphs.append(scene_graph(str(place), "", (192, 144), objects, relations))
    return graphs


@pytest.fixture(scope="module")
def excerpts(real_data) -> list[SceneGraph]:
    with visual_genome.opened(real_data / "visual-genome" / "v1.2") as images:
        return [made.graph for made in corpus.readings(images) if made.graph]


def test_a_caption_that_fits_is_left_as_it_is():
    for graph in demo(20):
        whole = CAPTIONER.caption(graph)
        told, places = fitting.fit(whole, CAPTIONER, tokens(), tokens().count(whole.text))
        assert (told.text, told.pieces) == (whole.text, whole.pieces)
        assert places == list(range(len(whole.clauses)))


def graph() -> SceneGraph:
    names = ["man", "ball", "dog", "mat", "hat", "lamp"]
    objects = [SceneObject(n, (name,), ("old", "tall") if n == 0 else ()) for n, name in enumerate(names)]
    edges = [Relation(0, 1, "holding"), Relation(1, 2, "near"), Relation(2, 3, "on"), Relation(0, 4, "wearing")]
    return scene_graph("7", "", (9, 9), objects, edges)


@pytest.mark.parametrize(
    ("most", "text", "places"),
    [
        (30, "A tall old man holding a ball near a dog on a mat, the man wearing a hat. A lamp.", [0, 1, 2]),
        (23, "A tall old man holding a ball near a dog on a mat, the man wearing a hat.", [0, 1]),
        (19, "A tall old man holding a ball near a dog on a mat. A lamp.", [0, 2]),
        (16, "A tall old man holding a ball near a dog on a mat.", [0]),
        (15, "A tall old man wearing a hat. A lamp.", [1, 2]),
        (12, "A tall old man wearing a hat.", [1]),
        (9, "A lamp.", [2]),
        (5, "A lamp.", [2]),
        (4, "", []),
    ],
)
def test_the_clauses_that_say_most_stay_whole_and_introduce_what_they_name(most, text, places):
    told, found = fitted(graph(), most)
    assert (told.text, found) == (text, places)
    assert tokens().count(text) <= most


def test_a_clause_too_long_by_itself_is_begun():
    objects = [SceneObject(n, (f"thing{n}",)) for n in range(40)]
    chain = scene_graph("7", "", (9, 9), objects, [Relation(n, n + 1, "on") for n in range(39)])
    told, places = fitted(chain, 30)
    assert told.text.startswith("A thing0 on a thing1 on")
    assert places == [0]
    assert 22 < tokens().count(told.text) <= 30
    assert [p.object for p in told.pieces if p.object >= 0] == list(
        range(1, sum(p.object >= 0 for p in told.pieces) + 1)
    )


def test_a_clause_whose_object_no_phrase_would_tell_from_others_is_left_out():
    names = ["twins", "twins", "hat", "bench", "bus", "van", "car", "dog"]
    things = {n: (name, ("sitting",) if n == 0 else ()) for n, name in enumerate(names)}
    long = Clause([0, 2, 4, 5, 6, 7], [(Relation(0, 2, "near"), "near")] * 5, 0)
    short = [Clause([0, b], [(Relation(0, b, p), p)], 0) for p, b in (("sitting on", 3), ("near", 4))]
    clauses = [long, *short, Clause([1], [], 1)]
    told = CAPTIONER.realise(clauses, things)
    assert told.text.endswith(" a dog, the sitting twins sitting on a bench, the sitting twins near the bus. Twins.")
    whole = Caption(told.text, told.clause_starts, told.pieces, 2, 0, clauses, things)
    fit, places = fitting.fit(whole, CAPTIONER, tokens(), 18)
    assert (fit.text, places) == ("Twins sitting on a bench, the twins near a bus.", [1, 2])


@settings(max_examples=100, deadline=None)
@given(number=st.integers(1, 120), most=st.integers(3, 90))
def test_a_fitted_caption_is_within_its_tokens_and_says_clauses_of_the_whole(number, most):
    graph = DEMO[number - 1]
    whole = CAPTIONER.caption(graph)
    told, places = fitting.fit(whole, CAPTIONER, tokens(), most)
    assert tokens().count(told.text) <= most or not told.text
    assert places == sorted(set(places))
    assert len(places) == len(told.clause_starts)
    edges = {(e.subject, e.object) for e in graph.relations}
    assert {(p.subject, p.object) for p in told.pieces if p.object >= 0} <= edges


DEMO = demo()


def test_counts_of_clauses_and_pieces_are_those_of_the_text():
    for graph in DEMO:
        told, _ = fitted(graph, CONTEXT)
        clauses = fitting.clause_tokens(tokens(), told)
        assert sum(clauses) + fitting.ENDS == tokens().count(told.text)
        every = tokens().ids(told.text)
        for piece, (start, stop) in zip(
            told.pieces, fitting.piece_tokens(tokens(), told.text, told.pieces), strict=True
        ):
            assert every[start:stop] == tokens().ids(told.text[piece.start : piece.stop])[1:-1]


def truncated(text: str) -> list[int]:
    """What CLIP sees of a text."""
    ids = tokens().ids(text)
    return ids if len(ids) <= CONTEXT else [*ids[: CONTEXT - 1], tokens().end]


def negatives_of(graphs: list[SceneGraph], most: int):
    statistics = pools.Statistics(LEXICON)
    for graph in graphs:
        statistics.add(graph)
    words = pools.Pools(statistics, pools.Params(max_words=64, draw=SEEN))
    params = negate.Params(rules=RULES, per_rule=3, max_tries=40, seed=0)
    for graph in graphs:
        told, _ = fitted(graph, most)
        scene = Scene(graph, told.text, told.pieces, Truth(graph, LEXICON), words)
        fits = lambda text: tokens().count(text) <= most  # noqa: E731
        counts = negate.Counts(Counter(), Counter())
        for made in negate.negatives(scene, told.clause_starts, negate.load(params), params, counts, fits):
            yield scene, made


@pytest.mark.parametrize("most", [77, 40])
@pytest.mark.parametrize("corpus", ["demo", "real"])
def test_no_negative_is_its_caption_to_clip(corpus, most, request):
    graphs = DEMO if corpus == "demo" else request.getfixturevalue("excerpts")
    found = list(negatives_of(graphs, most))
    assert len(found) > (50 if corpus == "real" else 1000)
    for scene, made in found:
        assert truncated(made.text) != truncated(scene.text)
        assert tokens().count(made.text) <= most


def test_an_edit_is_where_it_is_said_to_be():
    for scene, made in negatives_of(DEMO, CONTEXT):
        before, after = spans(scene, made.edit)
        here, there = tokens().spans(scene.text, before), tokens().spans(made.text, after)
        one, other = tokens().ids(scene.text), tokens().ids(made.text)
        rest = [list(outside(one, here)), list(outside(other, there))]
        assert rest[0] == rest[1]
        assert [one[a:b] for a, b in here] != [other[a:b] for a, b in there]


def outside(ids: list[int], spans: list[tuple[int, int]]) -> list[int]:
    return [number for place, number in enumerate(ids) if not any(a <= place < b for a, b in spans)]


def test_an_edit_that_changes_what_a_number_counts_is_dropped():
    objects = [SceneObject(1, ("man",)), SceneObject(2, ("man",)), *(SceneObject(n, (f"hat{n}",)) for n in (3, 4, 5))]
    edges = [Relation(1, 3, "wearing"), Relation(1, 4, "holding"), Relation(2, 5, "wearing"), Relation(3, 5, "near")]
    two = scene_graph("7", "", (9, 9), objects, edges)
    counts = negate.Counts(Counter(), Counter())
    params = negate.Params(rules=["replace_subject"], per_rule=9, max_tries=40, seed=0)
    statistics = pools.Statistics(LEXICON)
    statistics.add(two)
    for name in ("bear", "woman"):
        ends = [SceneObject(1, (name,)), SceneObject(2, ("hat3",))]
        statistics.add(scene_graph("8", "", (9, 9), ends, [Relation(1, 2, "wearing")]))
    told = CAPTIONER.caption(two)
    assert "the first man" in told.text
    scene = Scene(
        two,
        told.text,
        told.pieces,
        Truth(two, LEXICON),
        pools.Pools(statistics, pools.Params(max_words=64, draw=pools.Uniform(kind="uniform"))),
    )
    texts = [m.text for m in negate.negatives(scene, told.clause_starts, negate.load(params), params, counts)]
    assert not [text for text in texts if text.lower().count("man") != told.text.lower().count("man")]
    assert counts.dropped["replace_subject", negate.RECOUNTED] > 0


NAMES = ["the", "of", '"', "'s", "’", "&amp;", "<start_of_text>", "first", "and", "x" * 300, "二", ".", "ß", "İ", "sky"]


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(" ".join), min_size=2, max_size=8),
    ends=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=10),
    most=st.integers(3, 90),
)
def test_whatever_things_are_called_counts_are_right_and_pieces_stand_in_order(names, ends, most):
    objects = [SceneObject(n, (name,), tuple(names[:2])) for n, name in enumerate(names)]
    edges = [Relation(a, b, names[0]) for a, b in ends if a != b and max(a, b) < len(names)]
    told, _ = fitted(scene_graph("7", "", (9, 9), objects, edges), most)
    assert tokens().count(told.text) <= most
    assert sum(fitting.clause_tokens(tokens(), told)) + fitting.ENDS == tokens().count(told.text)
    assert all(one.stop <= other.start for one, other in pairwise(told.pieces))
    spans = fitting.piece_tokens(tokens(), told.text, told.pieces)
    assert all(0 < start <= stop < most for start, stop in spans)
