"""Paired differences against closed forms written out and a permutation of signs."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.stats import t as student
from scipy.stats import ttest_rel

from pipeline.core.schemas import PredictionRow
from pipeline.evaluation import differences, metrics
from tests.core.table_rows import prediction_row

HARD = [0.2, 0.8, 0.5, 0.35, 0.65, 0.4]
LEAD = [0.05, 0.04, 0.07, 0.03, 0.06, 0.05]


def rows(values: list[float], seed: int = 0, seen: int = 22, **figures: Any) -> list[dict[str, Any]]:
    about = {"seed": seed, "num_unseen_classes": 5, "num_seen_classes": seen}
    return [{"split": f"s{place}", "top1": value, **about, **figures} for place, value in enumerate(values)]


AHEAD = rows([value + lead for value, lead in zip(HARD, LEAD, strict=True)])


def found(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> differences.Difference:
    difference = differences.paired(one, other)
    assert difference is not None
    return difference


def test_the_intervals_are_those_of_the_differences_of_each_split() -> None:
    difference = found(AHEAD, rows(HARD))
    mean = math.fsum(LEAD) / 6
    spread = math.fsum((lead - mean) ** 2 for lead in LEAD) / 5
    plain, corrected = (student.ppf(0.975, 5) * math.sqrt(spread * share) for share in (1 / 6, 1 / 6 + 5 / 22))
    assert (difference.num_splits, difference.num_ahead, difference.is_noise) == (6, 6, False)
    assert difference.mean == pytest.approx(mean)
    assert difference.ci95 == pytest.approx((mean - plain, mean + plain))
    assert difference.ci95_corrected == pytest.approx((mean - corrected, mean + corrected))
    reference = ttest_rel([row["top1"] for row in AHEAD], HARD).confidence_interval(0.95)
    assert difference.ci95 == pytest.approx((reference.low, reference.high))


def test_a_lead_on_every_split_is_told_though_the_figures_own_intervals_overlap() -> None:
    ours, theirs = (metrics.interval_over_splits([row["top1"] for row in one]) for one in (AHEAD, rows(HARD)))
    assert ours is not None
    assert theirs is not None
    assert ours[0] < theirs[1]
    assert found(AHEAD, rows(HARD)).is_noise is False


def test_noise_is_what_a_test_of_all_signs_does_not_tell_from_nothing() -> None:
    """All 2^6 ways to turn signs: a mean as great comes about often for noise, and in two of 64 for a real lead."""
    noisy = [0.1, -0.12, 0.05, -0.02, 0.08, -0.06]
    for leads, is_noise in ((noisy, True), (LEAD, False)):
        other = rows([0.5 - lead for lead in leads])
        difference = found(rows([0.5] * 6), other)
        means = [abs(np.dot(signs, leads)) for signs in itertools.product((1, -1), repeat=6)]
        share = np.mean([mean >= abs(sum(leads)) - 1e-12 for mean in means])
        assert (difference.is_noise, bool(share > 0.05)) == (is_noise, is_noise)


def test_a_lead_that_the_plain_interval_alone_tells_is_noise() -> None:
    difference = found(rows([0.56, 0.5, 0.59, 0.51]), rows([0.5] * 4))
    assert difference.ci95 is not None
    assert difference.ci95_corrected is not None
    narrow = found(rows([0.53, 0.5, 0.54, 0.51, 0.53, 0.5]), rows([0.5] * 6))
    assert narrow.ci95 is not None
    assert narrow.ci95[0] > 0
    assert narrow.is_noise is True


@pytest.mark.parametrize(("lead", "wanted"), [(0.0, True), (0.1, None)])
def test_a_lead_that_is_the_same_everywhere_is_not_certain(lead: float, wanted: bool | None) -> None:
    difference = found(rows([value + lead for value in HARD]), rows(HARD))
    assert difference.ci95 is not None
    assert difference.is_noise is wanted


def test_only_splits_of_both_are_compared_and_seeds_of_both_are_paired() -> None:
    one = [*rows([0.5, 0.9]), *rows([0.7, 0.9], seed=1), *rows([0.1, 0.1], seed=7)]
    other = [*rows([0.4]), *rows([0.5], seed=1), *rows([1.0], seed=9)]
    difference = found(one, other)
    assert difference.by_split == {"s0": pytest.approx((0.1 + 0.2) / 2)}
    assert (difference.ci95, difference.is_noise) == (None, None)


def test_without_a_seed_of_both_all_are_averaged() -> None:
    one = [*rows([0.5], seed=1), *rows([0.7], seed=2)]
    assert found(one, rows([0.4])).by_split == {"s0": pytest.approx(0.2)}


def test_methods_without_a_split_of_both_have_no_difference() -> None:
    assert differences.paired(rows([0.5]), [row | {"split": "other"} for row in rows([0.5])]) is None


def test_where_no_class_is_seen_only_the_plain_interval_is_known() -> None:
    difference = found([row | {"num_seen_classes": 0} for row in AHEAD], rows(HARD))
    assert (difference.ci95_corrected, difference.is_noise) == (None, False)


def test_another_figure_gives_another_difference() -> None:
    one, other = rows([0.5], ausuc=0.4), rows([0.5], ausuc=0.1)
    difference = differences.paired(one, other, "ausuc")
    assert difference is not None
    assert difference.mean == pytest.approx(0.3)


def answers(right: list[list[int]], seed: int = 0) -> list[PredictionRow]:
    """A list of outcomes for each cell; every second cell is of another class, subjects ascend."""
    return [
        prediction_row(clip_id=f"{cell}-{number}", seed=seed, subject=cell // 2, class_id=cell % 2, rank=2 - outcome)
        for cell, outcomes in enumerate(right)
        for number, outcome in enumerate(outcomes)
    ]


def test_the_interval_of_a_single_split_with_cells_of_one_size_is_students_over_cells() -> None:
    one = [[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 1, 1]]
    other = [[0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]]
    leads = [(sum(a) - sum(b)) / 3 for a, b in zip(one, other, strict=True)]
    found = differences.over_cells(answers(one), answers(other))
    assert found == pytest.approx(metrics.interval_of_mean(leads))


def test_the_interval_of_a_single_split_is_that_of_drawing_cells_with_replacement() -> None:
    """Forty cells of unlike sizes whose clips are right together, drawn again and again as pairs."""
    draw = np.random.default_rng(1)
    sizes = draw.integers(1, 9, size=40)
    one, other = ([[int(draw.random() < p)] * int(size) for size in sizes] for p in (0.7, 0.4))
    leads = [(sum(a) - sum(b), len(a)) for a, b in zip(one, other, strict=True)]
    means = []
    for _ in range(4_000):
        drawn = [leads[cell] for cell in draw.integers(0, 40, size=40)]
        means.append(sum(lead for lead, _ in drawn) / sum(size for _, size in drawn))
    found = differences.over_cells(answers(one), answers(other))
    assert found == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.03)


def test_clips_of_nobody_known_are_cells_of_their_own_and_seeds_are_averaged() -> None:
    one = [replace(answer, subject=None) for answer in answers([[1, 0], [1, 1]], seed=2)]
    other = [replace(answer, subject=None) for seed in (0, 1) for answer in answers([[0, 0], [seed, 1]], seed)]
    found = differences.over_cells(one, other)
    assert found == pytest.approx(metrics.interval_of_mean([1, 0, 0.5, 0]))


def test_the_interval_over_cells_is_about_the_difference_of_the_seeds_of_both() -> None:
    one, other = answers([[1], [1], [0]]), answers([[0], [1], [0]])
    more = [*other, *answers([[1], [1], [1]], seed=1)]
    assert differences.over_cells(one, more) == differences.over_cells(one, other)
    assert differences.over_cells(more, one) == differences.over_cells(other, one)


def test_clips_that_one_did_not_answer_and_a_single_cell_tell_nothing() -> None:
    assert differences.over_cells(answers([[1, 0]]), answers([[0, 0]])) is None
    assert differences.over_cells(answers([[1], [1]]), answers([[0]])) is None


def test_a_difference_of_one_split_gets_its_interval_and_that_of_several_keeps_its_own() -> None:
    one, other = answers([[1], [1], [0]]), answers([[0], [0], [0]])
    single = differences.with_cells(found(rows([0.5]), rows([0.4])), one, other)
    assert single.ci95 == differences.over_cells(one, other)
    several = found(AHEAD, rows(HARD))
    assert differences.with_cells(several, one, other) == several
