"""Means and intervals over clusters against resampling by hand and against closed forms."""

import math

import numpy as np
import pytest

from pipeline.core.seeds import generator
from pipeline.evaluation import clusters, intervals, metrics


def test_names_are_numbered_alike_where_they_are_alike():
    assert clusters.numbered(["b", "a", "b", "c"]).tolist() == [1, 0, 1, 2]
    assert clusters.numbered([]).tolist() == []


def test_every_resample_holds_the_questions_of_the_clusters_drawn():
    random = generator(0, "by hand")
    outcome_SM = random.integers(0, 2, (2, 30)).astype(np.float64)
    cluster_M = random.integers(0, 7, 30)
    drawn_BC = clusters.resamples(7, 50, random)
    assert (drawn_BC.sum(axis=1) == 7).all()
    found_S, resampled_BS = clusters.means(outcome_SM, cluster_M, drawn_BC)
    np.testing.assert_allclose(found_S, outcome_SM.mean(axis=1))
    for drawn_C, row_S in zip(drawn_BC, resampled_BS, strict=True):
        rows = [m for c in range(7) for _ in range(drawn_C[c]) for m in np.flatnonzero(cluster_M == c)]
        np.testing.assert_allclose(row_S, outcome_SM[:, rows].mean(axis=1))


def test_blocks_change_neither_what_is_drawn_nor_its_means(monkeypatch):
    whole_BC = clusters.resamples(9, 40, generator(3, "blocks"))
    outcome_SM, cluster_M = np.eye(2)[[0, 1, 1, 0, 1] * 6].T, np.arange(30) % 9
    whole = clusters.means(outcome_SM, cluster_M, whole_BC)
    monkeypatch.setattr(clusters, "_BLOCK_VALUES", 30)  # three rows at once
    drawn_BC = clusters.resamples(9, 40, generator(3, "blocks"))
    assert drawn_BC.dtype == np.int16  # a quarter of what NumPy draws into
    np.testing.assert_array_equal(drawn_BC, whole_BC)
    np.testing.assert_array_equal(drawn_BC, generator(3, "blocks").multinomial(9, np.full(9, 1 / 9), size=40))
    np.testing.assert_array_equal(clusters.means(outcome_SM, cluster_M, drawn_BC)[1], whole[1])


def test_the_difference_of_two_is_resampled_as_a_pair():
    """Where one encoder is always right by .25 more, the difference has no spread, though each of them has."""
    random = generator(1, "paired")
    first_M = random.random(80)
    _, resampled_BS = clusters.means(
        np.stack([first_M, first_M + 0.25]), np.arange(80), clusters.resamples(80, 200, random)
    )
    np.testing.assert_allclose(resampled_BS[:, 1] - resampled_BS[:, 0], 0.25)
    assert np.std(resampled_BS[:, 0]) > 0.02


def test_single_questions_give_the_interval_of_a_share():
    random = generator(2, "share")
    outcome_M = (np.arange(400) < 280).astype(np.float64)
    _, resampled_BS = clusters.means(outcome_M[None], np.arange(400), clusters.resamples(400, 4000, random))
    low, high = clusters.interval(resampled_BS[:, 0], 400, None)
    half = 1.96 * math.sqrt(0.7 * 0.3 / 400)
    assert (low, high) == pytest.approx((0.7 - half, 0.7 + half), abs=0.006)


def test_questions_of_one_picture_count_as_one():
    """Nine copies of every question leave the interval as it was: they add no pictures."""
    random = generator(3, "copies")
    outcome_C = random.integers(0, 2, 60).astype(np.float64)
    drawn = clusters.resamples(60, 3000, random)
    once = clusters.means(outcome_C[None], np.arange(60), drawn)[1][:, 0]
    often = clusters.means(np.tile(outcome_C, 9)[None], np.tile(np.arange(60), 9), drawn)[1][:, 0]
    np.testing.assert_allclose(once, often)
    alone = clusters.means(np.tile(outcome_C, 9)[None], np.arange(540), clusters.resamples(540, 3000, random))[1][:, 0]
    assert np.std(alone) < 0.5 * np.std(often)


def test_a_resample_without_the_question_is_left_out():
    outcome_M, cluster_M = np.array([[1.0, 0.0]]), np.array([0, 3])
    drawn = np.array([[0, 4, 0, 0], [1, 3, 0, 0], [2, 0, 0, 2]])
    _, resampled_BS = clusters.means(outcome_M, cluster_M, drawn)
    assert np.isnan(resampled_BS[0, 0])
    assert resampled_BS[1:, 0].tolist() == [1.0, 0.5]
    low, high = clusters.interval(resampled_BS[:, 0], 2, None)
    assert 0.5 <= low < high <= 1.0


def test_one_picture_has_no_interval():
    assert clusters.interval(np.array([0.5, 0.5]), 1, 0.5) is None
    assert clusters.interval(np.array([np.nan]), 5, None) is None


def test_a_share_of_all_or_of_nothing_is_no_certainty() -> None:
    for share in (0.0, 1.0):
        resampled_B = np.full(100, share)
        assert clusters.interval(resampled_B, 12, share) == intervals.wilson(12 * share, 12)
        assert clusters.interval(resampled_B, 12, None) == (share, share)  # a median rank of 1 is no share
    assert clusters.interval(np.array([]), 0, 0.0) is None


def test_the_interval_of_differences_may_lie_below_zero():
    assert metrics.interval_of_mean([0.5]) is None
    low, high = metrics.interval_of_mean([-0.1, -0.2, -0.3])
    half = 4.302652729911275 * 0.1 / math.sqrt(3)
    assert (low, high) == pytest.approx((-0.2 - half, -0.2 + half), abs=1e-9)
    assert metrics.interval_over_splits([0.0, 0.1]) == (0.0, pytest.approx(0.05 + 12.706204736 * 0.05))
