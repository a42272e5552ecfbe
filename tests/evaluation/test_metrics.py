"""Every figure against an independent reference: plain loops, resampling cell by cell, numerical integration."""

import math
import random

import numpy as np
import pytest
from scipy.stats import binom

from pipeline.core.errors import DataError, FormatError
from pipeline.core.seeds import generator
from pipeline.evaluation import intervals, metrics

CLASS_IDS = [2, 5, 7, 11, 12, 20, 21]


def case(seed: int, num_clips: int = 60, levels: int = 4) -> tuple[np.ndarray, list[int]]:
    """Scores on few levels, so that many are equal, and uneven classes."""
    draw = random.Random(seed)
    scores = np.array([[draw.randrange(levels) / 8 for _ in CLASS_IDS] for _ in range(num_clips)], dtype=np.float32)
    return scores, [draw.choice(CLASS_IDS[:5] + CLASS_IDS[:2]) for _ in range(num_clips)]


def ordered(row: np.ndarray) -> list[int]:
    """Candidates from best to worst, equal ones by class id."""
    return [c for _, c in sorted((-float(score), c) for score, c in zip(row, CLASS_IDS, strict=True))]


@pytest.mark.parametrize("seed", range(5))
def test_rank_and_prediction_agree_with_sorting(seed: int) -> None:
    scores, truth = case(seed)
    wanted = [ordered(row).index(t) + 1 for row, t in zip(scores, truth, strict=True)]
    assert metrics.ranks(scores, truth, CLASS_IDS).tolist() == wanted
    assert metrics.predictions(scores, CLASS_IDS).tolist() == [ordered(row)[0] for row in scores]


@pytest.mark.parametrize("seed", range(5))
def test_a_margin_is_the_way_from_the_truth_to_the_best_other(seed: int) -> None:
    scores, truth = case(seed)
    found = metrics.margins(scores, truth, CLASS_IDS)
    for row, t, rank, margin in zip(scores, truth, metrics.ranks(scores, truth, CLASS_IDS), found, strict=True):
        others = [float(score) for score, c in zip(row, CLASS_IDS, strict=True) if c != t]
        assert margin == float(row[CLASS_IDS.index(t)]) - max(others)
        assert margin >= 0 if rank == 1 else margin <= 0


def test_the_only_candidate_has_no_margin() -> None:
    assert metrics.margins(np.array([[0.3], [0.1]]), [4, 4], [4]) == [None, None]


def test_constant_scores_name_the_smallest_class_only() -> None:
    rank = metrics.ranks(np.zeros((len(CLASS_IDS), len(CLASS_IDS))), CLASS_IDS, CLASS_IDS)
    assert rank.tolist() == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(bad: float) -> None:
    scores, truth = case(0)
    scores[3, 2] = bad
    with pytest.raises(FormatError, match="not finite"):
        metrics.ranks(scores, truth, CLASS_IDS)


def test_a_truth_that_is_no_candidate_is_refused() -> None:
    with pytest.raises(DataError, match=r"\[3\] occur as truth"):
        metrics.ranks(np.zeros((1, 7)), [3], CLASS_IDS)


@pytest.mark.parametrize("seed", range(3))
def test_accuracies_agree_with_plain_loops(seed: int) -> None:
    scores, truth = case(seed)
    rank = metrics.ranks(scores, truth, CLASS_IDS)
    best = [ordered(row) for row in scores]
    by_class: dict[int, list[bool]] = {}
    for order, true in zip(best, truth, strict=True):
        by_class.setdefault(true, []).append(order[0] == true)
    for k in (1, 3, 5):
        hits = sum(true in order[:k] for order, true in zip(best, truth, strict=True))
        assert metrics.top_k(rank, k) == pytest.approx(hits / len(truth))
    means = {c: sum(hits) / len(hits) for c, hits in by_class.items()}
    assert metrics.class_mean(rank, truth) == pytest.approx(sum(means.values()) / len(means))
    assert metrics.per_class(rank, truth) == {c: (pytest.approx(means[c]), len(by_class[c])) for c in sorted(means)}


def test_confusion_counts_every_clip_once() -> None:
    assert metrics.confusion([1, 1, 2, 2, 2], [1, 2, 2, 2, 1]) == {(1, 1): 1, (1, 2): 1, (2, 1): 1, (2, 2): 2}


def measured(
    rank: np.ndarray, truth: list[int], subject: list[int | None] | None = None, times: int = 10, seed: int = 0
) -> metrics.Accuracy:
    """The figures among seven candidates; without subjects every clip stands for itself."""
    nobody: list[int | None] = [None] * len(truth)
    return metrics.accuracy(
        rank,
        truth,
        nobody if subject is None else subject,
        num_candidates=len(CLASS_IDS),
        num_resamples=times,
        generator=generator(seed, "bootstrap"),
    )


def test_class_mean_and_micro_differ_where_classes_are_uneven() -> None:
    found = measured(np.array([1, 1, 1, 9]), [0, 0, 0, 1])
    assert (found.top1, found.class_mean) == (0.75, 0.5)


def resampled(rank: np.ndarray, truth: list[int], groups: list[object], times: int) -> dict[str, list[float]]:
    """The bootstrap as it is told: draw cells with replacement, take all their clips, compute, repeat."""
    draw = random.Random(7)
    values: dict[str, list[float]] = {"top1": [], "top5": [], "class_mean": []}
    cells = [[i for i, one in enumerate(groups) if one == group] for group in sorted(set(groups), key=str)]
    for _ in range(times):
        chosen = [i for _ in cells for i in draw.choice(cells)]
        again, truths = rank[chosen], [truth[i] for i in chosen]
        values["top1"].append(metrics.top_k(again, 1))
        values["top5"].append(metrics.top_k(again, 5))
        values["class_mean"].append(metrics.class_mean(again, truths))
    return values


def agree(found: metrics.Accuracy, reference: dict[str, list[float]]) -> None:
    for name, values in reference.items():
        low, high = np.quantile(values, [0.025, 0.975])
        assert getattr(found, f"{name}_ci95") == pytest.approx((low, high), abs=0.02)


def test_without_subjects_the_intervals_are_those_of_drawing_clips_with_replacement() -> None:
    scores, truth = case(1)
    rank = metrics.ranks(scores, truth, CLASS_IDS)
    agree(measured(rank, truth, times=20_000), resampled(rank, truth, list(range(60)), 2_000))


def test_the_intervals_are_those_of_drawing_cells_of_subject_and_class_with_replacement() -> None:
    """Clips of one subject and class are right together; three clips are of nobody known."""
    draw = random.Random(3)
    truth = [draw.choice(CLASS_IDS) for _ in range(150)]
    subject = [None if i < 3 else draw.randrange(1, 5) for i in range(150)]
    is_right = {(s, c): draw.random() < 0.5 for s in range(1, 5) for c in CLASS_IDS}
    rank = np.array(
        [1 if is_right.get((s or 0, c)) else draw.randint(2, 7) for s, c in zip(subject, truth, strict=True)]
    )
    groups = [i if s is None else (s, c) for i, (s, c) in enumerate(zip(subject, truth, strict=True))]
    found = measured(rank, truth, subject, times=20_000)
    agree(found, resampled(rank, truth, groups, 3_000))
    assert found.num_cells == len(set(groups))
    by_clip = measured(rank, truth, times=20_000)
    assert by_clip.num_cells == 150
    assert found.top1 == by_clip.top1
    assert np.ptp(found.top1_ci95 or ()) > 1.5 * np.ptp(by_clip.top1_ci95 or ())


def test_where_clips_of_a_cell_are_alike_intervals_over_cells_cover_the_truth_and_those_over_clips_do_not() -> None:
    """Each of twenty cells of four clips has a chance of its own to be right, a half in the mean."""
    draw, covered = np.random.default_rng(0), {"cells": 0, "clips": 0}
    truth = [class_id for class_id in range(5) for _ in range(16)]
    subject: list[int | None] = [number // 4 for _ in range(5) for number in range(16)]
    for trial in range(200):
        rank = np.where(draw.random(80) < np.repeat(draw.beta(0.5, 0.5, size=20), 4), 1, 2)
        for name, who in (("cells", subject), ("clips", None)):
            interval = measured(rank, truth, who, times=200, seed=trial).top1_ci95
            assert interval is not None
            covered[name] += interval[0] <= 0.5 <= interval[1]
    assert covered["cells"] / 200 > 0.9
    assert covered["clips"] / 200 < 0.87


def test_subjects_of_one_number_in_two_classes_are_two_cells_and_uneven_cells_weigh_by_their_clips() -> None:
    """Two cells of one and three clips: a resample is both (1/2), twice the first or twice the second."""
    found = measured(np.array([1, 9, 9, 9]), [0, 1, 1, 1], [5, 5, 5, 5], times=4_000)
    assert (found.num_cells, found.top1, found.class_mean, found.top1_ci95) == (2, 0.25, 0.5, (0.0, 1.0))
    values = resampled(np.array([1, 9, 9, 9]), [0, 1, 1, 1], ["a", "b", "b", "b"], 4_000)
    assert {value: round(4 * values["top1"].count(value) / 4_000) for value in set(values["top1"])} == {
        0.0: 1,
        0.25: 2,
        1.0: 1,
    }


def test_a_single_cell_tells_nothing_of_others() -> None:
    found = measured(np.array([1, 9]), [0, 0], [5, 5])
    assert (found.top1, found.top1_ci95, found.top5_ci95, found.class_mean_ci95) == (0.5, None, None, None)


@pytest.mark.parametrize("is_right", [True, False])
def test_at_0_and_1_the_interval_is_wilsons_of_the_cells(is_right: bool) -> None:
    """Nine clips in four cells: of class 0 two subjects with three clips each, of class 1 two with one and two."""
    truth, subject = [0] * 6 + [1] * 3, [1, 1, 1, 2, 2, 2, 1, 2, 2]
    found = measured(np.array([1 if is_right else 9] * 9), truth, subject)
    ends = intervals.wilson(4 * is_right, 4)
    assert (found.top1, found.num_cells) == (float(is_right), 4)
    assert found.top1_ci95 == found.top5_ci95 == found.class_mean_ci95 == ends
    without = measured(np.array([1 if is_right else 9] * 9), truth)
    assert without.top1_ci95 == intervals.wilson(9 * is_right, 9)
    fewer = without.class_mean_ci95  # classes of six clips and of three tell as much as eight, four of each
    assert fewer == pytest.approx(intervals.wilson(8 * is_right, 8))


def test_a_single_cell_that_is_right_tells_a_little_of_others() -> None:
    assert measured(np.array([1, 1]), [0, 0], [5, 5]).top1_ci95 == intervals.wilson(1, 1)


def test_among_five_candidates_the_best_five_cannot_be_wrong_and_are_not_told() -> None:
    for num, told in ((5, None), (6, 0.5)):
        found = metrics.accuracy(
            np.array([1, 6]), [0, 1], [1, 2], num_candidates=num, num_resamples=10, generator=generator(0, "b")
        )
        assert found.top5 == told
        assert (found.top5_ci95 is None) == (told is None)


@pytest.mark.parametrize(("num_clips", "num_right"), [(26, 4), (27, 23)])
def test_the_interval_leaves_out_a_fortieth_on_each_side(num_clips: int, num_right: int) -> None:
    """Of N clips with r right a resample has Binomial(N, r / N) right ones, whose quantiles are known."""
    rank = np.array([1] * num_right + [9] * (num_clips - num_right))
    wanted = binom.ppf([0.025, 0.975], num_clips, num_right / num_clips) / num_clips
    assert measured(rank, [0] * num_clips, times=50_000).top1_ci95 == pytest.approx(tuple(wanted))


def test_a_class_that_a_resample_misses_is_left_out_of_its_class_mean() -> None:
    """One clip of ten is of the class that is never right: a third of the resamples lack it, and are right on all."""
    found = measured(np.array([1] * 9 + [9]), [0] * 9 + [1], times=2_000)
    assert (found.class_mean, found.class_mean_ci95) == (0.5, (0.5, 1.0))


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    scores, truth = case(2)
    rank = metrics.ranks(scores, truth, CLASS_IDS)
    one, same, other = (measured(rank, truth, times=500, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one.class_mean_ci95 != other.class_mean_ci95


def test_resamples_drawn_in_blocks_are_those_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, truth = case(2)
    rank = metrics.ranks(scores, truth, CLASS_IDS)
    whole = measured(rank, truth, times=501)
    monkeypatch.setattr(metrics, "_BLOCK_VALUES", 64)
    assert measured(rank, truth, times=501) == whole


def test_two_thousand_resamples_of_a_thousand_clips_are_one_product_of_matrices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A loop over resamples would take seconds."""
    draw, figures, sizes = np.random.default_rng(0), metrics._figures, []

    def counted(kinds_H4: metrics.Ints, drawn_BH: metrics.Ints) -> tuple[metrics.Floats, ...]:
        sizes.append(len(drawn_BH))
        return figures(kinds_H4, drawn_BH)

    monkeypatch.setattr(metrics, "_figures", counted)
    rank, truth = draw.integers(1, 60, size=1000), draw.integers(0, 12, size=1000).tolist()
    measured(rank, truth, draw.integers(0, 40, size=1000).tolist(), times=2000)
    assert sizes == [2000]


def test_an_accuracy_holds_the_figures_of_its_ranks() -> None:
    found = measured(np.array([1, 2, 2, 6]), [0, 0, 1, 1])
    assert (found.top1, found.top5, found.class_mean, found.mean_of_batches) == (0.25, 0.75, 0.25, 0.25)
    assert metrics.percentiles(np.linspace(0, 1, 1001)) == pytest.approx((0.025, 0.975))


def test_no_clips_is_an_error_not_a_nan() -> None:
    with pytest.raises(DataError, match="no scored clips"):
        measured(np.array([], dtype=np.int64), [])


@pytest.mark.parametrize("num", [1, 63, 64, 65, 200])
def test_the_mean_of_batches_is_that_of_a_plain_loop(num: int) -> None:
    rank = np.random.default_rng(num).integers(1, 3, size=num)
    batches = [rank.tolist()[start : start + 64] for start in range(0, num, 64)]
    wanted = sum(sum(one == 1 for one in batch) / len(batch) for batch in batches) / len(batches)
    assert metrics.mean_of_batches(rank) == pytest.approx(wanted)
    assert (wanted == metrics.top_k(rank, 1)) or num % 64


def t_coverage(point: float, freedom: int) -> float:
    """Share of Student's t within +-point, by the trapezoid rule."""
    x = np.linspace(-point, point, 200_001)
    log = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    return float(np.trapezoid(np.exp(log - (freedom + 1) / 2 * np.log1p(x**2 / freedom)), x))


@pytest.mark.parametrize("num", [2, 3, 10, 40])
def test_the_interval_over_splits_is_students(num: int) -> None:
    values = [0.4 + 0.01 * (i % 5) for i in range(num)]
    interval = metrics.interval_over_splits(values)
    assert interval is not None
    error = np.std(values, ddof=1) / math.sqrt(num)
    assert sum(interval) / 2 == pytest.approx(np.mean(values))
    assert t_coverage(float((interval[1] - interval[0]) / 2 / error), num - 1) == pytest.approx(0.95, abs=1e-6)


def test_one_split_has_no_interval_over_splits() -> None:
    assert metrics.interval_over_splits([0.5]) is None


def test_an_interval_over_splits_stays_between_zero_and_one() -> None:
    assert metrics.interval_over_splits([0.0, 1.0]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("seen", "unseen", "wanted"), [(0.5, 0.25, 1 / 3), (0.0, 0.9, 0.0), (0.0, 0.0, 0.0), (1, 1, 1)]
)
def test_the_harmonic_mean(seen: float, unseen: float, wanted: float) -> None:
    assert metrics.harmonic_mean(seen, unseen) == pytest.approx(wanted)


def test_chance_is_one_guess_among_the_candidates() -> None:
    assert metrics.chance(5) == 0.2


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_splits_that_are_all_right_or_all_wrong_show_no_spread(share: float) -> None:
    assert metrics.interval_over_splits([share] * 3) is None
    assert metrics.interval_over_splits([share, share, 0.5]) is not None
