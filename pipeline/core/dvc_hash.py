"""The hash by which DVC knows a file or a folder, as dvc.lock records it."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pipeline.core.outputs import PARTIAL

FOLDER = ".dir"  # ends the hash of a folder
_BLOCK_BYTES = 1 << 20
_IGNORED = ("__pycache__", ".gitkeep")  # and halves of outputs, as .dvcignore says


def content_hash(path: Path) -> str:
    """MD5 of a file or folder as DVC takes it; "" of what is not there."""
    if path.is_file():
        digest = hashlib.md5(usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()
    if not path.is_dir():
        return ""
    return folder_hash((file.relative_to(path).as_posix(), content_hash(file)) for file in files_below(path))


def folder_hash(files: Iterable[tuple[str, str]]) -> str:
    """The hash of a folder of these files, each with its path in it and its own hash.

    >>> folder_hash([])
    'd751713988987e9331980363e24189ce.dir'
    """
    listed = [{"md5": md5, "relpath": path} for path, md5 in sorted(files)]
    text = json.dumps(listed, sort_keys=True)
    return f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}{FOLDER}"


def files_below(folder: Path) -> list[Path]:
    """The files of a folder that DVC tracks, sorted by their path in it."""
    files = [file for file in folder.rglob("*") if file.is_file() and not _is_ignored(file.relative_to(folder))]
    return sorted(files, key=lambda file: file.relative_to(folder).as_posix())


def _is_ignored(file: Path) -> bool:
    return file.name.endswith(PARTIAL) or any(part in _IGNORED for part in file.parts)
