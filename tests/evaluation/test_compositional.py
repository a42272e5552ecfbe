"""Every outcome against a loop over single questions."""

import math

import numpy as np
import pytest

from pipeline.core.seeds import generator
from pipeline.evaluation import compositional
from pipeline.evaluation.compositional import TIE


def unit(random, num, dim=5):
    x_ND = random.normal(size=(num, dim))
    return (x_ND / np.linalg.norm(x_ND, axis=1, keepdims=True)).astype(np.float32)


def dot(a_D, b_D) -> float:
    return math.fsum(float(a) * float(b) for a, b in zip(a_D, b_D, strict=True))


@pytest.mark.parametrize("block", [1, 23, 1 << 20])
def test_a_cosine_is_that_of_exact_sums(monkeypatch, block):
    monkeypatch.setattr(compositional, "_BLOCK_VALUES", block)
    random = generator(0, "cosines")
    x_PD, y_UD, x_M, y_M = unit(random, 9), unit(random, 7), random.integers(0, 9, 40), random.integers(0, 7, 40)
    expected = [dot(x_PD[x], y_UD[y]) for x, y in zip(x_M, y_M, strict=True)]
    np.testing.assert_allclose(compositional.cosines(x_PD, x_M, y_UD, y_M), expected, rtol=0, atol=1e-15)


def test_who_wins_and_what_ties():
    true = np.array([0.5, 0.5, 0.5, 0.5, 0.5])
    false = np.array([0.4, 0.6, 0.5, 0.5 + TIE / 2, 0.5 - 2 * TIE])
    assert compositional.won(true, false).tolist() == [1.0, 0.0, 0.5, 0.5, 1.0]


@pytest.mark.parametrize("seed", range(20))
def test_strangers_are_of_the_pool_and_of_another_cluster_and_each_is_taken_once(seed):
    random = generator(seed, "strangers")
    cluster = random.integers(0, 12, 60)
    pool = cluster % 2  # a cluster lies in one pool
    found = compositional.mismatched(cluster, pool, random)
    for here in (0, 1):
        rows = np.flatnonzero(pool == here)
        if 2 * np.unique(cluster[rows], return_counts=True)[1].max() > len(rows):
            assert (found[rows] == compositional.NOBODY).all()
        else:
            assert sorted(found[rows]) == rows.tolist()
            assert (cluster[found[rows]] != cluster[rows]).all()


def test_strangers_differ_from_draw_to_draw_and_repeat_with_the_seed():
    cluster, pool = np.arange(50), np.zeros(50, dtype=np.int64)
    found = [compositional.mismatched(cluster, pool, generator(seed, "s")).tolist() for seed in (0, 1, 0)]
    assert found[0] == found[2] != found[1]


def test_a_pool_of_one_long_film_has_no_strangers():
    found = compositional.mismatched(
        np.array([0, 0, 0, 1, 2, 2, 3, 3]), np.array([0, 0, 0, 0, 1, 1, 1, 1]), generator(0)
    )
    assert (found[:4] == compositional.NOBODY).all()
    assert set(found[4:]) == {4, 5, 6, 7}


def brute_rank(scores, right) -> int:
    """Rank of the best right candidate when the wrong ones that tie stand before it."""
    best = max(score for place, score in enumerate(scores) if place in right)
    return 1 + sum(score >= best - TIE for place, score in enumerate(scores) if place not in right)


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_ranks_against_a_loop(monkeypatch, block):
    monkeypatch.setattr(compositional, "_BLOCK_VALUES", block)
    random = generator(1, "ranks")
    x_PD, y_UD = unit(random, 17), unit(random, 11)
    y_UD[3] = y_UD[4]  # another text with the same vector
    pairs = sorted({(p, p % 11) for p in range(17)} | {(int(p), int(u)) for p, u in random.integers(0, 11, (9, 2))})
    right_x, right_y = (np.array(side) for side in zip(*pairs, strict=True))
    rank_P, rank_U = compositional.ranks(x_PD, y_UD, right_x, right_y)
    for p in range(17):
        right = {u for q, u in pairs if q == p}
        assert rank_P[p] == brute_rank([dot(x_PD[p], y) for y in y_UD], right)
    for u in range(11):
        right = {p for p, w in pairs if w == u}
        assert rank_U[u] == brute_rank([dot(x, y_UD[u]) for x in x_PD], right)


def test_a_space_in_which_all_is_alike_finds_nothing():
    x_PD = np.tile(unit(generator(0), 1), (6, 1))
    rank_P, rank_U = compositional.ranks(x_PD, x_PD, np.arange(6), np.arange(6))
    assert rank_P.tolist() == rank_U.tolist() == [6] * 6
    found = compositional.own_text_wins(x_PD, x_PD, np.arange(6), 3, generator(0))
    assert found.tolist() == [0.0] * 6


@pytest.mark.parametrize("num_candidates", [2, 5, 16, 99])
def test_naming_against_a_loop(num_candidates):
    random = generator(2, "named")
    picture_GD, text_UD = unit(random, 30), unit(random, 20)
    text_G = random.integers(0, 20, 30)
    found = compositional.own_text_wins(picture_GD, text_UD, text_G, num_candidates, generator(3, "circle"))
    circle = generator(3, "circle").permutation(30).tolist()
    for row in range(30):
        place = circle.index(row)
        asked = [circle[(place + step) % 30] for step in range(min(num_candidates, 30))]
        scores = {int(text_G[other]): dot(picture_GD[row], text_UD[text_G[other]]) for other in asked}
        own = scores.pop(int(text_G[row]))
        assert found[row] == all(own > score + TIE for score in scores.values())


def test_naming_at_random_is_right_as_often_as_there_are_candidates():
    random = generator(4, "chance")
    found = compositional.own_text_wins(unit(random, 4000), unit(random, 4000), np.arange(4000), 16, random)
    assert abs(found.mean() - 1 / 16) < 4 * math.sqrt(15 / 16 / 16 / 4000)


def test_all_candidates_come_from_the_seed():
    random = generator(5, "seeds")
    x_GD, y_GD = unit(random, 200), unit(random, 200)
    found = [compositional.own_text_wins(x_GD, y_GD, np.arange(200), 4, generator(seed)).tolist() for seed in (0, 1, 0)]
    assert found[0] == found[2] != found[1]
