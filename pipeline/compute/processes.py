"""Runs tasks in worker processes on this machine, each started fresh, so that only the task reaches it."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakKeyDictionary

from pipeline.compute._in_flight import in_order
from pipeline.compute.shared import Compute, name_of
from pipeline.core import orphans
from pipeline.core.errors import DataError
from pipeline.core.progress import say

T = TypeVar("T")
R = TypeVar("R")


def run(work: Callable[[T], R], tasks: Sequence[T], compute: Compute) -> Iterator[R]:
    """The results in the order of the tasks. Raises what a task raises.

    A killed worker takes the others with it: what they were doing is done again, each task by a worker of its own, and
    the rest goes on. Raises DataError for a task whose worker is killed then, too.
    """
    num_workers = min(compute.num_workers, max(1, len(tasks)))
    with _Workers(num_workers) as workers, _Workers(1) as other:
        first = partial(wait, return_when=FIRST_COMPLETED)
        for task, future in in_order(tasks, partial(workers.submit, work), first, num_workers):
            try:
                result: R = future.result()
            except BrokenProcessPool:
                if workers.is_news(future):
                    say("a worker process was killed (out of memory?); what it had begun is done again")
                result = _again(other, work, task)
            yield result


def _again(other: "_Workers", work: Callable[[T], R], task: T) -> R:
    try:
        result: R = other.submit(work, task).result()
    except BrokenProcessPool:
        raise DataError(
            f"a worker process was killed twice at {name_of(task)} (out of memory?); what is finished is kept: "
            "run the stage again, with fewer num_workers in params.yaml"
        ) from None
    return result


class _Workers:
    """A pool that is there when it is needed, and is made anew where a worker has been killed."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._pool: ProcessPoolExecutor | None = None
        self._num_pools = self._num_told = 0
        self._pool_of: WeakKeyDictionary[Future[Any], int] = WeakKeyDictionary()  # the pools are counted from 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def submit(self, work: Callable[[T], R], task: T) -> "Future[Any]":
        """Give a task to a worker."""
        try:
            future = self._ready().submit(work, task)
        except BrokenProcessPool:
            self._close()
            future = self._ready().submit(work, task)
        self._pool_of[future] = self._num_pools
        return future

    def is_news(self, future: "Future[Any]") -> bool:
        """Whether the pool of a future that it broke has not been asked about: it breaks all that are under way."""
        told, self._num_told = self._num_told, max(self._num_told, self._pool_of[future])
        return self._num_told > told

    def _ready(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Workers end with this process, however that ends.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._number, context, orphans.end_with, (os.getpid(),))
            self._num_pools += 1
        return self._pool

    def _close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
