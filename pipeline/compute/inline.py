"""Runs one task after the other in this process: for tests, debugging and small jobs."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from pipeline.compute.shared import Compute

T = TypeVar("T")
R = TypeVar("R")


def run(work: Callable[[T], R], tasks: Sequence[T], compute: Compute) -> Iterator[R]:  # noqa: ARG001 - one interface
    """The results in the order of the tasks."""
    yield from map(work, tasks)
