"""What a training loop reads: rows of a source, a step at a time, each batch a function of its rows and a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.rejects import counted
from pipeline.core.seeds import generator

Arrays = dict[str, npt.NDArray[Any]]  # every array has one entry a row, in the order of the rows
Rows = npt.NDArray[np.int64]


class Source(Protocol):
    """Rows to learn from, numbered from 0. It is sent to reader processes, so it can be pickled and holds little."""

    def steps(self, seed: int, epoch: int) -> Sequence[Rows]:
        """The rows of every step of an epoch, of all ranks together; a rank takes every `num_ranks`-th of each step."""

    def read(self, rows: Rows, seed: int) -> Arrays:
        """The arrays of some rows; what is drawn (a crop, one of several negatives) is drawn from the seed."""

    def names(self, rows: Rows) -> list[str]:
        """What the rows are called, for messages: clip ids, image ids, keys of samples."""


@dataclass(frozen=True)
class Memory:
    """A source whose arrays are in memory: small ones, and those of tests."""

    arrays: Arrays
    batch_size: int
    shuffled: bool = True  # False = rows to measure on, which come as they lie

    def __post_init__(self) -> None:
        counts = {name: len(array) for name, array in self.arrays.items()}
        if len(set(counts.values())) != 1 or 0 in counts.values():
            raise DataError(
                f"training needs the same number of rows, at least one, in every array; found {counted(counts)}"
            )

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        """As `order` deals them."""
        num_rows = len(next(iter(self.arrays.values())))
        return order(num_rows, self.batch_size, seed, epoch) if self.shuffled else in_turn(num_rows, self.batch_size)

    def read(self, rows: Rows, seed: int) -> Arrays:  # noqa: ARG002 - nothing is drawn
        """The rows of every array."""
        return {name: array[rows] for name, array in self.arrays.items()}

    def names(self, rows: Rows) -> list[str]:
        """Row numbers."""
        return [f"row {row}" for row in rows]


def order(num_rows: int, batch_size: int, seed: int, epoch: int) -> list[Rows]:
    """Row numbers of each step of an epoch, shuffled: a function of these arguments alone.

    Every row comes once; batches differ by at most one row, so none is too small to normalise.
    """
    return in_batches(generator(seed, "order", epoch).permutation(num_rows), batch_size)


def in_batches(rows: Rows, batch_size: int) -> list[Rows]:
    """Rows in their order, in the fewest batches of at most that size; batch sizes differ by at most one row."""
    return np.array_split(rows, -(-len(rows) // batch_size))


def in_turn(num_rows: int, batch_size: int) -> list[Rows]:
    """Row numbers from 0 up, in batches that are full but for the last."""
    return [np.arange(start, min(start + batch_size, num_rows)) for start in range(0, num_rows, batch_size)]
