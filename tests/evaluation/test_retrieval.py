"""Ranks and their resamples against brute force, closed forms and a space in which all is alike."""

import numpy as np
import pytest

from pipeline.core.seeds import generator
from pipeline.evaluation import clusters, retrieval


def unit(x_ND):
    return (x_ND / np.linalg.norm(x_ND, axis=1, keepdims=True)).astype(np.float32)


def noisy(num, dim=16, noise=0.8, seed=0):
    """A gallery, and queries that lean to its rows."""
    random = generator(seed, "noisy")
    gallery_ND = unit(random.normal(size=(num, dim)))
    return unit(gallery_ND + noise * random.normal(size=(num, dim))), gallery_ND


def by_hand(query_ND, gallery_ND, performance_N):
    """Rank and number of candidates, a query and a candidate at a time."""
    found = []
    for n, query_D in enumerate(query_ND):
        right = float(np.dot(query_D.astype(float), gallery_ND[n].astype(float)))
        others = [m for m in range(len(gallery_ND)) if performance_N[m] != performance_N[n]]
        ahead = [m for m in others if np.dot(query_D.astype(float), gallery_ND[m].astype(float)) >= right - 1e-6]
        found.append((1 + len(ahead), 1 + len(others)))
    return [list(some) for some in zip(*found, strict=True)]


@pytest.mark.parametrize("views", [1, 3])
def test_ranks_are_those_of_a_loop(views, monkeypatch):
    query_ND, gallery_ND = noisy(60)
    performance_N = np.arange(60) // views
    expected = by_hand(query_ND, gallery_ND, performance_N)
    assert [some.tolist() for some in retrieval.ranks(query_ND, gallery_ND, performance_N)] == expected
    assert len(set(expected[0])) > 3
    monkeypatch.setattr(retrieval, "_BLOCK_VALUES", 7 * 60)  # blocks of seven queries, the last one shorter
    assert [some.tolist() for some in retrieval.ranks(query_ND, gallery_ND, performance_N)] == expected


def test_views_of_another_camera_are_neither_right_nor_wrong():
    """The query finds its clip's other view, then a stranger, then its clip: rank 2 of 2."""
    query_ND = unit(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    gallery_ND = unit(np.array([[0.5, 0.9], [1.0, 0.0], [0.9, 0.2]]))
    rank_N, num_candidates_N = retrieval.ranks(query_ND, gallery_ND, np.array([0, 0, 1]))
    assert (rank_N[0], num_candidates_N.tolist()) == (2, [2, 2, 3])
    assert retrieval.nearest(query_ND[0], gallery_ND, np.array([0, 0, 1]), 0, 3) == [2, 0]


def test_a_space_in_which_all_is_alike_finds_nothing():
    same_ND = unit(np.ones((12, 4)))
    rank_N, _ = retrieval.ranks(same_ND, same_ND, np.arange(12))
    assert rank_N.tolist() == [12] * 12


def test_a_perfect_space_finds_everything():
    _, gallery_ND = noisy(30)
    assert retrieval.ranks(gallery_ND, gallery_ND, np.arange(30))[0].tolist() == [1] * 30


@pytest.mark.parametrize("views", [1, 2])
def test_the_nearest_are_in_the_order_of_the_ranks(views):
    query_ND, gallery_ND = noisy(40)
    gallery_ND[7] = gallery_ND[3]  # a tie goes against the right one
    query_ND[3] = gallery_ND[3]
    performance_N = np.arange(40) // views
    rank_N, num_candidates_N = retrieval.ranks(query_ND, gallery_ND, performance_N)
    for n in range(40):
        found = retrieval.nearest(query_ND[n], gallery_ND, performance_N, n, 40)
        assert (found.index(n) + 1, len(found)) == (rank_N[n], num_candidates_N[n])
    assert rank_N[3] == 2


def test_a_wrong_clip_that_is_nearly_as_near_stands_ahead_in_the_ranks_and_among_the_nearest():
    """Less than a millionth: an encoder's own rounding."""
    cosine = np.array([0.5, 0.5 - 5e-7, 0.4])
    gallery_ND = np.stack([cosine, np.sqrt(1 - cosine**2)], axis=1)
    query_ND = np.tile([1.0, 0.0], (3, 1))
    assert retrieval.ranks(query_ND, gallery_ND, np.arange(3))[0].tolist() == [2, 2, 3]
    assert retrieval.nearest(query_ND[0], gallery_ND, np.arange(3), 0, 3) == [1, 0, 2]


def test_chance_is_what_random_orders_find():
    """k/N; where views are left out the mean of k/N over the queries."""
    assert retrieval.chance(np.array([20, 20]), 5) == 5 / 20
    assert retrieval.chance(np.array([4, 20]), 5) == (1 + 5 / 20) / 2
    performance_N = np.array([0, 0, 0, 1, 2, 2, 3, 4])
    _, num_candidates_N = retrieval.ranks(*noisy(8), performance_N)
    random, found = generator(0, "chance"), []
    for _ in range(4000):
        order = random.permuted(np.tile(np.arange(8.0), (8, 1)), axis=1)
        other_NN = performance_N[:, None] != performance_N
        found.append((1 + ((order > np.diag(order)[:, None]) & other_NN).sum(axis=1) <= 2).mean())
    assert retrieval.chance(num_candidates_N, 2) == pytest.approx(np.mean(found), abs=0.01)


def test_figures_are_shares_and_the_median():
    assert retrieval.figures(np.array([1, 2, 6, 11])).tolist() == [0.25, 0.5, 0.75, 4.0]


@pytest.mark.parametrize("block", [1 << 22, 50])
def test_resamples_are_those_of_clips_drawn_one_by_one(block, monkeypatch):
    monkeypatch.setattr(retrieval, "_BLOCK_VALUES", block)
    random = generator(0, "resamples")
    rank_N, cluster_N = random.integers(1, 20, size=25), random.integers(0, 9, size=25)
    drawn_BC = clusters.resamples(9, 40, random)
    drawn_BC[0] = 0  # none of these queries
    found_BF = retrieval.resampled(rank_N, cluster_N, drawn_BC)
    assert np.isnan(found_BF[0]).all()
    for drawn_C, found_F in zip(drawn_BC[1:], found_BF[1:], strict=True):
        assert found_F == pytest.approx(retrieval.figures(np.repeat(rank_N, drawn_C[cluster_N])))


def test_the_interval_of_a_share_is_that_of_the_binomial():
    """Clips of performances of their own: the standard deviation is sqrt(p (1 - p) / N)."""
    rank_N = np.where(np.arange(400) < 120, 1, 50)
    drawn_BC = clusters.resamples(400, 4000, generator(0, "binomial"))
    r1_B = retrieval.resampled(rank_N, np.arange(400), drawn_BC)[:, 0]
    assert r1_B.mean() == pytest.approx(0.3, abs=0.002)
    assert r1_B.std() == pytest.approx((0.3 * 0.7 / 400) ** 0.5, rel=0.05)
