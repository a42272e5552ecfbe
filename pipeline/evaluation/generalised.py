"""Generalised zero-shot figures: test clips of seen and of unseen classes, any class may be the answer.

Plain answers lean to seen classes. `calibrated` takes a number from their scores (calibrated stacking, Chao et al.,
2016), `gated` decides first on which side a clip is; both were chosen before a test clip was seen. The area under the
curve of seen and unseen accuracy tells what every such number would give, and chooses none.
"""

# Shapes: N clips, K candidate classes, P points of a curve.
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.evaluation import metrics

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

TRIPLE = ("top1_seen", "top1_unseen", "harmonic_mean")
WAYS = ("", "_calibrated", "_gated")  # what follows the names of a triple
AREA = "ausuc"
_GATE = 0.5


@dataclass(frozen=True)
class Asked:
    """The scores of all test clips, and which classes and clips are seen."""

    scores_NK: Floats
    truth_N: npt.NDArray[np.int64]
    class_ids_K: npt.NDArray[np.int64]  # ascending
    is_seen_K: Bools
    is_seen_N: Bools  # whether the clip's class is seen

    @classmethod
    def of(
        cls, scores_NK: npt.NDArray[Any], truth: Sequence[int], class_ids: Sequence[int], unseen: Collection[int]
    ) -> "Asked":
        """Raises DataError where all test clips are of one side: the figures are of two."""
        truth_N, class_ids_K = np.asarray(truth, dtype=np.int64), np.asarray(class_ids, dtype=np.int64)
        is_seen_N = ~np.isin(truth_N, sorted(unseen))
        if is_seen_N.all() or not is_seen_N.any():
            side = "an unseen" if is_seen_N.all() else "a seen"
            raise DataError(f"scores of label space gzsl: no test clip is of {side} class; see that the split has some")
        return cls(scores_NK.astype(np.float64), truth_N, class_ids_K, ~np.isin(class_ids_K, sorted(unseen)), is_seen_N)


def figures(asked: Asked, *, calibration: float | None, gate_N: npt.NDArray[Any] | None) -> dict[str, float]:
    """The triple plain, calibrated and gated as far as those are known, and the area under the curve."""
    found = _triple(asked, asked.scores_NK, "")
    if calibration is not None:
        found |= _triple(asked, asked.scores_NK - calibration * asked.is_seen_K, "_calibrated")
    if gate_N is not None:
        is_kept_NK = (np.asarray(gate_N) > _GATE)[:, None] != asked.is_seen_K
        found |= _triple(asked, np.where(is_kept_NK, asked.scores_NK, -np.inf), "_gated")
    seen_P, unseen_P = curve(asked)
    return found | {AREA: area(seen_P, unseen_P)}


def curve(asked: Asked) -> tuple[Floats, Floats]:
    """Accuracy of the clips of seen and of unseen classes for every number that may be taken from scores of seen ones.

    The first point is of a number so small that no unseen class is ever named, the last of one so great that no seen
    one is. Between two neighbouring points the answers of clips with one lead of the seen classes change at once.
    """
    seen_NK = np.where(asked.is_seen_K, asked.scores_NK, -np.inf)
    unseen_NK = np.where(asked.is_seen_K, -np.inf, asked.scores_NK)
    lead_N = seen_NK.max(axis=1) - unseen_NK.max(axis=1)
    places = np.unique(lead_N, return_inverse=True)[1].ravel()
    num = int(places.max()) + 1
    found = []
    for best_NK, is_mine_N in ((seen_NK, asked.is_seen_N), (unseen_NK, ~asked.is_seen_N)):
        is_right_N = is_mine_N & (metrics.predictions(best_NK, asked.class_ids_K.tolist()) == asked.truth_N)
        hits = np.bincount(places[is_right_N], minlength=num)
        found.append(np.concatenate([[0], np.cumsum(hits)]) / is_mine_N.sum())
    below_seen_P, unseen_P = found
    return below_seen_P[-1] - below_seen_P, unseen_P


def area(seen_P: Floats, unseen_P: Floats) -> float:
    """Area under unseen accuracy over seen accuracy, by trapezoids.

    >>> area(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    0.5
    """
    return float(np.trapezoid(unseen_P[::-1], seen_P[::-1]))


def _triple(asked: Asked, scores_NK: Floats, way: str) -> dict[str, float]:
    """Micro accuracy of the clips of seen and of unseen classes, and their harmonic mean."""
    is_right_N = metrics.predictions(scores_NK, asked.class_ids_K.tolist()) == asked.truth_N
    seen, unseen = float(is_right_N[asked.is_seen_N].mean()), float(is_right_N[~asked.is_seen_N].mean())
    values = (seen, unseen, metrics.harmonic_mean(seen, unseen))
    return {name + way: value for name, value in zip(TRIPLE, values, strict=True)}
