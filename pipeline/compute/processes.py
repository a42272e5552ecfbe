"""Runs tasks in worker processes on this machine, each started fresh, so that only the task reaches it."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from pipeline.core.errors import DataError

T = TypeVar("T")
R = TypeVar("R")


def run(work: Callable[[T], R], tasks: Sequence[T], num_workers: int) -> Iterator[R]:
    """The results in the order of the tasks. Raises DataError if a worker is killed, and what a task raises."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(num_workers, max(1, len(tasks))), mp_context=context) as pool:
        futures = [pool.submit(work, task) for task in tasks]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool:
            raise DataError(
                "a worker process was killed (out of memory?); what is finished is kept: run the stage again, "
                "with fewer num_workers in params.yaml"
            ) from None
        finally:
            for future in futures:
                future.cancel()
