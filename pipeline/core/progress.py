"""Progress a person can follow: a bar with rate and time left on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID

T = TypeVar("T")

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_LOOKED_BACK = 86_400.0  # for the time left: a step may be an epoch, and that hours


def track(items: Iterable[T], *, total: int, what: str) -> Iterator[T]:
    """Pass items through and show how far it is, e.g. track(clips, total=len(clips), what="clips")."""
    if sys.stderr.isatty():
        yield from _bar(items, total, what)
    else:
        yield from _lines(items, total, what)


@contextmanager
def live(total: int, what: str, done: int = 0, *, shown: bool = True) -> Iterator[Callable[[Callable[[], str]], None]]:
    """For loops that report more than a count: yields a function to call after each of `total` steps.

    That function takes another one, which gives the text to show and is called only when it is about to be shown.
    """
    if not shown:
        yield _nothing
    elif sys.stderr.isatty():
        with _bars() as bar:
            task = bar.add_task(what, total=total, completed=done)
            yield lambda text_of: _move(bar, task, what, text_of)
    else:
        yield _Lines(total, what, done).after_step


def _nothing(text_of: Callable[[], str]) -> None:
    """For processes that report nothing."""


class _Lines:
    """A line every few seconds."""

    def __init__(self, total: int, what: str, done: int) -> None:
        self._total, self._what, self._done, self._first = total, what, done, done
        self._start = self._last = time.monotonic()

    def after_step(self, text_of: Callable[[], str]) -> None:
        self._done += 1
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES and self._done < self._total:
            left = (self._total - self._done) * (now - self._start) / (self._done - self._first)
            say(f"{self._what}: {self._done}/{self._total}, {text_of()}, {left:.0f} s left")
            self._last = now


def say(text: str) -> None:
    """One line for the log, on standard error so that standard output stays data."""
    print(text, file=sys.stderr, flush=True)


def _bars() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: "Task") -> Text:
            speed = task.finished_speed or task.speed
            return Text(rate(speed) if speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), speed_estimate_period=_SECONDS_LOOKED_BACK)


def _bar(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    with _bars() as bar:
        yield from bar.track(items, total=total, description=what)


def _move(bar: "Progress", task: "TaskID", what: str, text_of: Callable[[], str]) -> None:
    """A step further; the text is brought up to date a few times a second."""
    bar.update(task, advance=1)
    shown, now = bar.tasks[task].fields.get("shown", 0.0), time.monotonic()
    if now - shown >= _SECONDS_BETWEEN_LOOKS:
        bar.update(task, description=f"{what}: {text_of()}", shown=now)


def _lines(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    start = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= _SECONDS_BETWEEN_LINES and done < total:
            a_second = done / (now - start)
            say(f"{what}: {done}/{total}, {rate(a_second)}, {(total - done) / a_second:.0f} s left")
            last = now


def rate(a_second: float) -> str:
    """A speed in words; of slow items, such as blocks of clips, by the minute.

    >>> rate(12.34), rate(0.05)
    ('12.3/s', '3.0/min')
    """
    return f"{a_second:.1f}/s" if a_second >= 1 else f"{60 * a_second:.1f}/min"
