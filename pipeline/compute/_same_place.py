"""Whether a worker, which may run on another machine, has the code, the libraries and the folder of its client."""

import os
import pickle
import platform
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pipeline.core.checkout import PACKAGE
from pipeline.core.errors import DataError
from pipeline.core.hashing import file_digest, value_digest
from pipeline.core.runs import CACHE

RUNS = CACHE / "cluster"  # a folder for each run that is under way
_HERE = "here"
# What reads files and computes: other versions may give other bytes.
_LIBRARIES = ("av", "ftfy", "msgspec", "numpy", "open-clip-torch", "pillow", "pyarrow", "scipy", "torch", "zarr")


@dataclass(frozen=True)
class Place:
    """Where a client runs: what its workers must have too."""

    machine: str
    folder: str  # where the client was started; for messages, as machines may know it by other names
    token: Path  # of the run's folder, relative to where client and workers were started
    holds: str  # what is written there
    versions: tuple[tuple[str, str], ...]


@contextmanager
def run_folder() -> Iterator[Path]:
    """A folder for one run, relative to where it is started; it goes when the block ends, and those of killed runs."""
    for folder in RUNS.glob("*-*"):
        machine, _, pid = folder.name.rpartition("-")
        if machine == socket.gethostname() and not _runs(pid):
            shutil.rmtree(folder, ignore_errors=True)
    folder = RUNS / f"{socket.gethostname()}-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runs(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):  # another user's
        return True
    return True


def place(folder: Path) -> Place:
    """The place of this process, whose run has this folder."""
    token = folder / _HERE
    holds = secrets.token_hex(16)
    token.write_text(holds, encoding="ascii")
    return Place(socket.gethostname(), str(Path.cwd()), token, holds, versions())


@cache
def versions() -> tuple[tuple[str, str], ...]:
    """Name and version of all that decides the bytes: our code, Python and libraries."""
    files = (path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc")
    code = value_digest(sorted([path.relative_to(PACKAGE).as_posix(), file_digest(path)] for path in files))
    found = [("the code", code[:12]), ("Python", platform.python_version())]
    for name in _LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            found.append((name, metadata.version(name)))
    return tuple(found)


def do(place: Place, task: bytes) -> Any:
    """Run `packed` work on a worker. Raises DataError where it is no such place, and what the work raises."""
    _check(place)
    work, argument = pickle.loads(task)  # noqa: S301 - from the client, which may run anything here anyway
    return work(argument)


def packed(work: Any, argument: Any) -> bytes:
    """Work and its argument; a worker unpacks them once it knows that it has the code."""
    return pickle.dumps((work, argument))


@cache
def _check(place: Place) -> None:
    here = f"the dask worker on {socket.gethostname()}"
    theirs, own = dict(place.versions), dict(versions())
    other = [
        f"{name} {own.get(name, 'none')} instead of {told}" for name, told in theirs.items() if told != own.get(name)
    ]
    if other:
        raise DataError(
            f"{here} has {', '.join(other)}; start it from the same checkout and environment as on {place.machine}"
        )
    if not _sees(place.token, place.holds):
        raise DataError(
            f"{here} runs in {Path.cwd()}, which is not the folder {place.folder} of {place.machine}; "
            "start workers in the same folder, on a file system that all machines share"
        )


def _sees(token: Path, holds: str) -> bool:
    with suppress(OSError, UnicodeError):
        list(token.parent.iterdir())  # a network file system may still remember that there was no such folder
        return token.read_text(encoding="ascii") == holds
    return False
