"""Digests that name things by content: files, folders, values and arrays."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # digests of files start without NumPy
    import numpy.typing as npt

_BLOCK_BYTES = 1 << 20


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal; reads in blocks, so memory is bounded."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def folder_digest(path: Path) -> str:
    """SHA-256 over the sorted (relative path, file digest) pairs below a folder."""
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return value_digest([[p.relative_to(path).as_posix(), file_digest(p)] for p in files])


def path_digest(path: Path) -> str:
    """Digest of a file or of everything below a folder."""
    return folder_digest(path) if path.is_dir() else file_digest(path)


def known_digest(path: Path) -> str:
    """As `path_digest`, but a file that has kept its size and time is hashed once: many clips may lie in it."""
    if path.is_dir():
        return folder_digest(path)
    state = path.stat()
    return _digest_once(path.absolute(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest_once(path: Path, _num_bytes: int, _changed_ns: int) -> str:
    return file_digest(path)


def value_digest(value: object) -> str:
    """SHA-256 of a JSON value in canonical form (sorted keys, no white space).

    >>> value_digest({"a": 1, "b": 2}) == value_digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def array_digest(array: "npt.NDArray[Any]") -> str:
    """SHA-256 of an array's dtype, shape and values."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(array.tobytes())
    return digest.hexdigest()
