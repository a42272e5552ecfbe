from pipeline.graphs.scene import Relation, SceneObject, scene_graph
from pipeline.text.draws import Draws
from pipeline.text.lexicon import Lexicon
from pipeline.text.pools import Params, Pools, Statistics

LEXICON = Lexicon()


def graph(subject: str, predicate: str, object_: str, *, group: str = "", attributes: tuple[str, ...] = ()):
    objects = [SceneObject(1, (subject,)), SceneObject(2, (object_,), attributes)]
    return scene_graph("7", "", (9, 9), objects, [Relation(1, 2, predicate, group)])


GRAPHS = [
    *[graph("man", "wears", noun) for noun in ("hat", "hat", "shirt", "tie", "scarf", "belt", "skirt", "suit")],
    *[graph("man", "holding", noun) for noun in ("ball", "bat")],
    graph("dog", "on", "mat", attributes=("red",)),
    graph("person", "looking at", "cup", group="attention"),
    graph("person", "holding", "cup", group="contacting"),
]


def pools(graphs=GRAPHS, most_words: int = 64) -> Pools:
    statistics = Statistics(LEXICON)
    for one in graphs:
        statistics.add(one)
    return Pools(statistics, Params(most_words=most_words))


def test_nouns_come_from_like_places_the_frequent_first():
    assert pools().nouns("object", "wearing", "clothing") == ["hat", "belt", "scarf", "shirt", "skirt", "suit", "tie"]


def test_a_small_pool_is_topped_up_from_wider_ones():
    words = pools().nouns("object", "holding", "toy")
    assert words[0] == "ball"
    assert {"bat", "hat"} <= set(words)


def test_predicates_stay_in_their_group():
    assert pools().predicates("person", "container", "attention") == ["looking at"]
    assert pools().predicates("person", "container", "contacting") == ["holding"]
    assert "looking at" not in pools().predicates("person", "clothing", "")


def test_attributes_stay_in_their_kind():
    assert pools().attributes("colour", "vehicle") == ["red"]
    assert pools().attributes("material", "vehicle") == []


def test_a_pool_holds_at_most_so_many_words_whatever_the_order_of_the_corpus():
    assert pools(most_words=2).nouns("object", "wearing", "clothing") == ["hat", "belt"]
    assert pools(GRAPHS[::-1]).nouns("object", "wearing", "clothing") == pools().nouns("object", "wearing", "clothing")


def test_draws_are_named_and_fair():
    assert [Draws(0, "a").below(100) for _ in range(3)] == [Draws(0, "a").below(100)] * 3
    assert Draws(0, "a").seed != Draws(0, "b").seed != Draws(1, "b").seed
    counts = [0] * 5
    draws = Draws(0, "fair")
    for _ in range(5000):
        counts[draws.below(5)] += 1
    assert max(abs(count - 1000) for count in counts) < 150
    orders = {tuple(Draws(0, n).order("abc")) for n in range(60)}
    assert len(orders) == 6


def test_beyond_the_most_entries_only_words_already_met_are_counted(monkeypatch):
    monkeypatch.setattr("pipeline.text.pools._MOST_COUNTED", 2)
    statistics = Statistics(LEXICON)
    for noun in ("hat", "shirt", "hat"):
        statistics.add(graph("man", "wears", noun))
    assert {key[-1]: count for key, count in statistics.nouns.items()} == {"man": 3, "hat": 2}
