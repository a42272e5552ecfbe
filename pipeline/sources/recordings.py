"""The file of a clip, checked to be the one that ingest read."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import DataError
from pipeline.core.hashing import known_digest
from pipeline.formats import segments

if TYPE_CHECKING:  # as in decoding.py
    from pipeline.core.schemas import ClipRow


def verified(source: Path, clip: "ClipRow", dataset: str) -> Path:
    """The path of a clip (a row of the clips table) below a source folder, the part of the file it names included.

    Raises DataError where the file is not the one whose hash the row holds.
    """
    file = source / segments.file_of(clip.path)
    if not file.exists() or known_digest(file) != clip.content_hash:
        state = "has changed since it was scanned" if file.exists() else "is gone"
        raise DataError(f"{file}: the file {state}; run `unseen raw scan {dataset}`, then `dvc repro`")
    return source / clip.path
