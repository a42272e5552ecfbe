"""Tasks on their way: handed out in order, a few at a time, and taken back in order."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")

_READY = 3  # results of each worker that may lie ready behind one that is late


class _Future(Protocol):
    def done(self) -> bool: ...


F = TypeVar("F", bound=_Future)


def in_order(
    tasks: Sequence[T], submit: Callable[[T], F], wait: Callable[[list[F]], object], num_workers: int
) -> Iterator[tuple[T, F]]:
    """Every task with its finished future, in the order of the tasks.

    No more than `num_workers` tasks run at a time, so that a worker that dies has one task. `wait` returns when one of
    its futures may have finished.
    """
    waiting: deque[tuple[T, F]] = deque()
    left = iter(tasks)
    more = True
    while True:
        running = [future for _, future in waiting if not future.done()]
        while more and len(running) < num_workers and len(waiting) < _READY * num_workers:
            task = next(left, None)
            if more := task is not None:
                running.append(submit(task))
                waiting.append((task, running[-1]))
        if not waiting:
            return
        if waiting[0][1].done():
            yield waiting.popleft()
        else:
            wait(running)
