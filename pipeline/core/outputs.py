"""Outputs appear whole or not at all: work goes to `<name>.partial`, the finished thing is renamed into place."""

import csv
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.core.errors import DataError

PARTIAL = ".partial"  # ends the name of what is not finished


def remove(path: Path) -> None:
    """Delete a file, a folder or a link, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a scratch path; after the block it replaces `path`. On an error `path` stays as it was.

    An error of the disk that names no file, as where it is full, names `path`.

    Raises DataError where a file would take the place of a folder: whoever names a folder means a file in it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + PARTIAL)
    remove(scratch)  # left by a killed run
    try:
        yield scratch
        if scratch.is_file() and path.is_dir():
            raise DataError(f"{path}: a folder; give the path of the file to write")
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)
        remove(scratch)
        raise
    if scratch.is_dir() or path.is_dir():
        remove(path)
    scratch.replace(path)  # at once: whoever is killed here has left the old file or the new one


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """As `whole`, with the scratch folder already made."""
    with whole(path) as scratch:
        scratch.mkdir()
        yield scratch


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table of comma-separated values in UTF-8, with a header and one line feed a row."""
    with whole(path) as scratch, scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def write_json(path: Path, value: object) -> None:
    """Write JSON that a person can read and two runs write alike (sorted keys, no NaN)."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    with whole(path) as scratch:
        scratch.write_text(text + "\n", encoding="utf-8")
