"""Rows and means of known ranks, against means and resamples by hand."""

import numpy as np
import pytest

from pipeline.core.seeds import generator
from pipeline.evaluation import clusters, metrics, retrieval
from pipeline.evaluation.retrieval_tables import Answers, headline, tables

PAIRS = [("hub", "depth"), ("depth", "hub"), ("depth", "thermal"), ("thermal", "depth")]
NUM = 30


def answers(split="s0", seed=0, subset="all", first=0, worst=9):
    """Random ranks of 30 clips, of which two are of one performance each, in every pair."""
    random = generator(seed, split, subset)
    performance_N = first + np.arange(NUM) // 2
    return [
        Answers(*pair, subset, split, seed, random.integers(1, worst, NUM), np.full(NUM, NUM - 1), performance_N)
        for pair in PAIRS
    ]


def draw(subset, num_performances):
    return clusters.resamples(num_performances, 50, generator(0, subset))


def test_a_row_has_the_figures_of_its_ranks_and_the_interval_of_its_performances():
    found = answers()
    row = tables(found, draw)["rows"][2]
    assert (row["query"], row["target"], row["trained"], row["split"], row["seed"]) == (
        "depth",
        "thermal",
        False,
        "s0",
        0,
    )
    assert (row["n"], row["candidates"], row["performances"]) == (30, 29, 15)
    assert [row[name] for name in ("r1", "r5", "r10", "median_rank")] == retrieval.figures(found[2].rank_N).tolist()
    assert row["chance_r5"] == pytest.approx(5 / 29)
    resampled_BF = retrieval.resampled(found[2].rank_N, found[2].performance_N, draw("all", 15))
    for place, name in ((1, "r5"), (3, "median_rank")):
        assert row[f"{name}_ci95"] == pytest.approx(np.quantile(resampled_BF[:, place], [0.025, 0.975]).tolist())


def test_kinds_are_the_means_over_their_pairs():
    found = answers()
    trained, never = tables(found[::-1], draw)["kinds"]  # trained first, whatever came first
    assert (trained["trained"], never["trained"]) == (True, False)
    assert (never["query"], never["target"], never["runs"]) == ("any", "any", 1)
    assert never["r1"] == pytest.approx(np.mean([(said.rank_N == 1).mean() for said in found[2:]]))
    resampled_BF = np.mean(
        [retrieval.resampled(said.rank_N, said.performance_N, draw("all", 15)) for said in found[2:]], axis=0
    )
    assert never["r1_ci95"] == pytest.approx(np.quantile(resampled_BF[:, 0], [0.025, 0.975]).tolist())
    assert never["r1_runs_ci95"] is None
    assert never["chance_r1"] == 1 / 29


def test_several_seeds_give_an_interval_over_seeds():
    found = [said for seed in range(3) for said in answers(seed=seed)]
    pair = tables(found, draw)["pairs"][0]
    values = [(said.rank_N <= 5).mean() for said in found[::4]]
    assert (pair["runs"], pair["over"], pair["r5"]) == (3, "seeds", pytest.approx(np.mean(values)))
    assert pair["r5_runs_ci95"] == pytest.approx(list(metrics.interval_over_splits(values)))


def test_several_splits_give_an_interval_over_splits_of_their_seeds_means():
    """Splits test other clips: all their performances are resampled together."""
    found = [
        said for split, first in (("s0", 0), ("s1", 7)) for seed in (0, 1) for said in answers(split, seed, first=first)
    ]
    made = tables(found, draw)
    values = np.array([np.median(said.rank_N) for said in found[::4]]).reshape(2, 2).mean(axis=1)
    assert (made["pairs"][0]["over"], made["pairs"][0]["performances"]) == ("splits", 22)
    assert made["pairs"][0]["median_rank_runs_ci95"] == pytest.approx(list(metrics.interval_of_mean(values.tolist())))
    assert len(made["rows"]) == 16


def test_one_performance_has_no_interval():
    one = Answers("hub", "depth", "all", "s0", 0, np.array([1, 2]), np.array([2, 2]), np.array([3, 3]))
    row = tables([one], draw)["rows"][0]
    assert (row["r1"], row["r1_ci95"]) == (0.5, None)


def test_subsets_stand_apart_and_the_headline_is_of_all():
    found = [*answers(), *answers(subset="unseen_test", worst=3)]
    made = tables(found, draw)
    assert [row["subset"] for row in made["kinds"]] == ["all", "all", "unseen_test", "unseen_test"]
    numbers = headline(made["kinds"], transductive=False)
    assert numbers["never_trained_r1"] == made["kinds"][1]["r1"]
    assert numbers["trained_chance_r10"] == pytest.approx(10 / 29)
    assert all(isinstance(number, float) for number in numbers.values())
