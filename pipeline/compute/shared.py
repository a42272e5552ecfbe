"""Which engine runs the tasks of a step, and with how many workers."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

from pydantic import Field

from pipeline.core import members
from pipeline.core.params import Params

T = TypeVar("T")
R = TypeVar("R")


class Compute(Params):
    """Params of the engine; results are the same with any engine and any number of workers."""

    engine: Literal["inline", "processes"]
    num_workers: int = Field(ge=1)


def run(compute: Compute, work: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
    """The results of `work` in the order of the tasks. With processes, both must be picklable."""
    engine = members.load("pipeline.compute", compute.engine)
    results: Iterator[R] = engine.run(work, tasks, compute.num_workers)
    return results
