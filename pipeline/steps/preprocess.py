"""preprocess: recordings -> model-ready arrays, decoded once; no learned weights, no split.

Blocks of clips are decoded into the side cache (core.samples), by any number of processes; the store is then assembled
from it in the order of the ids. So a killed run goes on where it stopped, a changed file costs one clip, and warm and
cold runs write the same bytes.
"""

# Shapes: N clips; C channels, T frames and what follows them depend on the modality.
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.compute import shared as compute_engines
from pipeline.compute.shared import Compute
from pipeline.core import store, tables
from pipeline.core.errors import DataError, FormatError
from pipeline.core.hashing import code_digest, known_digest, value_digest
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.rejects import Rejects
from pipeline.core.runs import CACHE
from pipeline.core.samples import Samples
from pipeline.core.schemas import CLIPS
from pipeline.datasets import shared as datasets
from pipeline.formats import segments
from pipeline.formats.shared import Footage, Skeleton
from pipeline.modalities import shared as modalities

GROUP, ARRAY = "all", "x"
SAMPLES = CACHE / "samples"
BLOCK_CLIPS = 32

Clip = dict[str, Any]  # a row of the clips table


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
class _Block:
    """One task: clips to decode, each with its cache key and, where the recipe wants it, its skeleton's row."""

    row: Row
    section: str
    source: Path
    cache: Path
    clips: list[tuple[str, Clip, Clip | None]]


@dataclass(frozen=True)
class _Outcome:
    """What became of one clip: an array in the cache of this layout and shape, or a reason."""

    clip_id: str
    key: str
    layout: str
    shape: tuple[int, ...]
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

    Group "all", array `x` (N, C, T, ...) float32; memory holds one shard. Raises DataError if a file is not the one
    that ingest read, or if too many clips are rejected.
    """
    section = f"preprocess.rows.{key}.options"
    sense = modalities.sense(row.modality)
    sense.read(row.dataset)
    sense.prepare(row.recipe, row.options, section)  # what the params get wrong is said here, not by a worker
    keyed = [(_key(clip, skeleton, row), clip, skeleton) for clip, skeleton in _accepted(clips, row)]
    samples = Samples(cache)
    todo = [entry for entry in keyed if samples.load(entry[0]) is None]
    blocks = [
        _Block(row, section, source, cache, todo[start : start + BLOCK_CLIPS])
        for start in range(0, len(todo), BLOCK_CLIPS)
    ]
    for _ in track(compute_engines.run(compute, _decode, blocks), total=len(blocks), what=f"{key}: blocks of clips"):
        pass
    outcomes = [_outcome(samples, entry_key, clip["clip_id"]) for entry_key, clip, _ in keyed]
    rejects = Rejects("preprocess")
    for outcome in outcomes:
        if outcome.reason is not None:
            rejects.add(outcome.clip_id, outcome.reason)
    rejects.check(total=len(outcomes), at_most=checks.max_rejected)
    kept = [outcome for outcome in outcomes if outcome.reason is None]
    _write(out, kept, samples, row, rejects)
    return {"clips": len(kept), "rejected": len(rejects.rows), "decoded": len(todo)}


def _accepted(clips: Path, row: Row) -> list[tuple[Clip, Clip | None]]:
    """The clips of the row's modality that ingest accepted, in order of their ids, with the skeleton a crop needs."""
    rows = [clip for clip in tables.read_rows(clips, CLIPS) if clip["reason"] is None]
    found = [clip for clip in rows if clip["modality"] == row.modality]
    if not found:
        raise DataError(f"{clips}: no accepted clip of modality '{row.modality}'; run `dvc repro ingest@{row.dataset}`")
    wants = row.options.get("crop") == "skeleton"
    skeletons = {clip["clip_id"]: clip for clip in rows if wants and clip["modality"] == "skeleton"}
    return [(clip, skeletons.get(clip["clip_id"])) for clip in sorted(found, key=lambda clip: str(clip["clip_id"]))]


def _key(clip: Clip, skeleton: Clip | None, row: Row) -> str:
    """Names the array of a clip by all that decides it; not by where it lies."""
    return value_digest(
        {
            "content": clip["content_hash"],
            "part": _part(clip),
            "num_frames": clip["num_frames"],
            "skeleton": skeleton and [skeleton["content_hash"], _part(skeleton)],
            "extractor": _extractor(row.modality),
            "reader": [row.dataset, row.modality],
            "recipe": row.recipe,
            "options": row.options,
            "dtype": "float32",
        }
    )


def _part(clip: Clip) -> str:
    """Which part of its file a clip is; "" = all of it."""
    path: str = clip["path"]
    return path.removeprefix(segments.file_of(path))


def _extractor(modality: str) -> str:
    """Version of the code between a file and its array."""
    if modality not in _EXTRACTORS:
        folders = ("core", "formats", "datasets", "modalities/shared.py", f"modalities/{modality}")
        _EXTRACTORS[modality] = code_digest(*folders)
    return _EXTRACTORS[modality]


_EXTRACTORS: dict[str, str] = {}


def _decode(block: _Block) -> int:
    """Put the clips of a block into the cache; a clip that cannot be used leaves its reason there."""
    row = block.row
    sense = modalities.sense(row.modality)
    read, prepare = sense.read(row.dataset), sense.prepare(row.recipe, row.options, block.section)
    samples = Samples(block.cache)
    for key, clip, skeleton in block.clips:
        path = _verified(block.source, clip, row.dataset)
        whole = segments.file_of(str(path))
        try:
            recording = _recording(read(path), clip, skeleton, block)
            samples.keep(key, {"layout": recording.layout}, prepare(recording))
        except (DataError, FormatError) as error:
            samples.keep(
                key, {"reason": str(error).replace(f"{path}: ", "").replace(f"{whole}: ", "")}, np.zeros(0, np.float32)
            )
    return len(block.clips)


def _recording(recording: Any, clip: Clip, skeleton: Clip | None, block: _Block) -> Any:
    """Footage is told what ingest counted, so that it is decoded once, and given the skeleton to crop to."""
    if not isinstance(recording, Footage):
        return recording
    counted = recording.counted(clip["num_frames"])
    if skeleton is None:
        return counted
    read: Callable[[Path], Skeleton] = datasets.load(block.row.dataset).readers["skeleton"]
    return replace(counted, skeleton=read(_verified(block.source, skeleton, block.row.dataset)))


def _verified(source: Path, clip: Mapping[str, Any], dataset: str) -> Path:
    file = source / segments.file_of(clip["path"])
    if not file.exists() or known_digest(file) != clip["content_hash"]:
        state = "has changed since it was scanned" if file.exists() else "is gone"
        raise DataError(f"{file}: the file {state}; run `unseen raw scan {dataset}`, then `dvc repro`")
    path: Path = source / clip["path"]
    return path


def _outcome(samples: Samples, key: str, clip_id: str) -> _Outcome:
    about = samples.about(key)
    if about is None:
        raise _lost(samples, clip_id)
    return _Outcome(clip_id, key, about.get("layout", ""), tuple(about["shape"]), about.get("reason"))


def _lost(samples: Samples, clip_id: str) -> DataError:
    return DataError(f"{samples.folder}: the cached array of {clip_id} is gone or damaged; run the stage again")


def _write(out: Path, kept: list[_Outcome], samples: Samples, row: Row, rejects: Rejects) -> None:
    shapes, layouts = {outcome.shape for outcome in kept}, {outcome.layout for outcome in kept}
    if len(shapes) != 1 or len(layouts) != 1:
        raise DataError(
            f"{out}: clips of one row need one layout and shape, found layouts {sorted(layouts)}, "
            f"shapes {sorted(shapes)}; give each its own row"
        )
    attrs = {
        **row.model_dump(include={"dataset", "modality", "recipe", "options"}),
        "layout": next(iter(layouts)),
        "rejected": rejects.to_json(),
    }
    with store.create(out, attrs) as writer:
        array = writer.group(GROUP, [o.clip_id for o in kept]).dense(ARRAY, next(iter(shapes)), np.float32)
        for shard, rows in enumerate(_shards(array, kept, samples)):
            array.write_shard(shard, rows)


def _shards(array: store.DenseWriter, kept: list[_Outcome], samples: Samples) -> Iterator[npt.NDArray[np.float32]]:
    for shard in range(array.num_shards):
        rows = []
        for outcome in kept[shard * array.shard_rows : (shard + 1) * array.shard_rows]:
            found = samples.load(outcome.key)
            if found is None:
                raise _lost(samples, outcome.clip_id)
            rows.append(found[1])
        yield np.stack(rows)
