"""Hubness: how unevenly test clips fall on the class prototypes (ResT D.2, equation 10; Radovanovic et al., 2010).

Shapes: N clips, K prototypes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def occurrences(scores_NK: npt.NDArray[Any], k: int = 1) -> Counts:
    """psi_k: how often each prototype is among the k best of a clip; among equal scores the first counts."""
    best_Nk = np.argsort(-scores_NK, axis=1, kind="stable")[:, :k]
    return np.bincount(best_Nk.ravel(), minlength=scores_NK.shape[1]).astype(np.int64)


def skewness(counts_K: npt.ArrayLike) -> float:
    """Standard skewness of the counts: their third central moment over the variance to 3/2; 0 without variance.

    >>> round(skewness([3, 0, 1, 8, 0, 2]), 3)
    1.239
    """
    counts = np.asarray(counts_K, dtype=np.float64)
    centred = counts - counts.mean()
    variance = float((centred**2).mean())
    return float((centred**3).mean() / variance**1.5) if variance > 0 else 0.0


def skewness_printed(counts_K: npt.ArrayLike) -> float:
    """Equation 10 as printed, a sum where the standard has a mean: K times the standard value.

    >>> round(skewness_printed([3, 0, 1, 8, 0, 2]), 3)
    7.437
    """
    return len(np.asarray(counts_K)) * skewness(counts_K)


def never_predicted(counts_K: npt.ArrayLike) -> float:
    """Share of the prototypes that no clip falls on.

    >>> never_predicted([3, 0, 1, 0])
    0.5
    """
    return float((np.asarray(counts_K) == 0).mean())
