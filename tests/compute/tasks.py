"""Work for the engines: a fresh process must be able to import it."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import FormatError


@dataclass(frozen=True)
class Named:
    """A task that says in messages what it is about."""

    name: str
    folder: Path
    seconds: float = 0.0
    waits: bool = False


def traced(task: Named) -> tuple[str, int]:
    """Leave a trace of having run; returns the name and which process did it. A task that waits waits for another."""
    with (task.folder / task.name).open("a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(task.seconds)
    end = time.monotonic() + 60
    while task.waits and time.monotonic() < end and len(set(_pids(task.folder))) == 1:
        time.sleep(0.01)
    return task.name, os.getpid()


def _pids(folder: Path) -> list[str]:
    return [line for path in folder.iterdir() for line in path.read_text().splitlines()]


def killed_once(task: Named) -> str:
    """Kill the worker of a task 'deadly' unless it has been killed already."""
    traced(task)
    if task.name.startswith("deadly") and len((task.folder / task.name).read_text().splitlines()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return task.name


def deadly(task: Named) -> str:
    """Kill the worker of the task 'deadly', always."""
    traced(task)
    if task.name == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    return task.name


def refused(task: Named) -> None:
    """An error that a user can mend."""
    raise FormatError(f"{task.name}: not a film; fetch it again")


def environment(_: object) -> dict[str, str]:
    """What a worker finds."""
    return dict(os.environ)
