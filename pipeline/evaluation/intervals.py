"""Intervals of shares and of means over splits.

Of a mean over splits there are two: one that allows for what splits share, and one over the seeds of training. Splits
drawn from one set of classes share most of their training and much of their test, so their figures vary less than those
of new data would: the plain interval over them is too narrow.

Where all clips are right, or none, neither a bootstrap nor the spread of splits has a width; `wilson` has.
"""

from collections.abc import Sequence

import numpy as np

Interval = tuple[float, float]

COVERAGE = 0.95


def wilson(num_right: float, num_clips: float) -> Interval:
    """95 % interval of a share of independent clips (Wilson, 1927); it has a width at 0 and at 1 too.

    The numbers need not be whole: clips that depend on one another count as fewer (`effective_number`). Raises
    ValueError where there is no clip or more are right than there are.

    >>> [round(end, 3) for end in wilson(20, 20)], [round(end, 3) for end in wilson(0, 5)]
    ([0.839, 1.0], [0.0, 0.434])
    """
    if not 0 <= num_right <= num_clips or num_clips <= 0:
        raise ValueError(
            f"{num_right} of {num_clips} clips: expected at least one clip, and no more right than there are"
        )
    from scipy.special import ndtri  # .2 s to import, and only several figures need it

    z2 = float(ndtri(0.5 + COVERAGE / 2)) ** 2
    middle = (num_right + z2 / 2) / (num_clips + z2)
    half = (z2 * (num_right * (1 - num_right / num_clips) + z2 / 4)) ** 0.5 / (num_clips + z2)
    # At the ends one side is exact; rounding must not leave the share outside.
    low = 0.0 if num_right == 0 else max(0.0, middle - half)
    return low, 1.0 if num_right == num_clips else min(1.0, middle + half)


def exact(share: float, num: float) -> Interval | None:
    """Wilson's interval of a share of 0 or 1, in which no resample differs; None for any other share."""
    return wilson(share * num, num) if share in (0.0, 1.0) else None


def effective_number(num_of_class: Sequence[int]) -> float:
    """So many independent cells tell a share as well as the mean of the shares of these classes does.

    Where all have the same p, the mean over C classes of n_c cells has the variance p (1 - p) / C² times the sum of
    1 / n_c. That is one of C² / sum(1 / n_c) cells: all of them where classes are even, fewer where they are not.

    >>> effective_number([4, 4]), effective_number([1, 7])
    (8.0, 3.5)
    """
    return len(num_of_class) ** 2 / sum(1 / num for num in num_of_class)


def around(middle: float, variance: float, freedom: int) -> Interval:
    """Student's 95 % interval of a mean, from its variance and the degrees of freedom of that variance."""
    from scipy.special import stdtrit  # .2 s to import, and only several figures need it

    half = float(stdtrit(freedom, 0.5 + COVERAGE / 2)) * variance**0.5
    return middle - half, middle + half


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
