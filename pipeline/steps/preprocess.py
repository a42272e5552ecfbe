"""preprocess: recordings -> model-ready arrays, decoded once; no learned weights, no split.

Blocks of clips are decoded into the side cache (core.clip_cache), by any number of processes; the store is then
assembled from it in the order of the ids. So a killed run goes on where it stopped, a changed file costs one clip, and
warm and cold runs write the same bytes.
"""

# Shapes: N clips; C channels, T frames and what follows them depend on the modality.
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline import modalities
from pipeline.compute import shared as compute_engines
from pipeline.compute.shared import Compute
from pipeline.core import prepared, store, tables
from pipeline.core.boxes import Boxes
from pipeline.core.clip_cache import ClipCache
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.rejects import Rejects
from pipeline.core.runs import CACHE
from pipeline.core.schemas import CLIPS
from pipeline.datasets import shared as datasets
from pipeline.modalities import shared as films
from pipeline.sources import decoding
from pipeline.sources.decoding import Block, Clip, Row, Source, decode

SAMPLES = CACHE / "samples"
BLOCK_CLIPS = 32


class Checks(Params):
    """What is still acceptable."""

    max_rejected: float = Field(ge=0, le=1)  # share of the clips that ingest accepted


@dataclass(frozen=True)
class _Outcome:
    """What became of one clip: an array in the cache of this layout and shape, or a reason.

    After its first `num_nonempty_frames` the array is empty.
    """

    clip_id: str
    key: str
    layout: str
    shape: tuple[int, ...]
    num_nonempty_frames: int
    boxes: Boxes
    reason: str | None


def preprocess(
    row: Row,
    checks: Checks,
    compute: Compute,
    *,
    key: str,
    clips: Path,
    source: Path,
    out: Path,
    cache: Path = SAMPLES,
) -> dict[str, int]:
    """Write the store of a row's clips; returns how many clips it holds, were rejected and had to be decoded.

    Group "all", array `x` (N, C, T, ...) float32, as core.prepared keeps it; memory holds one shard. With `boxes` also
    ragged `boxes` and `box_labels`. Raises DataError if a file is not the one that ingest read, or if too many clips
    are rejected, or all.
    """
    section = f"preprocess.rows.{key}.options"
    sense = modalities.sense(row.modality)
    sense.read(row.dataset)
    sense.prepare(row.recipe, row.options, section)  # what the params get wrong is said here, not by a worker
    if row.boxes:
        _check_boxed(row, key)
        films.box_reader(row.modality, row.recipe, row.options, section)
    found = _accepted(clips, row)
    cached = ClipCache(cache)
    todo = [clip for clip in found if cached.load(clip.key) is None]
    blocks = [
        Block(row, section, source, cache, todo[start : start + BLOCK_CLIPS])
        for start in range(0, len(todo), BLOCK_CLIPS)
    ]
    for _ in track(compute_engines.run(compute, decode, blocks), total=len(blocks), what=f"{key}: blocks of clips"):
        pass
    outcomes = [_outcome(cached, clip) for clip in found]
    rejects = Rejects("preprocess")
    for outcome in outcomes:
        if outcome.reason is not None:
            rejects.add(outcome.clip_id, outcome.reason)
    rejects.check(total=len(outcomes), at_most=checks.max_rejected)
    kept = [outcome for outcome in outcomes if outcome.reason is None]
    if not kept:
        raise DataError(f"{key}: no clip is left; {outcomes[0].clip_id}: {outcomes[0].reason}")
    _write(out, kept, cached, row, rejects)
    return {"clips": len(kept), "rejected": len(rejects.rows), "decoded": len(todo)}


def _check_boxed(row: Row, key: str) -> None:
    boxed = datasets.load(row.dataset).boxed
    if row.modality not in boxed:
        raise ParamsError(
            f"preprocess.rows.{key}: boxes: {row.dataset} has boxes in the pictures of {sorted(boxed) or 'nothing'}, "
            f"not of {row.modality}; set it to false"
        )


def _accepted(clips: Path, row: Row) -> list[Source]:
    """The clips of the row's modality that ingest accepted, in order of their ids, with what is decoded with them."""
    rows = [clip for clip in tables.read_rows(clips, CLIPS) if clip["reason"] is None]
    found = [clip for clip in rows if clip["modality"] == row.modality]
    if not found:
        raise DataError(f"{clips}: no accepted clip of modality '{row.modality}'; run `dvc repro ingest@{row.dataset}`")
    wanted = {"skeleton"} if row.options.get("crop") == "skeleton" else set()
    wanted |= {"boxes"} if row.boxes else set()
    beside: dict[str, dict[str, Clip]] = {clip["clip_id"]: {} for clip in found}
    for clip in rows:
        if clip["modality"] in wanted and clip["clip_id"] in beside:
            beside[clip["clip_id"]][clip["modality"]] = clip
    return [
        Source(decoding.key(clip, beside[clip["clip_id"]], row), clip, beside[clip["clip_id"]])
        for clip in sorted(found, key=lambda clip: str(clip["clip_id"]))
    ]


def _outcome(cached: ClipCache, source: Source) -> _Outcome:
    clip_id, about = source.clip["clip_id"], cached.about(source.key)
    if about is None:
        raise _lost(cached, clip_id)
    return _Outcome(
        clip_id,
        source.key,
        about.get("layout", ""),
        tuple(about["shape"]),
        about.get("num_nonempty_frames", 0),
        decoding.boxes_of(about),
        about.get("reason"),
    )


def _lost(cached: ClipCache, clip_id: str) -> DataError:
    return DataError(f"{cached.folder}: the cached array of {clip_id} is gone or damaged; run the stage again")


def _write(out: Path, kept: list[_Outcome], cached: ClipCache, row: Row, rejects: Rejects) -> None:
    shapes, layouts = {outcome.shape for outcome in kept}, {outcome.layout for outcome in kept}
    if len(shapes) != 1 or len(layouts) != 1:
        raise DataError(
            f"{out}: clips of one row need one layout and shape, found layouts {sorted(layouts)}, "
            f"shapes {sorted(shapes)}; give each its own row"
        )
    shape, held = next(iter(shapes)), [outcome.num_nonempty_frames for outcome in kept]
    attrs = {
        **row.model_dump(include={"dataset", "modality", "recipe", "options"}),
        "layout": next(iter(layouts)),
        "rejected": rejects.to_json(),
    }
    if prepared.is_ragged(shape[1], held):
        attrs[prepared.PADDED_TO] = shape[1]
    if row.boxes:
        attrs[prepared.BOX_LABELS] = sorted({label for outcome in kept for label in outcome.boxes.labels})
    with store.create(out, attrs) as writer:
        group = writer.group(prepared.GROUP, [outcome.clip_id for outcome in kept])
        prepared.put(group, shape, held, _arrays(kept, cached))
        if row.boxes:
            prepared.put_boxes(group, [outcome.boxes for outcome in kept], attrs[prepared.BOX_LABELS])


def _arrays(kept: list[_Outcome], cached: ClipCache) -> Iterator[npt.NDArray[np.float32]]:
    for outcome in kept:
        found = cached.load(outcome.key)
        if found is None:
            raise _lost(cached, outcome.clip_id)
        yield found[1]
