"""Accuracies with their intervals, as pure functions of ranks and classes. Fractions, never per cent.

Shapes: N clips, K candidate classes, C classes that occur as truth, B bootstrap resamples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError, FormatError

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

COVERAGE = 0.95
TOP = 5


@dataclass(frozen=True)
class Accuracy:
    """What one set of predictions is worth: each figure with its percentile bootstrap interval."""

    top1: float
    top1_ci95: Interval
    top5: float
    top5_ci95: Interval
    class_mean: float
    class_mean_ci95: Interval


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


def per_class(rank_N: Ints, truth_N: Sequence[int]) -> dict[int, tuple[float, int]]:
    """Top-1 accuracy and number of clips of each class that occurs as truth, by class id."""
    truth = np.asarray(truth_N)
    found = {}
    for class_id in sorted(set(truth.tolist())):
        mine = rank_N[truth == class_id]
        found[class_id] = (float(np.mean(mine == 1)), len(mine))
    return found


def class_mean(rank_N: Ints, truth_N: Sequence[int]) -> float:
    """Mean of the per-class accuracies: every class counts alike, however many clips it has."""
    return float(np.mean([accuracy for accuracy, _ in per_class(rank_N, truth_N).values()]))


def confusion(truth_N: Sequence[int], predicted_N: Sequence[int]) -> dict[tuple[int, int], int]:
    """Number of clips of each (true class, predicted class) that occurs, in sorted order."""
    pairs, counts = np.unique(np.stack([truth_N, predicted_N]), axis=1, return_counts=True)
    return {(int(t), int(p)): int(n) for (t, p), n in zip(pairs.T, counts, strict=True)}


def chance(num_candidates: int) -> float:
    """Expected top-1 accuracy of a guess that takes every candidate alike."""
    return 1 / num_candidates


def harmonic_mean(seen: float, unseen: float) -> float:
    """Harmonic mean of seen and unseen accuracy; 0 if either is 0 (Xian et al., 2018, eq. 21).

    >>> round(harmonic_mean(0.5, 0.25), 4)
    0.3333
    """
    return 2 * seen * unseen / (seen + unseen) if seen and unseen else 0.0


def accuracy(rank_N: Ints, truth_N: Sequence[int], *, num_resamples: int, generator: np.random.Generator) -> Accuracy:
    """Top-1, top-5 and class-mean accuracy, each with a 95 % percentile bootstrap interval over clips.

    A resample of N clips is described by how many fall into each cell (true class, rank 1 | 2..5 | worse), and these
    counts are one multinomial draw: the same distribution as drawing N clips with replacement, in B x 3C numbers. A
    class that a resample misses is left out of that resample's class mean. Clips of one subject resemble each other,
    which no resampling of clips sees: the interval is for these subjects and classes, not for new ones.
    """
    if not len(rank_N):
        raise DataError("no scored clips: the split's test clips and the scores have nothing in common")
    counts_C3 = _cells(rank_N, truth_N)
    num_clips = int(counts_C3.sum())
    drawn = generator.multinomial(num_clips, counts_C3.ravel() / num_clips, size=num_resamples)
    drawn_BC3 = drawn.reshape(num_resamples, *counts_C3.shape)
    top1_B, top5_B, class_mean_B = _figures(drawn_BC3)
    top1, top5, mean = (float(figure[0]) for figure in _figures(counts_C3[None]))
    return Accuracy(top1, _percentiles(top1_B), top5, _percentiles(top5_B), mean, _percentiles(class_mean_B))


def interval_over_splits(values: Sequence[float]) -> Interval | None:
    """95 % Student t interval of the mean of independent splits, clipped to [0, 1]; None for fewer than two."""
    interval = interval_of_mean(values)
    return (max(0.0, interval[0]), min(1.0, interval[1])) if interval else None


def interval_of_mean(values: Sequence[float]) -> Interval | None:
    """95 % Student t interval of the mean of independent figures, such as differences; None for fewer than two."""
    num = len(values)
    if num < 2:
        return None
    from scipy.special import stdtrit  # .2 s to import, and only several figures need it

    t_point = float(stdtrit(num - 1, 0.5 + COVERAGE / 2))  # the two-sided point of Student's t
    half = t_point * float(np.std(values, ddof=1)) / num**0.5
    middle = float(np.mean(values))
    return middle - half, middle + half


def _cells(rank_N: Ints, truth_N: Sequence[int]) -> Ints:
    """Clips per true class and rank 1 | 2..TOP | worse."""
    classes, row_N = np.unique(np.asarray(truth_N), return_inverse=True)
    column_N = np.where(rank_N == 1, 0, np.where(rank_N <= TOP, 1, 2))
    counts_C3 = np.zeros((len(classes), 3), dtype=np.int64)
    np.add.at(counts_C3, (row_N, column_N), 1)
    return counts_C3


def _figures(counts_BC3: Ints) -> tuple[Floats, Floats, Floats]:
    """Top-1, top-5 and class-mean accuracy of each resample."""
    clips_BC = counts_BC3.sum(axis=2)
    clips_B = clips_BC.sum(axis=1)
    right_BC = counts_BC3[:, :, 0]
    share_BC = right_BC / np.maximum(clips_BC, 1)
    top5_B = counts_BC3[:, :, :2].sum(axis=(1, 2)) / clips_B
    return right_BC.sum(axis=1) / clips_B, top5_B, share_BC.sum(axis=1) / (clips_BC > 0).sum(axis=1)


def _percentiles(values_B: Floats) -> Interval:
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(values_B, [tail, 1 - tail])
    return float(low), float(high)
