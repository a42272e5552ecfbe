"""Means over questions, with intervals that resample whole clusters of questions: those of one image or one video.

A resample draws as many clusters as there are, with replacement, and all questions of a cluster come with it. All
figures see the same resamples, so that the difference of two of them is resampled as a pair.
"""

# Shapes: M questions, C clusters, B resamples, S encoders that answered the same questions.
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.evaluation import intervals
from pipeline.evaluation.intervals import Interval
from pipeline.evaluation.metrics import percentiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int16]  # of one cluster in one resample: 32,767 of one are never drawn

_BLOCK_VALUES = 1 << 23  # numbers held at once


def numbered(names: Sequence[str]) -> Ints:
    """A number from 0 for each name, the same for equal names, in sorted order."""
    return np.unique(np.asarray(names, dtype=np.str_), return_inverse=True)[1].astype(np.int64)


def resamples(num_clusters: int, num_resamples: int, random: np.random.Generator) -> Counts:
    """How often each cluster was drawn, drawn_BC."""
    drawn_BC = np.zeros((num_resamples, num_clusters), dtype=np.int16)
    share = np.full(num_clusters, 1 / max(1, num_clusters))
    for block in _blocks(num_resamples, num_clusters):
        drawn_BC[block] = random.multinomial(num_clusters, share, size=len(drawn_BC[block])) if num_clusters else 0
    return drawn_BC


def means(outcome_SM: Floats, cluster_M: Ints, drawn_BC: Counts) -> tuple[Floats, Floats]:
    """The means (S), and those of all resamples (B, S); NaN where a resample has none of these questions."""
    num_clusters = drawn_BC.shape[1]
    count_C = np.bincount(cluster_M, minlength=num_clusters).astype(np.float64)
    sums_SC = np.stack([np.bincount(cluster_M, row_M, minlength=num_clusters) for row_M in outcome_SM])
    known = np.flatnonzero(count_C)  # rare rules occur in few clusters
    resampled_BS: Floats = np.empty((len(drawn_BC), len(outcome_SM)))
    for block in _blocks(len(drawn_BC), len(known)):
        drawn = drawn_BC[block][:, known].astype(np.float64)
        with np.errstate(invalid="ignore"):
            resampled_BS[block] = (drawn @ sums_SC[:, known].T) / (drawn @ count_C[known])[:, None]
    return outcome_SM.mean(axis=1), resampled_BS


def _blocks(num_rows: int, num_columns: int) -> list[slice]:
    """Rows in blocks of bounded size."""
    at_once = max(1, _BLOCK_VALUES // max(1, num_columns))
    return [slice(start, start + at_once) for start in range(0, num_rows, at_once)]


def interval(resampled_B: Floats, num_clusters: int, share: float | None) -> Interval | None:
    """95 % percentile interval; None for fewer than two clusters, which do not show how clusters vary.

    Resamples without any of the questions are left out. Where `share`, of which they are resamples, is 0 or 1,
    all of them are alike: the interval is Wilson's of so many clusters. It is None for what is no share.
    """
    if share is not None and num_clusters and (known := intervals.exact(share, num_clusters)):
        return known
    finite_b = resampled_B[np.isfinite(resampled_B)]
    return percentiles(finite_b) if num_clusters >= 2 and len(finite_b) else None
