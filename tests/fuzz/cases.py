"""One damaged file and what a reader makes of it: a value that holds what it must, one clear line, or a finding."""

import os
import resource
import shutil
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType

from pipeline.core.errors import UnseenError
from tests.fuzz import evil
from tests.fuzz.targets import TARGETS

SECONDS = 5  # a case; the files have some kilobytes
_MAX_BYTES = 8 << 20  # of a damaged file
MEMORY_BYTES = 3 << 30  # a case may add so much to the address space; readers may reserve one gigabyte and a multiple

Files = dict[str, bytes]


@dataclass(frozen=True)
class Finding:
    """A reader that did not keep its word, and how to see it again."""

    target: str
    seed: int
    case: int
    what: str

    def __str__(self) -> str:
        again = f"make fuzz FUZZ_TARGET={self.target} FUZZ_SEED={self.seed} FUZZ_CASE={self.case}"
        return f"{self.target} seed {self.seed} case {self.case}: {self.what}\n  again: {again}"


class _SlowError(BaseException):
    """Not an Exception, so that no reader takes it for a fault of the file."""


def sample(target: str, folder: Path) -> Files:
    """The files of a target as they should be."""
    folder.mkdir()
    TARGETS[target].make(folder)
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    shutil.rmtree(folder)
    return files


def write(target: str, files: Files, seed: int, case: int, folder: Path) -> None:
    """Fill a new folder with the files of a case, one of them damaged."""
    rng = Random(f"{target}/{seed}/{case}")
    damage = TARGETS[target].damage
    victim = rng.choice([name for name in files if Path(name).suffix in damage])
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    path = folder / victim
    if rng.random() < 0.02:
        _replace(rng, path)
        return
    content = files[victim]
    for _ in range(min(4, 1 + int(rng.expovariate(1.2)))):
        try:
            content = rng.choice(damage[path.suffix])(rng, content)[:_MAX_BYTES]
        except Exception:  # what knows the structure finds none, after other damage
            content = evil.flip(rng, content)
    path.write_bytes(content)


def _replace(rng: Random, path: Path) -> None:
    """Put something that is no file, or no file of ours, in its place."""
    what = rng.randrange(6)
    path.unlink()
    if what == 0:
        path.mkdir()
    elif what == 1:
        os.mkfifo(path)
    elif what == 2:
        path.symlink_to(path.name)
    elif what == 3:
        path.write_bytes(b"")
    elif what == 4:
        shutil.rmtree(path.parent)
        path.parent.write_bytes(b"a file where a folder should be")


def fault(target: str, folder: Path) -> str | None:
    """What is wrong with how a target reads a folder; None if it gives a sound value or an error of the family."""
    try:
        with _bounded(), warnings.catch_warnings():
            warnings.simplefilter("error")
            TARGETS[target].read(folder)
    except UnseenError as error:
        line = str(error)
        return None if line and "\n" not in line and line.isprintable() else f"no clear line: {line!r}"
    except _SlowError:
        return f"not done after {SECONDS} seconds"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:500]
    return None


@contextmanager
def _bounded() -> Iterator[None]:
    """End what takes too long or too much memory."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _SlowError

    before = signal.signal(signal.SIGALRM, stop)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + MEMORY_BYTES, hard))
    others = signal.setitimer(signal.ITIMER_REAL, SECONDS)  # the suite's own, which ends a test that hangs
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *others)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def run(target: str, files: Files, seed: int, case: int, folder: Path) -> Finding | None:
    """Make one case in `folder`, which is gone afterwards, and read it."""
    folder.mkdir()
    try:
        write(target, files, seed, case, folder / "raw")
        what = fault(target, folder / "raw")
    finally:
        shutil.rmtree(folder)
    return Finding(target, seed, case, what) if what else None
