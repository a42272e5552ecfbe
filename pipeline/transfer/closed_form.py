"""The exact optimum of a program with caps on rows only, or on columns only.

Every variable is then in a single cap, so each row (column) takes its `cap` heaviest candidates.
"""

import numpy as np
import numpy.typing as npt

from pipeline.transfer.relatedness import Ints, Mask


def best_of_each(group_E: Ints, weight_E: npt.NDArray[np.int64], cap: int) -> Mask:
    """True for the `cap` heaviest positive pairs of each group; of equal ones the first.

    >>> best_of_each(np.array([0, 0, 0, 1]), np.array([3, 5, 5, -1]), cap=2).tolist()
    [False, True, True, False]
    """
    order_E = np.lexsort((-weight_E, group_E))  # stable: equal weights keep their order
    sorted_E = group_E[order_E]
    is_start_E = np.r_[True, sorted_E[1:] != sorted_E[:-1]] if len(sorted_E) else np.zeros(0, dtype=np.bool_)
    start_E = np.maximum.accumulate(np.where(is_start_E, np.arange(len(sorted_E)), 0))
    chosen_E = np.zeros(len(group_E), dtype=np.bool_)
    chosen_E[order_E] = np.arange(len(sorted_E)) - start_E < cap
    return np.asarray(chosen_E & (weight_E > 0))


def objective(group_E: Ints, weight_E: npt.NDArray[np.int64], cap: int) -> int:
    """The value of the optimum with one cap a group."""
    return int(weight_E[best_of_each(group_E, weight_E, cap)].sum())
