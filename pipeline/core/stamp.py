"""Stamps: what a source folder held when it was scanned. A stamp stands beside its folder as `<folder>.stamp`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import file_digest
from pipeline.core.outputs import whole

_HEADER = "# unseen stamp, version 1: sha256, bytes, path"


@dataclass(frozen=True, order=True)
class StampedFile:
    """One file of a source folder: path relative to it with "/" as separator, size in bytes, SHA-256."""

    path: str
    num_bytes: int
    content_hash: str


def stamp_path(folder: Path) -> Path:
    """Where the stamp of a folder stands: beside it, so that the folder itself is never written."""
    return folder.with_name(folder.name + ".stamp")


def scan(folder: Path) -> Iterator[StampedFile]:
    """Hash every file below a folder, in sorted order. Links inside it that lead out of it are refused."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; link or copy the dataset there (README, 'Bring real data')")
    root = folder.resolve()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if not path.resolve().is_relative_to(root):
            raise DataError(f"{path}: leads out of {folder}; put the file itself there")
        yield StampedFile(path.relative_to(folder).as_posix(), path.stat().st_size, file_digest(path))


def write(folder: Path, files: Iterator[StampedFile]) -> int:
    """Write the stamp beside a folder; returns the number of files."""
    lines = [f"{f.content_hash} {f.num_bytes} {f.path}" for f in sorted(files)]
    with whole(stamp_path(folder)) as scratch:
        scratch.write_text("\n".join([_HEADER, *lines]) + "\n", encoding="utf-8")
    return len(lines)


def read(folder: Path) -> list[StampedFile]:
    """The files a folder held when it was stamped."""
    path = stamp_path(folder)
    if not path.is_file():
        raise DataError(f"{path}: no stamp; run `unseen raw scan {folder.name}`")
    header, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    if header != _HEADER:
        raise FormatError(f"{path}: first line should be {_HEADER!r}; run `unseen raw scan {folder.name}`")
    return [_parse(path, number, line) for number, line in enumerate(lines, 2)]


def _parse(path: Path, number: int, line: str) -> StampedFile:
    parts = line.split(" ", 2)
    if len(parts) != 3 or len(parts[0]) != 64 or not parts[1].isdigit() or _escapes(parts[2]):
        raise FormatError(f"{path}: line {number}: expected 'sha256 bytes path' with a path inside the folder")
    return StampedFile(parts[2], int(parts[1]), parts[0])


def _escapes(path: str) -> bool:
    return path.startswith("/") or "\\" in path or ".." in path.split("/")
