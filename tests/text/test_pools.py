from collections import Counter

import pytest

from pipeline.formats import action_genome
from pipeline.graphs.corpora import action_genome as ag_corpus
from pipeline.graphs.scene import Relation, SceneObject, scene_graph
from pipeline.text.lexicon import Lexicon
from pipeline.text.pools import NounPlace, Params, Pools, Seen, Statistics, Uniform
from pipeline.text.rng import Rng
from pipeline.world import genomes

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


UNIFORM = Uniform(kind="uniform")


def seen(prior: int = 1, free_share: float = 0.0) -> Seen:
    return Seen(kind="seen", prior=prior, free_share=free_share)


def pools(graphs=GRAPHS, max_words: int = 64, draw: Uniform | Seen = UNIFORM) -> Pools:
    statistics = Statistics(LEXICON)
    for one in graphs:
        statistics.add(one)
    return Pools(statistics, Params(max_words=max_words, draw=draw))


def thing(name: str):
    return LEXICON.thing((name,), ())


def nouns(made: Pools, predicate: str, kind: str, *, other: str = "man", bound: bool = False, seed: int = 0):
    return list(made.nouns(NounPlace("object", predicate, thing(other), "thingummy", kind, bound), Rng(seed, "nouns")))


def predicates(made: Pools, object_: str, group: str) -> set[str]:
    edge = Relation(1, 2, "dusting", group)
    return set(made.predicates(thing("person"), thing(object_), edge, Rng(0, "predicates")))


CLOTHES = {"hat", "belt", "scarf", "shirt", "skirt", "suit", "tie"}


def test_nouns_come_from_like_places():
    assert set(nouns(pools(), "wearing", "clothing")) == CLOTHES


def test_a_small_pool_is_topped_up_from_wider_ones():
    words = set(nouns(pools(), "holding", "toy"))
    assert {"ball", "bat", "hat"} <= words


def test_predicates_stay_in_their_group():
    for draw in (UNIFORM, seen()):
        assert predicates(pools(draw=draw), "cup", "attention") == {"looking at"}
        assert predicates(pools(draw=draw), "cup", "contacting") == {"holding"}
        assert "looking at" not in predicates(pools(draw=draw), "shirt", "")


def test_attributes_stay_in_their_kind():
    for draw in (UNIFORM, seen()):
        assert set(pools(draw=draw).attributes("blue", thing("car"), Rng(0, "a"))) == {"red"}
        assert set(pools(draw=draw).attributes("wooden", thing("car"), Rng(0, "a"))) == set()


def test_a_pool_holds_the_most_frequent_words_whatever_the_order_of_the_corpus():
    assert set(nouns(pools(max_words=2), "wearing", "clothing")) == {"hat", "belt"}
    assert nouns(pools(GRAPHS[::-1]), "wearing", "clothing") == nouns(pools(), "wearing", "clothing")
    for made in (pools(GRAPHS[::-1], draw=seen()), pools(draw=seen())):
        assert nouns(made, "wearing", "clothing") == nouns(pools(draw=seen()), "wearing", "clothing")


RIDES = [
    *[graph("man", "riding", noun) for noun in ("horse",) * 6 + ("bike",) * 3],
    *[graph("woman", "riding", noun) for noun in ("bus",) * 60],
    *[graph("dog", "eating", noun) for noun in ("bone", "shoe", "grass", "bread", "meat", "ball")],
]


def first_of(made: Pools, *, other: str = "man", bound: bool = False) -> Counter[str]:
    return Counter(nouns(made, "riding", "vehicle", other=other, bound=bound, seed=n)[0] for n in range(3000))


def test_words_are_drawn_as_often_as_the_corpus_has_them_in_that_place():
    """The shares of a draw that stays in a place seen n times with chance n / (n + prior), in closed form."""
    prior = 3
    made = first_of(pools(RIDES, draw=seen(prior)))
    stay = 9 / (9 + prior)  # of men riding
    wide = 63 / (63 + prior)  # of people riding vehicles: bus 60, bike 3; the next place, vehicles that are ridden, too
    assert made["horse"] / 3000 == pytest.approx(stay * 6 / 9 + (1 - stay) * 0.0, abs=0.03)
    assert made["bus"] / 3000 == pytest.approx((1 - stay) * (wide + (1 - wide)) * 60 / 63, abs=0.03)
    assert "bone" not in made


def test_a_larger_prior_believes_a_rare_place_less():
    assert first_of(pools(RIDES, draw=seen(200)))["bus"] > 3 * first_of(pools(RIDES, draw=seen(1)))["bus"]


def test_a_stated_share_of_draws_is_free():
    uniform = first_of(pools(RIDES))
    free = first_of(pools(RIDES, draw=seen(1, free_share=0.5)))
    none = first_of(pools(RIDES, draw=seen(1)))
    assert uniform["bone"] > 100
    assert none["bone"] == 0
    assert free["bone"] == pytest.approx(uniform["bone"] / 2, rel=0.3)


def test_a_noun_of_which_more_is_said_gives_way_to_its_own_kind():
    assert set(first_of(pools(RIDES, draw=seen()), bound=True)) == {"bike", "bus"}
    assert first_of(pools(RIDES, draw=seen()))["horse"] > 1000


def test_and_where_the_corpus_has_none_of_its_kind_to_what_stands_there():
    made = pools(RIDES, draw=seen())
    assert set(nouns(made, "eating", "building", bound=True)) <= {"bone", "shoe", "grass", "bread", "meat", "ball"}
    assert nouns(made, "eating", "building", bound=True)


def test_what_is_in_nearly_every_picture_waits():
    def waiting(made: Pools, noun: str) -> float:
        return sum(made.defers(noun, Rng(n, "waits")) for n in range(1000)) / 1000

    made = pools(RIDES, draw=seen())
    assert waiting(made, "person") == pytest.approx(69 / 75, abs=0.04)
    assert waiting(made, "zebra") == 0
    assert waiting(pools(RIDES), "person") == 0


def test_draws_are_named_and_fair():
    assert [Rng(0, "a").below(100) for _ in range(3)] == [Rng(0, "a").below(100)] * 3
    assert Rng(0, "a").seed != Rng(0, "b").seed != Rng(1, "b").seed
    counts = [0] * 5
    rng = Rng(0, "fair")
    for _ in range(5000):
        counts[rng.below(5)] += 1
    assert max(abs(count - 1000) for count in counts) < 150
    orders = {tuple(Rng(0, n).order("abc")) for n in range(60)}
    assert len(orders) == 6


def test_beyond_the_most_entries_only_words_already_met_are_counted(monkeypatch):
    monkeypatch.setattr("pipeline.text.pools._MAX_COUNTED", 2)
    statistics = Statistics(LEXICON)
    for noun in ("hat", "shirt", "hat"):
        statistics.add(graph("man", "wears", noun))
    assert {key[-1]: count for key, count in statistics.nouns.items()} == {"man": 2, "hat": 2}


def test_what_captions_of_action_genome_do_not_say_is_not_counted(tmp_path):
    world = genomes.ActionGenomeWorld(kind="action_genome", seed=0, videos=16, frames=4, width=64, height=64)
    list(genomes.write_action_genome(world, tmp_path))
    frames = [made.graph for made in ag_corpus.readings(action_genome.Annotations(tmp_path)) if made.graph]
    assert any(edge.predicate.startswith("not ") for graph in frames for edge in graph.relations)
    statistics = Statistics(LEXICON)
    for one in frames:
        statistics.add(one)
    counted = {key[-1] for key in statistics.predicates}
    assert {"looking at", "holding"} <= counted
    assert [word for word in counted if word.startswith("not ")] == []
