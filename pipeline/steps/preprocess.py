"""preprocess: recordings -> model-ready arrays, decoded once; no learned weights, no split."""

# Shapes: N clips, C channels, T frames, V joints, M bodies.
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import members, store, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import file_digest
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.rejects import Rejects
from pipeline.core.schemas import CLIPS

GROUP, ARRAY = "all", "x"


class Checks(Params):
    """What is still acceptable."""

    max_rejected: float = Field(ge=0, le=1)  # share of the clips that ingest accepted


class Row(Params):
    """One dataset, modality and recipe; `options` are the Params of the recipe's file."""

    dataset: str
    source: str  # folder of the recordings, as ingest was given it
    modality: str
    recipe: str
    options: dict[str, Any]


@dataclass(frozen=True)
class _Spool:
    """Rows on disk until their number is known: a clip may be rejected only after it was read."""

    file: IO[bytes]
    ids: list[str]
    shapes: set[tuple[int, ...]]
    layouts: set[str]

    def add(self, clip_id: str, x_CTVM: npt.NDArray[np.float32], layout: str) -> None:
        self.file.write(x_CTVM.tobytes())
        self.ids.append(clip_id)
        self.shapes.add(x_CTVM.shape)
        self.layouts.add(layout)

    def shards(self, writer: store.DenseWriter, shape: tuple[int, ...]) -> Iterator[npt.NDArray[np.float32]]:
        self.file.seek(0)
        for shard in range(writer.num_shards):
            num_rows = min(writer.shard_rows, writer.num_rows - shard * writer.shard_rows)
            yield np.fromfile(self.file, np.float32, num_rows * int(np.prod(shape))).reshape(num_rows, *shape)


def preprocess(row: Row, checks: Checks, *, key: str, clips: Path, source: Path, out: Path) -> dict[str, int]:
    """Write the store of a row's clips; returns how many clips it holds and how many were rejected.

    Group "all", array `x` (N, C, T, V, M) float32; memory holds one shard. Raises DataError if a file is not the one
    that ingest read, or if too many clips are rejected.
    """
    sense = members.load("pipeline.modalities", row.modality)
    read = sense.read(row.dataset)
    prepare = sense.prepare(row.recipe, row.options, f"preprocess.rows.{key}.options")
    accepted = _accepted(clips, row)
    rejects = Rejects("preprocess")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=out.parent) as file:
        spool = _Spool(file, [], set(), set())
        for clip in track(accepted, total=len(accepted), what=f"{key}: clips"):
            _add(spool, rejects, clip, _verified(source, clip, row.dataset), read, prepare)
        rejects.check(total=len(accepted), at_most=checks.max_rejected)
        _write(out, spool, row, rejects)
    return {"clips": len(spool.ids), "rejected": len(rejects.rows)}


def _accepted(clips: Path, row: Row) -> list[dict[str, Any]]:
    """The clips of the row's modality that ingest accepted, in order of their ids."""
    rows = tables.read_rows(clips, CLIPS)
    found = [clip for clip in rows if clip["modality"] == row.modality and clip["reason"] is None]
    if not found:
        raise DataError(f"{clips}: no accepted clip of modality '{row.modality}'; run `dvc repro ingest@{row.dataset}`")
    return sorted(found, key=lambda clip: str(clip["clip_id"]))


def _verified(source: Path, clip: Mapping[str, Any], dataset: str) -> Path:
    path = source / str(clip["path"])
    if not path.is_file() or file_digest(path) != clip["content_hash"]:
        state = "has changed since it was scanned" if path.is_file() else "is gone"
        raise DataError(f"{path}: the file {state}; run `unseen raw scan {dataset}`, then `dvc repro`")
    return path


def _add(
    spool: _Spool,
    rejects: Rejects,
    clip: Mapping[str, Any],
    path: Path,
    read: Callable[[Path], Any],
    prepare: Callable[[Any], npt.NDArray[np.float32]],
) -> None:
    try:
        recording = read(path)
        spool.add(clip["clip_id"], prepare(recording), recording.layout)
    except (DataError, FormatError) as error:
        rejects.add(clip["clip_id"], str(error).replace(f"{path}: ", ""))


def _write(out: Path, spool: _Spool, row: Row, rejects: Rejects) -> None:
    if len(spool.shapes) != 1 or len(spool.layouts) != 1:
        raise DataError(
            f"{out}: clips of one row need one layout and shape, found layouts {sorted(spool.layouts)}, "
            f"shapes {sorted(spool.shapes)}; give each its own row"
        )
    shape, layout = next(iter(spool.shapes)), next(iter(spool.layouts))
    attrs = {
        **row.model_dump(include={"dataset", "modality", "recipe", "options"}),
        "layout": layout,
        "rejected": rejects.to_json(),
    }
    with store.create(out, attrs) as writer:
        array = writer.group(GROUP, spool.ids).dense(ARRAY, shape, np.float32)
        for shard, rows in enumerate(spool.shards(array, shape)):
            array.write_shard(shard, rows)
