"""Generalised zero-shot figures: test clips of seen and of unseen classes, any class may be the answer.

Plain answers are biased to seen classes. `calibrated` subtracts a constant from the scores of seen classes (calibrated
stacking, Chao et al., 2016); `gated` first decides whether the class of a clip is seen. Both are chosen without test
clips. The area under the curve of seen and unseen accuracy covers all such constants and needs no choice.
"""

# Shapes: N clips, K candidate classes, P points of a curve, G cells of subject and class, B bootstrap resamples.
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.stacking import sweep
from pipeline.evaluation import intervals, metrics
from pipeline.evaluation.intervals import Interval

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

TRIPLE = ("top1_seen", "top1_unseen", "harmonic_mean")
WAYS = ("", "_calibrated", "_gated")  # what follows the names of a triple
AREA = "ausuc"
_GATE = 0.5
_NOTHING = 1e-12  # below any share, so that the harmonic mean of nothing is 0


@dataclass(frozen=True)
class AllScores:
    """The scores of all test clips, and which classes and clips are seen."""

    scores_NK: Floats
    truth_N: npt.NDArray[np.int64]
    class_ids_K: npt.NDArray[np.int64]  # ascending
    is_seen_K: Bools
    is_seen_N: Bools  # whether the clip's class is seen

    @classmethod
    def of(
        cls, scores_NK: npt.NDArray[Any], truth: Sequence[int], class_ids: Sequence[int], unseen: Collection[int]
    ) -> "AllScores":
        """Raises DataError unless there are test clips of both seen and unseen classes."""
        truth_N, class_ids_K = np.asarray(truth, dtype=np.int64), np.asarray(class_ids, dtype=np.int64)
        is_seen_N = ~np.isin(truth_N, sorted(unseen))
        if is_seen_N.all() or not is_seen_N.any():
            side = "an unseen" if is_seen_N.all() else "a seen"
            raise DataError(f"scores of label space gzsl: no test clip is of {side} class; see that the split has some")
        return cls(scores_NK.astype(np.float64), truth_N, class_ids_K, ~np.isin(class_ids_K, sorted(unseen)), is_seen_N)


def answers(scores: AllScores, *, calibration: float | None, gate_N: npt.NDArray[Any] | None) -> dict[str, Bools]:
    """Which clips are answered correctly: plain and, where known, calibrated and gated, by the words of WAYS."""
    scores_of = {"": scores.scores_NK}
    if calibration is not None:
        scores_of["_calibrated"] = scores.scores_NK - calibration * scores.is_seen_K
    if gate_N is not None:
        is_kept_NK = (np.asarray(gate_N) > _GATE)[:, None] != scores.is_seen_K
        scores_of["_gated"] = np.where(is_kept_NK, scores.scores_NK, -np.inf)
    return {way: _is_right(scores, scores_NK) for way, scores_NK in scores_of.items()}


def figures(scores: AllScores, right: dict[str, Bools]) -> dict[str, float]:
    """For each way the accuracy on seen and unseen clips and their harmonic mean; and the area under the curve."""
    figures: dict[str, float] = {}
    for way, is_right_N in right.items():
        seen, unseen = float(is_right_N[scores.is_seen_N].mean()), float(is_right_N[~scores.is_seen_N].mean())
        values = (seen, unseen, metrics.harmonic_mean(seen, unseen))
        figures |= {name + way: value for name, value in zip(TRIPLE, values, strict=True)}
    seen_P, unseen_P = curve(scores)
    return figures | {AREA: area(seen_P, unseen_P)}


def spans(
    scores: AllScores,
    right: dict[str, Bools],
    subject_N: Sequence[int | None],
    *,
    num_resamples: int,
    generator: np.random.Generator,
) -> dict[str, Interval]:
    """95 % percentile bootstrap intervals of the triples over cells of subject and class, as in `metrics.accuracy`.

    Resamples without clips of seen or of unseen classes are left out. Where all clips of a side are right, or none, the
    share has Wilson's interval of so many cells. A harmonic mean of 0 or 1 then has that of the ends of both sides: it
    grows with either. The area has no interval, because its curve is not a sum over cells.
    """
    cell_N = metrics.cells(scores.truth_N.tolist(), subject_N)
    sides = (scores.is_seen_N, ~scores.is_seen_N)
    counts_G = [np.bincount(cell_N, side) for side in sides]
    counts_G += [np.bincount(cell_N, side & is_right_N) for is_right_N in right.values() for side in sides]
    counts_GX = np.stack(counts_G, axis=1).astype(np.int64)
    blocks = [
        drawn_BH @ kinds_HX for kinds_HX, drawn_BH in metrics.resampled_cells(counts_GX, num_resamples, generator)
    ]
    drawn_BX = np.concatenate(blocks)
    drawn_BX = drawn_BX[(drawn_BX[:, :2] > 0).all(axis=1)]
    found: dict[str, Interval] = {}
    for place, way in enumerate(right, start=1):
        columns = slice(2 * place, 2 * place + 2)
        share_B2 = drawn_BX[:, columns] / drawn_BX[:, :2]
        share_2 = counts_GX[:, columns].sum(axis=0) / counts_GX[:, :2].sum(axis=0)
        ends = _triple(share_2, share_B2, (counts_GX[:, :2] > 0).sum(axis=0))
        found |= {name + way: end for name, end in zip(TRIPLE, ends, strict=True) if end}
    return found


def _triple(share_2: Floats, share_B2: Floats, num_cells_2: npt.NDArray[np.int64]) -> list[Interval | None]:
    """The intervals of both shares and of their harmonic mean; None where no resample has clips of both sides."""
    both_B = 2 * share_B2.prod(axis=1) / np.maximum(share_B2.sum(axis=1), _NOTHING)
    drawn = [metrics.percentiles(value_B) if len(value_B) else None for value_B in (*share_B2.T, both_B)]
    known = [intervals.exact(share, num) for share, num in zip(share_2.tolist(), num_cells_2.tolist(), strict=True)]
    seen, unseen, both = (exact or ends for exact, ends in zip((*known, None), drawn, strict=True))
    if seen and unseen and metrics.harmonic_mean(*share_2) in (0.0, 1.0):
        both = metrics.harmonic_mean(seen[0], unseen[0]), metrics.harmonic_mean(seen[1], unseen[1])
    return [seen, unseen, both]


def curve(scores: AllScores) -> tuple[Floats, Floats]:
    """Accuracy on clips of seen and of unseen classes for every constant subtracted from the scores of seen classes.

    Its points are those of `core.stacking.sweep`.
    """
    columns_N = np.searchsorted(scores.class_ids_K, scores.truth_N)
    _, seen_P, unseen_P = sweep(scores.scores_NK, scores.is_seen_K, columns_N)
    return seen_P, unseen_P


def area(seen_P: Floats, unseen_P: Floats) -> float:
    """Area under unseen accuracy over seen accuracy, by trapezoids.

    >>> area(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    0.5
    """
    return float(np.trapezoid(unseen_P[::-1], seen_P[::-1]))


def _is_right(scores: AllScores, scores_NK: Floats) -> Bools:
    return np.asarray(metrics.predictions(scores_NK, scores.class_ids_K.tolist()) == scores.truth_N)
