"""Runs tasks with dask: on this machine, in jobs of SLURM, or by the workers of a scheduler that runs already."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from pipeline.compute import _clusters, _same_place
from pipeline.compute._in_flight import in_order
from pipeline.compute.shared import Compute, name_of
from pipeline.core.errors import DataError
from pipeline.core.progress import say

T = TypeVar("T")
R = TypeVar("R")

_SECONDS_UNTIL_TOLD = 30.0


def run(work: Callable[[T], R], tasks: Sequence[T], compute: Compute) -> Iterator[R]:
    """The results in the order of the tasks. Raises what a task raises.

    A lost worker's task is done again by another. Raises DataError for one whose worker is lost twice, for a worker
    with other code or in another folder, and where no scheduler answers.
    """
    assert compute.cluster is not None
    if not tasks:
        return
    num_workers = min(compute.num_workers, len(tasks))
    with (
        _same_place.run_folder() as folder,
        _clusters.opened(compute.cluster, num_workers, folder) as client,
    ):
        place = _same_place.place(folder)

        def submit(task: T) -> _Fetched:
            return _Fetched(client.submit(_same_place.do, place, _same_place.packed(work, task), pure=False))

        for task, fetched in in_order(tasks, submit, partial(_wait, client), num_workers):
            yield _result(fetched, task)


class _Fetched:
    """A task whose result is fetched as soon as it is there: what lies on a worker is lost with it."""

    def __init__(self, future: Any) -> None:
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self._is_done = False

    def done(self) -> bool:
        """Whether the result or the error is there."""
        if not self._is_done and self.future.done():
            try:
                self.result = self.future.result()
            except (Exception, CancelledError) as error:
                self.error = error
            self._is_done = True
            self.future.release()
        return self._is_done


def _wait(client: Any, fetched: list[_Fetched]) -> None:
    """Until one has finished; says so where nobody works on them."""
    wait = importlib.import_module("distributed").wait
    futures = [one.future for one in fetched]
    with suppress(TimeoutError, CancelledError), client.as_current():
        wait(futures, timeout=_SECONDS_UNTIL_TOLD, return_when="FIRST_COMPLETED")
        return
    if not client.scheduler_info(n_workers=0)["n_workers"]:
        say(f"dask: waiting for a worker of the scheduler {client.scheduler.address}")


def _result(fetched: _Fetched, task: object) -> Any:
    """The result of a task; raises what it raised, and what became of its worker as a DataError."""
    error = fetched.error
    if error is None:
        return fetched.result
    if isinstance(error, importlib.import_module("distributed").KilledWorker):
        raise DataError(
            f"a dask worker was killed {error.allowed_failures + 1} times at {name_of(task)} (out of memory?); what is "
            "finished is kept: run the stage again, with more memory for each worker or fewer of them"
        )
    if isinstance(error, CancelledError):
        raise DataError(
            "the dask scheduler was lost; what is finished is kept: start it and its workers, and run the stage again"
        )
    if _is_of_another_checkout(error):
        raise DataError(
            "the dask scheduler or a worker cannot import the code of this checkout; start both in its folder, with "
            "its environment"
        )
    raise error


def _is_of_another_checkout(error: BaseException) -> bool:
    """Whether our code was not found; its own version is checked by the worker before a task."""
    if isinstance(error, ModuleNotFoundError):
        return (error.name or "").split(".")[0] == __name__.split(".")[0]
    return isinstance(error, RuntimeError) and "deserialization of the task graph" in str(error)
