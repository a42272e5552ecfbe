"""preprocess: recordings -> model-ready arrays, decoded once; no learned weights, no split.

Blocks of clips are decoded into the side cache (core.array_cache), by any number of processes; the store is then
assembled from it in the order of the ids. So a killed run goes on where it stopped, a changed file costs one clip, and
warm and cold runs write the same bytes.
"""

# Shapes: N clips; C channels, T frames and what follows them depend on the modality.
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline import modalities
from pipeline.compute import shared as compute_engines
from pipeline.compute.shared import Compute
from pipeline.core import prepared, store, tables
from pipeline.core.array_cache import ArrayCache
from pipeline.core.boxes import Boxes
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.rejects import Rejects
from pipeline.core.runs import CACHE
from pipeline.core.schemas import CLIPS, ClipRow
from pipeline.datasets import shared as datasets
from pipeline.modalities import shared as films
from pipeline.sources import decoding
from pipeline.sources.blocks import decode
from pipeline.sources.decoding import Block, Row, Source
from pipeline.sources.layouts import Layouts

SAMPLES = CACHE / "samples"
BLOCK_CLIPS = 32


class Checks(Params):
    """What is still acceptable."""

    max_rejected: float = Field(ge=0, le=1)  # share of the clips that ingest accepted


class _LostError(DataError):
    """The cache does not hold a clip that it has held before."""


@dataclass
class _Kept:
    """The clips of which there are arrays, and what of their headers the store needs; no boxes, which are many.

    After its first `num_frames` an array is empty.
    """

    clips: list[Source] = field(default_factory=list)
    num_frames: list[int] = field(default_factory=list)
    shapes: set[tuple[int, ...]] = field(default_factory=set)
    layouts: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Work:
    """What a row reads and where it writes."""

    row: Row
    section: str  # where params.yaml gives the options of the recipe
    clips: list[Source]
    source: Path
    out: Path
    cached: ArrayCache


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
    work = _Work(row, section, accepted(clips, row, source), source, out, ArrayCache(cache))
    missing = [clip for clip in work.clips if clip.key not in work.cached]
    _decode(work, missing, compute, key)
    try:
        counts = _assemble(work, checks, key)
    except _LostError:  # an entry is checked when it is read
        damaged = [clip for clip in work.clips if work.cached.load(clip.key) is None]
        _decode(work, damaged, compute, key)
        missing += damaged
        counts = _assemble(work, checks, key)
    return {**counts, "decoded": len(missing)}


def _decode(work: _Work, clips: list[Source], compute: Compute, key: str) -> None:
    """Decode clips into the side cache."""
    blocks = [
        Block(work.row, work.section, work.source, work.cached.folder, clips[start : start + BLOCK_CLIPS])
        for start in range(0, len(clips), BLOCK_CLIPS)
    ]
    for _ in track(compute_engines.run(compute, decode, blocks), total=len(blocks), what=f"{key}: blocks of clips"):
        pass
    work.cached.refresh()


def _assemble(work: _Work, checks: Checks, key: str) -> dict[str, int]:
    """Write the store from the side cache, each array read once; returns how many clips it holds and were rejected."""
    kept, rejects = _Kept(), Rejects("preprocess")
    for clip in work.clips:
        header = _header(work.cached, clip)
        if "reason" in header:
            rejects.add(clip.clip.clip_id, header["reason"])
            continue
        kept.clips.append(clip)
        kept.num_frames.append(header["num_nonempty_frames"])
        kept.shapes.add(tuple(header["shape"]))
        kept.layouts.add(header["layout"])
        kept.labels.update(decoding.boxes_of(header).labels)
    rejects.check(total=len(work.clips), at_most=checks.max_rejected)
    if not kept.clips:
        raise DataError(f"{key}: no clip is left; {': '.join(rejects.rows[0])}")
    _write(work, kept, rejects)
    return {"clips": len(kept.clips), "rejected": len(rejects.rows)}


def _check_boxed(row: Row, key: str) -> None:
    boxed = datasets.load(row.dataset).boxed
    if row.modality not in boxed:
        raise ParamsError(
            f"preprocess.rows.{key}: boxes: {row.dataset} has boxes in the pictures of {sorted(boxed) or 'nothing'}, "
            f"not of {row.modality}; set it to false"
        )


def accepted(clips: Path, row: Row, source: Path) -> list[Source]:
    """The clips of the row's modality that ingest accepted, in order of their ids, with what is decoded with them."""
    rows = [clip for clip in tables.read(clips, CLIPS) if clip.reason is None]
    accepted = [clip for clip in rows if clip.modality == row.modality]
    if not accepted:
        raise DataError(f"{clips}: no accepted clip of modality '{row.modality}'; run `dvc repro ingest@{row.dataset}`")
    wanted = {"skeleton"} if row.options.get("crop") == "skeleton" else set()
    wanted |= {"boxes"} if row.boxes else set()
    beside: dict[str, dict[str, ClipRow]] = {clip.clip_id: {} for clip in accepted}
    for clip in rows:
        if clip.modality in wanted and clip.clip_id in beside:
            beside[clip.clip_id][clip.modality] = clip
    layouts = Layouts(row.dataset, source)
    return [
        Source(decoding.key(clip, beside[clip.clip_id], row, layouts), clip, beside[clip.clip_id])
        for clip in sorted(accepted, key=lambda clip: clip.clip_id)
    ]


def _header(cached: ArrayCache, source: Source) -> dict[str, Any]:
    header = cached.header(source.key)
    if header is None:
        raise _lost(cached, source)
    return header


def _lost(cached: ArrayCache, source: Source) -> _LostError:
    clip_id = source.clip.clip_id
    return _LostError(f"{cached.folder}: the cached array of {clip_id} is gone or damaged; run the stage again")


def _write(work: _Work, kept: _Kept, rejects: Rejects) -> None:
    row, out = work.row, work.out
    if len(kept.shapes) != 1 or len(kept.layouts) != 1:
        raise DataError(
            f"{out}: clips of one row need one layout and shape, found layouts {sorted(kept.layouts)}, "
            f"shapes {sorted(kept.shapes)}; give each its own row"
        )
    shape = next(iter(kept.shapes))
    attrs = {
        **row.model_dump(include={"dataset", "modality", "recipe", "options"}),
        "layout": next(iter(kept.layouts)),
        "rejected": rejects.to_json(),
    }
    if prepared.is_ragged(shape[1], kept.num_frames):
        attrs[prepared.PADDED_TO] = shape[1]
    if row.boxes:
        attrs[prepared.BOX_LABELS] = sorted(kept.labels)
    with store.create(out, attrs) as writer:
        group = writer.group(prepared.GROUP, [clip.clip.clip_id for clip in kept.clips])
        prepared.put(group, shape, kept.num_frames, _arrays(kept.clips, work.cached))
        if row.boxes:
            prepared.put_boxes(group, _ClipBoxes(kept.clips, work.cached), attrs[prepared.BOX_LABELS])


def _arrays(clips: list[Source], cached: ArrayCache) -> Iterator[npt.NDArray[np.float32]]:
    for clip in clips:
        loaded = cached.load(clip.key)
        if loaded is None:
            raise _lost(cached, clip)
        yield loaded[1]


@dataclass(frozen=True)
class _ClipBoxes:
    """The boxes of clips, read from the cache whenever they are gone through."""

    clips: list[Source]
    cached: ArrayCache

    def __iter__(self) -> Iterator[Boxes]:
        for clip in self.clips:
            yield decoding.boxes_of(_header(self.cached, clip))
