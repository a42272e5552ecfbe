import pytest

from pipeline.core.seeds import derived_seed
from pipeline.graphs.scene import Relation, SceneObject, scene_graph
from pipeline.text.compositions import HeldOut, Params, Words, relation
from pipeline.text.lexicon import Lexicon

LEXICON = Lexicon()
ALL = Params(share=0.9999999, seed=0)


def graph(objects, relations=()):
    things = [SceneObject(number, (name,), tuple(words)) for number, (name, *words) in enumerate(objects)]
    return scene_graph("1", "", (9, 9), things, [Relation(*edge) for edge in relations])


KNOWN = graph(
    [("man",), ("cup", "red", "small"), ("table", "wooden"), ("hat",), ("orange",), ("parking meter", "light blue")],
    [(0, 1, "holding"), (1, 2, "on"), (2, 1, "under"), (0, 3, "wearing"), (0, 2, "to the left of"), (0, 4, "next to")],
)


def held_out(params=ALL) -> HeldOut:
    words = Words()
    words.add(KNOWN)
    return HeldOut(params, LEXICON, words)


def of(subject, predicate, object_):
    return relation(LEXICON, subject, predicate, object_)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A man holding a small red cup.", {of("man", "holding", "cup"), ("red", "cup"), ("small", "cup")}),
        ("the man is holding the cup", {of("man", "holding", "cup")}),
        ("Gentlemen hold cups", {of("man", "holding", "cup")}),
        ("a man and a cup", set()),
        ("a cup on a table, a man wearing a hat", {of("cup", "on", "table"), of("man", "wearing", "hat")}),
        ("a cup. on a table", set()),
        ("the cup is red", {("red", "cup")}),
        ("a cup that is small and red", {("red", "cup"), ("small", "cup")}),
        ("an orange on a table", {of("orange", "on", "table")}),
        ("a man next to a meter", {of("man", "next to", "parking meter")}),
        ("a light blue parking meter", {("blue", "parking meter")}),
        ("a red and wooden table", {("red", "table"), ("wooden", "table")}),
        ("a man to the left of a table", {of("man", "to the left of", "table")}),
        ("what a nice day", set()),
    ],
)  # fmt: skip
def test_the_compositions_of_a_text_are_read_off_its_words(text, said):
    assert set(held_out().said(text)) == held_out().of_text(text) == said


def test_a_relation_is_one_composition_whichever_way_round_it_is_said():
    assert of("cup", "on", "table") == of("table", "under", "cup")
    assert of("man", "to the left of", "cup") == of("cup", "to the right of", "man")
    assert of("man", "next to", "cup") == of("cup", "next to", "man")
    assert of("man", "holding", "cup") != of("cup", "holding", "man")
    assert held_out().of_text("a table under a cup") == held_out().of_text("a cup on a table")


def test_a_graph_shows_what_a_caption_of_it_may_not_say():
    assert held_out().of_graph(KNOWN) >= {of("man", "holding", "cup"), ("red", "cup"), ("wooden", "table")}


def test_synonyms_are_one_composition():
    lexicon = Lexicon([("cup", "mug")], [("holding", "gripping")])
    words = Words()
    words.add(KNOWN)
    words.add(graph([("man",), ("mug",)], [(0, 1, "gripping")]))
    held = HeldOut(ALL, lexicon, words)
    assert held.of_text("a man gripping a mug") == held.of_text("a man holding a cup") != set()


def test_share_and_seed_decide_what_is_held_out_and_nothing_else_does():
    some = Params(share=0.4, seed=3)
    expected = {one for one in held_out().of_graph(KNOWN) if derived_seed(3, "composition", *one) < 0.4 * 2**63}
    assert held_out(some).of_graph(KNOWN) == expected
    assert 0 < len(expected) < len(held_out().of_graph(KNOWN))
    assert held_out(Params(share=0.4, seed=4)).of_graph(KNOWN) != expected
    assert held_out(Params(share=0.0, seed=3)).of_graph(KNOWN) == set()
