"""Hubness against SciPy and by hand."""

import numpy as np
import pytest
from scipy.stats import skew

from pipeline.evaluation import hubness


def test_a_prototype_is_counted_for_each_clip_it_is_among_the_best_of() -> None:
    scores_NK = np.array([[0.9, 0.1, 0.5], [0.2, 0.2, 0.1], [0.3, 0.8, 0.7]])
    assert hubness.occurrences(scores_NK).tolist() == [2, 1, 0]
    assert hubness.occurrences(scores_NK, k=2).tolist() == [2, 2, 2]


@pytest.mark.parametrize("seed", range(4))
def test_skewness_is_scipys(seed: int) -> None:
    counts_K = np.random.default_rng(seed).poisson(3, 25)
    assert hubness.skewness(counts_K) == pytest.approx(skew(counts_K))
    assert hubness.skewness_printed(counts_K) == pytest.approx(25 * skew(counts_K))


def test_even_counts_are_no_hubs() -> None:
    assert hubness.skewness([4, 4, 4]) == hubness.skewness_printed([4, 4, 4]) == 0


def test_the_share_never_predicted_is_counted() -> None:
    assert hubness.never_predicted([0, 5, 0, 1]) == 0.5
