"""Kill a stage that runs, and see what is left: files, processes, shared memory, scratch folders."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.world import Stage

ROOT = Path(__file__).parents[2]
WAYS = ("group", "parent")  # who is killed: the stage and all that it has started, or the stage alone
_SHARED = Path("/dev/shm")
_SECONDS_TO_END = 15.0  # for workers to see that their parent is gone


def start(folder: Path, stage: Stage, code: Path | None = None) -> "subprocess.Popen[bytes]":
    """A stage in a process group of its own, whose temporary files lie below `.scratch`; `code` comes before ours."""
    scratch = folder / ".scratch"
    scratch.mkdir(exist_ok=True)
    paths = os.pathsep.join(str(path) for path in (code, ROOT) if path is not None)
    env = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"stages.{stage.name}", *stage.options]
    with (folder / "said.txt").open("ab") as said:
        return subprocess.Popen(command, cwd=folder, env=env, stdout=said, stderr=said, start_new_session=True)


def finish(folder: Path, stage: Stage) -> float:
    """Run a stage to its end; returns its seconds. Raises AssertionError with what it said if it fails."""
    began = time.monotonic()
    code = start(folder, stage).wait()
    assert code == 0, f"the stage ended with {code}: {(folder / 'said.txt').read_text()[-2000:]}"
    return time.monotonic() - began


def survive(folder: Path, stage: Stage, shared_before: set[str]) -> None:
    """Run a stage again as soon as it has been killed, as a user would.

    Raises AssertionError where it fails or anything but its output is left.
    """
    finish(folder, stage)
    left = leftovers(folder, shared_before)
    assert not left, f"left behind: {'; '.join(left)}"


def kill(folder: Path, stage: Stage, way: str, due: Callable[[], bool]) -> bool:
    """Run a stage and kill it once it is due; whether it still ran then."""
    run = start(folder, stage)
    while run.poll() is None and not due():
        time.sleep(0.002)
    is_alive = run.poll() is None
    if is_alive:
        os.killpg(run.pid, signal.SIGKILL) if way == "group" else run.kill()
    run.wait()
    return is_alive


def after(seconds: float) -> Callable[[], bool]:
    """Due so long after now."""
    at = time.monotonic() + seconds
    return lambda: time.monotonic() >= at


def once_there(folder: Path, pattern: str) -> Callable[[], bool]:
    """Due as soon as a file of this pattern is there."""
    return lambda: next(folder.glob(pattern), None) is not None


def leftovers(folder: Path, shared_before: set[str]) -> list[str]:
    """What a stage has left in its checkout and on this machine, each as a line."""
    running = _ended(folder)
    found = [f"process {pid}: {command}" for pid, command in running.items()]
    found += [str(path.relative_to(folder)) for path in folder.rglob("*.partial*")]
    found += [str(path.relative_to(folder)) for path in (folder / ".scratch").iterdir()]
    held = _held()
    return found + [f"{_SHARED}/{name}" for name in sorted(shared() - shared_before) if name not in held]


def shared() -> set[str]:
    """The names of the segments of shared memory.

    Semaphores (32 bytes each) do not count: Python's pools name theirs, and where all processes are killed at once so
    is the one that would remove them.
    """
    return {path.name for path in _SHARED.glob("*") if not path.name.startswith("sem.")}


def _ended(folder: Path) -> dict[int, str]:
    """Processes that still work in a folder after they had time to end."""
    until = time.monotonic() + _SECONDS_TO_END
    while (running := working_in(folder)) and time.monotonic() < until:
        time.sleep(0.05)
    return running


def working_in(folder: Path) -> dict[int, str]:
    """Processes whose working directory a folder is, with their commands."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
        except OSError:  # another user's, or ended meanwhile
            continue
    return found


def _held() -> set[str]:
    """Segments of shared memory that a living process uses: those of others on this machine, not ours."""
    held: set[str] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        try:
            lines = [line for line in maps.read_text().splitlines() if str(_SHARED) in line]
        except OSError:
            continue
        held |= {line.rpartition("/")[2] for line in lines}
    return held
