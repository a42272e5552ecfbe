"""What a training loop reads: rows of a source, a step at a time, each batch a function of its rows and a seed."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]  # every array has one entry a row, in the order of the rows
Rows = npt.NDArray[np.int64]


class Source(Protocol):
    """Rows to learn from, numbered from 0. It is sent to reader processes, so it can be pickled and holds no data."""

    def steps(self, seed: int, epoch: int) -> Sequence[Rows]:
        """The rows of every step of an epoch, of all ranks together; a rank takes every `num_ranks`-th of each step."""

    def read(self, rows: Rows, seed: int) -> Arrays:
        """The arrays of some rows; what is drawn (a crop, one of several negatives) is drawn from the seed."""

    def names(self, rows: Rows) -> list[str]:
        """What the rows are called, for messages: clip ids, image ids, keys of samples."""
