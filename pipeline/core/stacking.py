"""Calibrated stacking (Chao et al., ECCV 2016): what every number that may be taken from scores of seen classes gives.

`evaluate` draws its curve of test clips, a method chooses the number by clips of seen classes alone.
"""

# Shapes: N clips, K candidate classes, U leads that differ, P = U + 1 points of a curve.
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def sweep(
    scores_NK: npt.NDArray[Any], is_seen_K: npt.NDArray[np.bool_], truth_N: npt.NDArray[np.int64]
) -> tuple[Floats, Floats, Floats]:
    """How far the best seen class leads the best unseen one, ascending (U); accuracy of seen and of unseen clips (P).

    `truth_N` are columns. The first point is of a number so small that no unseen class is ever named, the last of one
    so great that no seen one is; point p of a number between leads p - 1 and p. At a lead the answers of all clips
    that have it change at once.
    """
    long_NK = scores_NK.astype(np.float64)
    seen_NK, unseen_NK = np.where(is_seen_K, long_NK, -np.inf), np.where(is_seen_K, -np.inf, long_NK)
    lead_U, place_N = np.unique(seen_NK.max(axis=1) - unseen_NK.max(axis=1), return_inverse=True)
    of_seen_N = is_seen_K[truth_N]
    shares = []
    for best_NK, is_mine_N in ((seen_NK, of_seen_N), (unseen_NK, ~of_seen_N)):
        is_right_N = is_mine_N & (best_NK.argmax(axis=1) == truth_N)
        hits_U = np.bincount(place_N.ravel()[is_right_N], minlength=len(lead_U))
        shares.append(np.concatenate([[0], np.cumsum(hits_U)]) / is_mine_N.sum())
    below_seen_P, unseen_P = shares
    return lead_U, below_seen_P[-1] - below_seen_P, unseen_P
