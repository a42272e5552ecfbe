"""Accuracies with their intervals, as pure functions of ranks and classes. Fractions, never per cent.

Shapes: N clips, K candidate classes, C classes that occur as truth, B bootstrap resamples, G cells (the clips of one
subject and class), H kinds of cells with equal counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError, FormatError
from pipeline.evaluation import intervals
from pipeline.evaluation.intervals import COVERAGE, Interval, around

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

TOP = 5
BATCH = 64  # clips; of the published means over batches
_BLOCK_VALUES = 1 << 22  # numbers held at once


@dataclass(frozen=True)
class Accuracy:
    """The figures of one set of predictions, each with its interval over cells: bootstrap, at 0 and 1 Wilson's.

    The bootstrap is None for a single cell. `top5` is None for five candidates or fewer, where it is always 1.
    """

    top1: float
    top1_ci95: Interval | None
    top5: float | None
    top5_ci95: Interval | None
    class_mean: float
    class_mean_ci95: Interval | None
    mean_of_batches: float
    num_cells: int


def ranks(scores_NK: npt.NDArray[Any], truth_N: Sequence[int], class_ids_K: Sequence[int]) -> Ints:
    """Rank of each clip's true class among the candidates, from 1.

    Equal scores are ordered by class id, so the rank is 1 exactly where `predictions` names the truth, and a method
    that scores all classes alike gets no more than the smallest class. Raises FormatError for scores that are not
    finite and DataError for a truth that is no candidate.
    """
    if not np.isfinite(scores_NK).all():
        raise FormatError("scores: found a value that is not finite; rerun the stage that wrote them")
    column = {class_id: place for place, class_id in enumerate(class_ids_K)}
    strangers = sorted({t for t in truth_N if t not in column})
    if strangers:
        raise DataError(f"scores: classes {strangers} occur as truth but are not among the candidates")
    place_N = np.array([column[t] for t in truth_N], dtype=np.int64)
    true_N1 = np.take_along_axis(scores_NK, place_N[:, None], axis=1)
    earlier_NK = np.arange(scores_NK.shape[1]) < place_N[:, None]
    ahead_NK = (scores_NK > true_N1) | ((scores_NK == true_N1) & earlier_NK)
    rank_N: Ints = 1 + ahead_NK.sum(axis=1, dtype=np.int64)
    return rank_N


def margins(scores_NK: npt.NDArray[Any], truth_N: Sequence[int], class_ids_K: Sequence[int]) -> list[float | None]:
    """How far each clip's true class is ahead of the best other candidate; below zero, how far it is behind.

    None where there is no other candidate.

    >>> margins(np.array([[3.0, 1.0, 2.5]]), [4], [4, 5, 9])
    [0.5]
    """
    if len(class_ids_K) == 1:
        return [None] * len(truth_N)
    scores = np.array(scores_NK, dtype=np.float64)  # a copy: the truth is struck out of it
    rows_N, place_N = np.arange(len(truth_N)), np.searchsorted(class_ids_K, truth_N)
    true_N = scores[rows_N, place_N]
    scores[rows_N, place_N] = -np.inf
    margin_N: list[float | None] = (true_N - scores.max(axis=1)).tolist()
    return margin_N


def predictions(scores_NK: npt.NDArray[Any], class_ids_K: Sequence[int]) -> Ints:
    """Class of the best score; among equals the smallest class id (`class_ids_K` ascends)."""
    class_N: Ints = np.asarray(class_ids_K, dtype=np.int64)[np.argmax(scores_NK, axis=1)]
    return class_N


def top_k(rank_N: Ints, k: int) -> float:
    """Share of clips whose true class is among the best k (micro average).

    >>> top_k(np.array([1, 2, 6, 1]), 5)
    0.75
    """
    return float(np.mean(rank_N <= k))


def top_five(rank_N: Ints, num_candidates: int) -> float | None:
    """Share of clips whose true class is among the best five; None for five candidates or fewer, where it is 1.

    >>> top_five(np.array([1, 6]), 6), top_five(np.array([1, 5]), 5)
    (0.5, None)
    """
    return top_k(rank_N, TOP) if num_candidates > TOP else None


def per_class(rank_N: Ints, truth_N: Sequence[int]) -> dict[int, tuple[float, int]]:
    """Top-1 accuracy and number of clips of each class that occurs as truth, by class id."""
    truth = np.asarray(truth_N)
    by_class = {}
    for class_id in sorted(set(truth.tolist())):
        rank = rank_N[truth == class_id]
        by_class[class_id] = (float(np.mean(rank == 1)), len(rank))
    return by_class


def class_mean(rank_N: Ints, truth_N: Sequence[int]) -> float:
    """Mean of the per-class accuracies: every class has the same weight, however many clips it has."""
    return float(np.mean([accuracy for accuracy, _ in per_class(rank_N, truth_N).values()]))


def confusion(truth_N: Sequence[int], predicted_N: Sequence[int]) -> dict[tuple[int, int], int]:
    """Number of clips of each (true class, predicted class) that occurs, in sorted order."""
    pairs, counts = np.unique(np.stack([truth_N, predicted_N]), axis=1, return_counts=True)
    return {(int(t), int(p)): int(n) for (t, p), n in zip(pairs.T, counts, strict=True)}


def chance(num_candidates: int) -> float:
    """Expected top-1 accuracy of a uniform guess."""
    return 1 / num_candidates


def harmonic_mean(seen: float, unseen: float) -> float:
    """Harmonic mean of seen and unseen accuracy; 0 if either is 0 (Xian et al., 2018, eq. 21).

    >>> round(harmonic_mean(0.5, 0.25), 4)
    0.3333
    """
    return 2 * seen * unseen / (seen + unseen) if seen and unseen else 0.0


def mean_of_batches(rank_N: Ints, size: int = BATCH) -> float:
    """Mean of the accuracies of batches in the order given, as public code averages: a short last batch weighs as much.

    >>> mean_of_batches(np.array([1, 1, 2]), size=2)
    0.5
    """
    starts = range(0, len(rank_N), size)
    return float(np.mean([np.mean(rank_N[start : start + size] == 1) for start in starts]))


def accuracy(
    rank_N: Ints,
    truth_N: Sequence[int],
    subject_N: Sequence[int | None],
    *,
    num_candidates: int,
    num_resamples: int,
    generator: np.random.Generator,
) -> Accuracy:
    """Top-1, top-5 and class-mean accuracy, each with a 95 % percentile bootstrap interval over (subject, class) cells.

    A subject repeats an action in much the same way, so the clips of a cell are not independent: whole cells are drawn
    with replacement, as many as there are. A clip of an unknown subject is its own cell. A class that a resample misses
    is left out of that resample's class mean. The interval covers other subjects and other mixes of these classes, not
    other classes.

    At 0 and 1 all resamples are alike, which is no certainty: the interval is Wilson's there, of as many right answers
    as there are cells. That is the least that the clips tell: those of a cell count as one, for how much they differ
    cannot be seen where all are right. A class mean counts `intervals.effective_number` cells. Raises DataError without
    clips.
    """
    if not len(rank_N):
        raise DataError("no scored clips: the split's test clips and the scores have nothing in common")
    counts_G4 = _counts(rank_N, truth_N, subject_N)
    ends: list[Interval | None] = [None, None, None]
    if len(counts_G4) > 1:
        blocks = [_figures(*block) for block in resampled_cells(counts_G4, num_resamples, generator)]
        ends = [percentiles(np.concatenate(figure)) for figure in zip(*blocks, strict=True)]
    top1, top5 = top_k(rank_N, 1), top_five(rank_N, num_candidates)
    mean, num_effective = class_mean(rank_N, truth_N), intervals.effective_number(np.bincount(counts_G4[:, 0]).tolist())
    return Accuracy(
        top1=top1,
        top1_ci95=intervals.exact(top1, len(counts_G4)) or ends[0],
        top5=top5,
        top5_ci95=None if top5 is None else intervals.exact(top5, len(counts_G4)) or ends[1],
        class_mean=mean,
        class_mean_ci95=intervals.exact(mean, num_effective) or ends[2],
        mean_of_batches=mean_of_batches(rank_N),
        num_cells=len(counts_G4),
    )


def interval_over_splits(values: Sequence[float]) -> Interval | None:
    """95 % Student t interval of the mean of independent splits, clipped to [0, 1].

    None for fewer than two, and where all are 0 or all are 1: shares at an end have no spread, which is no certainty.
    """
    return None if set(values) in ({0.0}, {1.0}) else within_unit(interval_of_mean(values))


def interval_of_mean(values: Sequence[float]) -> Interval | None:
    """95 % Student t interval of the mean of independent figures, such as differences; None for fewer than two."""
    num = len(values)
    return around(float(np.mean(values)), float(np.var(values, ddof=1)) / num, num - 1) if num > 1 else None


def within_unit(interval: Interval | None) -> Interval | None:
    """Clipped to [0, 1], the range of shares."""
    return (max(0.0, interval[0]), min(1.0, interval[1])) if interval else None


def cells(truth_N: Sequence[int], subject_N: Sequence[int | None]) -> Ints:
    """A number from 0 for the (class, subject) of each clip; a clip of an unknown subject is its own cell."""
    keys = [
        (class_id, *((1, number) if subject is None else (0, subject)))
        for number, (class_id, subject) in enumerate(zip(truth_N, subject_N, strict=True))
    ]
    return np.unique(np.array(keys, dtype=np.int64), axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def resampled_cells(counts_GX: Ints, num_resamples: int, generator: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """Resamples of as many cells as there are, in blocks: kinds of cells (H, X), and how often each was drawn (B, H).

    Cells with equal counts are drawn as one kind, from a multinomial: the same distribution with fewer numbers.
    """
    kinds_HX, num_H = np.unique(counts_GX, axis=0, return_counts=True)
    at_once = max(1, _BLOCK_VALUES // len(kinds_HX))
    for start in range(0, num_resamples, at_once):
        size = min(at_once, num_resamples - start)
        yield kinds_HX, generator.multinomial(len(counts_GX), num_H / len(counts_GX), size=size)


def percentiles(values_B: Floats) -> Interval:
    """The 2.5 % and 97.5 % quantiles of resampled values."""
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(values_B, [tail, 1 - tail])
    return float(low), float(high)


def as_list(interval: Sequence[float] | None) -> list[float] | None:
    """An interval as JSON holds it."""
    return list(interval) if interval else None


def _counts(rank_N: Ints, truth_N: Sequence[int], subject_N: Sequence[int | None]) -> Ints:
    """For each cell the place of its class, and how many clips it has: all, of rank 1, and of rank 1 to TOP."""
    cell_N = cells(truth_N, subject_N)
    counts_G4 = np.zeros((int(cell_N.max()) + 1, 4), dtype=np.int64)
    counts_G4[cell_N, 0] = np.unique(np.asarray(truth_N), return_inverse=True)[1].ravel()
    for column, is_counted_N in enumerate((np.ones_like(rank_N), rank_N == 1, rank_N <= TOP), start=1):
        np.add.at(counts_G4[:, column], cell_N, is_counted_N.astype(np.int64))
    return counts_G4


def _figures(kinds_H4: Ints, drawn_BH: Ints) -> tuple[Floats, Floats, Floats]:
    """Top-1, top-5 and class-mean accuracy of resamples, from how often each kind of cell was drawn."""
    place_H, clips_H, right_H, near_H = kinds_H4.T
    of_class_HC = np.eye(int(place_H.max()) + 1)[place_H]
    clips_BC = drawn_BH @ (clips_H[:, None] * of_class_HC)
    right_BC = drawn_BH @ (right_H[:, None] * of_class_HC)
    clips_B = drawn_BH @ clips_H
    share_BC = right_BC / np.maximum(clips_BC, 1)
    return drawn_BH @ right_H / clips_B, drawn_BH @ near_H / clips_B, share_BC.sum(axis=1) / (clips_BC > 0).sum(axis=1)
