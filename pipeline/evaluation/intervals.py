"""Intervals of a mean over splits: one that allows for what splits share, and one over the seeds of training.

Splits drawn from one set of classes share most of their training and much of their test, so their figures vary less
than those of new data would: the plain interval over them is too narrow.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.evaluation.metrics import Interval, around


def corrected(values: Sequence[float], test_to_train: float) -> Interval | None:
    """95 % interval of the mean of resampled splits, their variance corrected (Nadeau and Bengio, 2003, section 3).

    The variance of the mean of J figures is taken as (1/J + test_to_train) times theirs, where `test_to_train` is the
    ratio of what is tested to what is trained on: here of unseen to seen classes. None for fewer than two splits.
    """
    num = len(values)
    if num < 2:
        return None
    return around(float(np.mean(values)), float(np.var(values, ddof=1)) * (1 / num + test_to_train), num - 1)


def over_seeds(values: Sequence[Sequence[float]]) -> Interval | None:
    """95 % interval of the mean of splits if only the seeds of training were drawn again.

    `values` are the figures of each split's seeds. Seeds are nested in splits, because a seed draws different numbers
    in each; their variance is pooled over splits. None where no split has two seeds.
    """
    freedom = sum(len(seeds) - 1 for seeds in values)
    if freedom < 1:
        return None
    pooled = sum(float(np.var(seeds)) * len(seeds) for seeds in values) / freedom
    variance = pooled * sum(1 / len(seeds) for seeds in values) / len(values) ** 2
    return around(float(np.mean([np.mean(seeds) for seeds in values])), variance, freedom)
