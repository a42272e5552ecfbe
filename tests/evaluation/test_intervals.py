"""Intervals over splits against closed forms written out, numerical integration and simulation."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from scipy.stats import t as student

from pipeline.evaluation import intervals, metrics

VALUES = [0.41, 0.52, 0.36, 0.6, 0.45]


def test_without_what_is_shared_the_corrected_interval_is_the_plain_one() -> None:
    assert intervals.corrected(VALUES, 0) == pytest.approx(metrics.interval_of_mean(VALUES))


def test_the_corrected_interval_is_nadeau_and_bengios_written_out() -> None:
    """n_2 / n_1 = 5 unseen to 22 seen classes, J = 5 splits."""
    mean = math.fsum(VALUES) / 5
    spread = math.fsum((value - mean) ** 2 for value in VALUES) / 4
    half = student.ppf(0.975, 4) * math.sqrt((1 / 5 + 5 / 22) * spread)
    assert intervals.corrected(VALUES, 5 / 22) == pytest.approx((mean - half, mean + half))
    plain = metrics.interval_of_mean(VALUES)
    assert plain is not None
    assert half == pytest.approx((plain[1] - plain[0]) / 2 * math.sqrt(1 + 5 * 5 / 22))


def test_one_split_has_no_corrected_interval() -> None:
    assert intervals.corrected([0.5], 0.2) is None


def test_the_interval_over_seeds_of_one_split_is_students() -> None:
    assert intervals.over_seeds([VALUES]) == pytest.approx(metrics.interval_of_mean(VALUES))


def test_splits_that_differ_do_not_widen_the_interval_over_seeds() -> None:
    near = intervals.over_seeds([[0.4, 0.42], [0.5, 0.52]])
    far = intervals.over_seeds([[0.1, 0.12], [0.8, 0.82]])
    assert near is not None
    assert far is not None
    assert np.ptp(near) == pytest.approx(np.ptp(far))
    # The pooled variance is (2 x .0002) / 2 and that of the mean of two means of two a fourth of it.
    assert np.ptp(near) / 2 == pytest.approx(student.ppf(0.975, 2) * math.sqrt(0.0002 / 4))


def test_the_interval_over_seeds_covers_what_other_seeds_give() -> None:
    """Three splits with two, three and four seeds: the mean with endless seeds lies within in 95 of 100 trials."""
    draw, inside, trials = np.random.default_rng(0), 0, 4_000
    for _ in range(trials):
        noise = [draw.normal(0.5 + 0.1 * split, 0.05, size=2 + split).tolist() for split in range(3)]
        found = intervals.over_seeds(noise)
        assert found is not None
        inside += found[0] <= 0.6 <= found[1]
    assert inside / trials == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize("values", [[], [[0.5]], [[0.5], [0.6]]])
def test_without_a_second_seed_there_is_no_interval_over_seeds(values: list[list[float]]) -> None:
    assert intervals.over_seeds(values) is None


def test_a_split_of_one_seed_takes_the_spread_of_the_others() -> None:
    found = intervals.over_seeds([[0.4, 0.5], [0.7]])
    half = student.ppf(0.975, 1) * math.sqrt(0.005 * (1 / 2 + 1) / 4)
    assert found == pytest.approx((0.575 - half, 0.575 + half))


def test_shares_stay_between_zero_and_one() -> None:
    assert metrics.within_unit((-0.2, 1.3)) == (0.0, 1.0)
    assert metrics.within_unit(None) is None


@pytest.mark.parametrize(("right", "num"), [(0, 1), (0, 7), (1, 1), (3, 8), (7, 7), (50, 120), (120, 120)])
def test_wilsons_interval_is_that_of_scipy(right: int, num: int) -> None:
    wanted = binomtest(right, num).proportion_ci(confidence_level=0.95, method="wilson")
    assert intervals.wilson(right, num) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_wilsons_interval_holds_the_shares_from_which_what_was_seen_is_two_deviations_away() -> None:
    """Its definition, solved by hand: (p - share)² = z² share (1 - share) / n, for a number that is not whole too."""
    z, num, right = norm.ppf(0.975), 7.25, 2.5
    for end in intervals.wilson(right, num):
        assert (right / num - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / num)


def test_wilsons_interval_covers_the_share_more_often_than_the_bootstrap_of_few_clips_near_the_end() -> None:
    """20 clips with a chance of .98: two of three times all are right, and a bootstrap then says 100 to 100."""
    right = np.random.default_rng(0).binomial(20, 0.98, size=4_000)
    spans = [intervals.wilson(int(number), 20) for number in right]
    assert np.mean([low <= 0.98 <= high for low, high in spans]) > 0.9
    assert np.mean(right == 20) > 0.6


@pytest.mark.parametrize(("right", "num"), [(1, 0), (2, 1), (-1, 5), (0, 0)])
def test_wilsons_interval_of_no_clips_or_of_more_right_than_there_are_is_refused(right: int, num: int) -> None:
    with pytest.raises(ValueError, match="expected at least one clip"):
        intervals.wilson(right, num)


def test_only_shares_of_0_and_1_have_an_exact_interval() -> None:
    assert [intervals.exact(share, 9) for share in (0.0, 0.999, 1.0)] == [
        intervals.wilson(0, 9),
        None,
        intervals.wilson(9, 9),
    ]


def test_the_mean_over_classes_tells_as_much_as_the_effective_number_of_cells() -> None:
    """Drawn again and again, the mean of class shares varies as a share of so many independent cells does."""
    draw, sizes, chance = np.random.default_rng(0), [2, 3, 20], 0.7
    means = np.mean([draw.binomial(size, chance, size=200_000) / size for size in sizes], axis=0)
    assert chance * (1 - chance) / intervals.effective_number(sizes) == pytest.approx(np.var(means), rel=0.02)
    assert intervals.effective_number([6, 6, 6]) == pytest.approx(18)
