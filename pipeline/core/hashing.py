"""Digests that name things by content: files, folders, values and the code itself."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

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


def code_digest(*parts: str) -> str:
    """Digest of every Python source of the library: what makes half-finished work of older code unusable.

    `parts` narrow it to some folders and files, e.g. code_digest("core", "modalities/depth").
    """
    root = Path(__file__).parents[1]
    sources = sorted(root.rglob("*.py"))
    names = [path.relative_to(root).as_posix() for path in sources]
    wanted = [name for name in names if not parts or any(f"{name}/".startswith(f"{part}/") for part in parts)]
    return value_digest([[name, file_digest(root / name)] for name in wanted])
