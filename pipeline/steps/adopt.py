"""adopt: vectors that others have computed and published -> the store, by the ids that ingest gave them."""

# Shapes: N clips, D feature size.
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core import store, tables
from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.core.roles import UNKNOWN_CLIPS
from pipeline.core.schemas import CLIPS, ClipRow
from pipeline.formats import synse


class Row(Params):
    """Whose vectors they are, and of which network."""

    dataset: str
    source: str
    encoder: str  # as its authors call it; its weights are not here


def adopt(row: Row, *, clips: Path, source: Path, out: Path) -> dict[str, int]:
    """Write a store with a group `<split>-0` for each split, array `pooled` (N, D), as extract would.

    As the owners say, a split's network was trained on the classes of its training file: all seen ones, those that
    serve as val here among them. Nothing here can prove it. Raises DataError for a vector that is not the ingested one.
    """
    accepted = [line for line in tables.read(clips, CLIPS) if line.reason is None]
    splits: dict[str, list[ClipRow]] = {}
    for line in accepted:
        splits.setdefault(line.clip_id.split("/")[1], []).append(line)
    if not splits:
        raise DataError(f"{clips}: no clip was accepted; run `dvc repro ingest@{row.dataset}`")
    modality = accepted[0].modality
    attrs = {"dataset": row.dataset, "modality": modality, "encoder": row.encoder, "recipe": "adopted"}
    with store.create(out, attrs) as writer:
        for split, lines in sorted(splits.items()):
            lines.sort(key=lambda line: line.clip_id)
            trained = sorted({line.class_id for line in lines if _part(line) == synse.TRAIN})
            group_attrs: dict[str, object] = {"split": split, "seed": 0, "training_classes": trained, "adopted": True}
            group_attrs |= {"encoder": row.encoder, "modality": modality, "training_clips": UNKNOWN_CLIPS}
            group = writer.group(f"{split}-0", [line.clip_id for line in lines], group_attrs)
            group.put("pooled", _vectors(lines, source))
    return {"clips": len(accepted), "splits": len(splits)}


def _part(line: ClipRow) -> str:
    """The array that a clip is a row of, e.g. "ztest"."""
    return line.clip_id.split("/")[2]


def _vectors(lines: Sequence[ClipRow], source: Path) -> npt.NDArray[np.float32]:
    """pooled_ND, each row checked against the hash of the clips table."""
    files = {line.path: _part(line) for line in lines}
    parts = {path: synse.read((source / path).parent, part) for path, part in files.items()}
    vectors = []
    for line in lines:
        number, part = int(line.clip_id.rsplit("/", 1)[1]), parts[line.path]
        if number >= len(part.vectors_ND) or part.digest(number) != line.content_hash:
            raise DataError(f"{source / line.path}: row {number} has changed since it was ingested; scan it again")
        vectors.append(part.vector(number))
    if len({len(vector_D) for vector_D in vectors}) != 1:
        raise DataError(
            f"{source}: the files {sorted(files)} hold vectors of different sizes; bring those of one release"
        )
    return np.stack(vectors)
