"""Stamps: what a source folder held when it was scanned. A stamp stands beside its folder as `<folder>.stamp`."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.core import outside
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import file_digest
from pipeline.core.outputs import whole

ENDING = ".stamp"
_BYTES = re.compile(r"[0-9]{1,18}")
_MAX_BYTES = 4 << 30  # thirty million files
_HEADER = "# unseen stamp, version 1: sha256, bytes, path"
_UNSCANNED = "# not scanned yet"  # begins what `expect` writes
_MADE = "synthesize"  # the folder of sources that a stage makes and stamps
_FEW = 3  # files that a message names


@dataclass(frozen=True, order=True)
class StampedFile:
    """One file of a source folder: path relative to it with "/" as separator, size in bytes, SHA-256."""

    path: str
    num_bytes: int
    content_hash: str


def stamp_path(folder: Path) -> Path:
    """Where the stamp of a folder stands: beside it, so that the folder itself is never written."""
    return folder.with_name(folder.name + ENDING)


def files(folder: Path) -> list[Path]:
    """Every file below a folder, sorted by its path. The folder itself may be a link, what lies in it must be real.

    Raises DataError for a link that leads out of the folder, a link to a folder and a name that no stamp can hold.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: {missing(folder)}")
    root = folder.resolve()
    paths = []
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        for name in folders:
            if (Path(parent) / name).is_symlink():
                raise DataError(f"{Path(parent) / name}: a link to a folder; only {folder} itself may be a link")
        paths += [_checked(Path(parent) / name, folder, root) for name in names]
    return sorted(paths, key=lambda path: path.relative_to(folder).as_posix())


def scan(folder: Path) -> Iterator[StampedFile]:
    """Hash every file below a folder, in the order of `files`."""
    for path in files(folder):
        yield StampedFile(path.relative_to(folder).as_posix(), path.stat().st_size, file_digest(path))


def remedy(folder: Path) -> str:
    """The command that stamps a folder."""
    made = folder.parent.name == _MADE
    return f"`dvc repro {_MADE}@{folder.name}`" if made else f"`unseen raw scan {folder.name}`"


def is_scanned(folder: Path) -> bool:
    """Whether a folder has a stamp that a scan has written."""
    path = stamp_path(folder)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return not file.read(len(_UNSCANNED)).startswith(_UNSCANNED.encode())


def expect(folder: Path) -> None:
    """Write, where there is no stamp, a file in its place which says that the folder has not been scanned.

    DVC refuses to run a stage whose dependency is not there, and does not say what to do; with this file the stage
    starts, and `read` says it.
    """
    if not stamp_path(folder).is_file():
        with whole(stamp_path(folder)) as scratch:
            scratch.write_text(f"{_UNSCANNED}: run {remedy(folder)}\n", encoding="utf-8")


def what_changed(folder: Path, stamped: Iterable[StampedFile]) -> str | None:
    """How a folder differs from its stamp by names and sizes, with up to three files of each kind; None if it does not.

    Contents are not read: a file that has changed and kept its size passes here.
    """
    before = {file.path: file.num_bytes for file in stamped}
    now = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files(folder)}
    kinds = {
        "changed": [path for path in before if path in now and now[path] != before[path]],
        "appeared": [path for path in now if path not in before],
        "vanished": [path for path in before if path not in now],
    }
    told = [
        f"{len(paths)} file{'s' * (len(paths) > 1)} {kind} ({_named(paths)})" for kind, paths in kinds.items() if paths
    ]
    return f"since its scan {', '.join(told)}; run {remedy(folder)}" if told else None


def write(folder: Path, stamped: Iterable[StampedFile]) -> int:
    """Write the stamp beside a folder; returns the number of files."""
    lines = [f"{f.content_hash} {f.num_bytes} {f.path}" for f in sorted(stamped)]
    with whole(stamp_path(folder)) as scratch:
        scratch.write_bytes("\n".join([_HEADER, *lines, ""]).encode())
    return len(lines)


def digest(folder: Path) -> str:
    """SHA-256 of a folder's stamp: the same as long as the folder holds what it held."""
    _check_scanned(folder)
    return file_digest(stamp_path(folder))


def read(folder: Path) -> list[StampedFile]:
    """The files a folder held when it was stamped, sorted by path."""
    _check_scanned(folder)
    path = stamp_path(folder)
    try:
        header, *lines = outside.content(path, _MAX_BYTES, "a stamp").decode().removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        header, lines = "", []
    if header != _HEADER:
        raise FormatError(f"{path}: first line should be {_HEADER!r}; run {remedy(folder)}")
    stamped = [_parse(path, number, line) for number, line in enumerate(lines, 2)]
    if stamped != sorted({file.path: file for file in stamped}.values()):
        raise FormatError(f"{path}: paths should be sorted and unique; run {remedy(folder)}")
    return stamped


def _check_scanned(folder: Path) -> None:
    path = stamp_path(folder)
    if path.is_file() and not folder.is_dir() and not is_scanned(folder):
        raise DataError(f"{folder}: {missing(folder)}, and run {remedy(folder)}")
    if not is_scanned(folder):
        raise DataError(f"{path}: no stamp; run {remedy(folder)}")


def missing(folder: Path) -> str:
    """Why there is no folder, and how to get one."""
    if folder.is_symlink():
        return f"no such folder: it is a link to {folder.readlink()}, which is not there; link it again (docs/data.md)"
    kind = "a file, not a folder" if folder.exists() else "no such folder"
    return f"{kind}; link or copy the dataset there (docs/data.md)"


def _named(paths: list[str]) -> str:
    """The first few paths."""
    return ", ".join(sorted(paths)[:_FEW]) + (", ..." if len(paths) > _FEW else "")


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be listed ({error.strerror})")


def _checked(path: Path, folder: Path, root: Path) -> Path:
    try:
        leads_out = not path.resolve().is_relative_to(root)
    except (RuntimeError, OSError):  # a link that leads to itself
        leads_out = False
    if leads_out:
        raise DataError(f"{path}: leads out of {folder}; put the file itself there")
    if not path.is_file():
        raise DataError(f"{path}: neither a file nor a folder, or a link to nothing; remove it")
    if not str(path).isprintable() or "\\" in path.name:
        raise DataError(f"{str(path)!r}: a file name with control characters or a backslash; rename the file")
    return path


def _parse(path: Path, number: int, line: str) -> StampedFile:
    parts = line.split(" ", 2)
    if len(parts) != 3 or not _is_digest(parts[0]) or not _BYTES.fullmatch(parts[1]) or _escapes(parts[2]):
        raise FormatError(f"{path}: line {number}: expected 'sha256 bytes path' with a path inside the folder")
    return StampedFile(parts[2], int(parts[1]), parts[0])


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _escapes(path: str) -> bool:
    return not path or path.startswith("/") or "\\" in path or "\0" in path or ".." in path.split("/")
