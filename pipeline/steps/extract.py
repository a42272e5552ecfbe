"""extract: prepared arrays and frozen encoders -> one vector a clip, for every clip of the dataset.

Where the row asks, also the tokens that this vector is the mean of, vectors of variants of the clip of which a part is
hidden, and vectors of the people and things that the dataset has boxes of.

What an encoder gives for a clip is kept in a side cache (training.encoded), and the store is assembled from it in the
order of the ids. So only new and changed clips are encoded, and a killed run goes on where it stopped.
"""

# Shapes: N clips, D feature size, K variants or boxes.
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from pipeline import modalities
from pipeline.compute.shared import Compute
from pipeline.core import prepared, store
from pipeline.core.array_cache import ArrayCache
from pipeline.core.boxes import Boxes
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import Params
from pipeline.core.prepared import ClipArrays
from pipeline.core.runs import CACHE
from pipeline.core.store import GroupWriter, Store
from pipeline.training import completing, encoded, frozen
from pipeline.training.encoded import Clips, EncodedClips, LostError, Source, Wanted
from pipeline.training.encoding import Batches, Masked
from pipeline.training.frozen import FrozenEncoder

ENCODED = CACHE / "encoded"
Array = npt.NDArray[np.float32]


class Row(Params):
    """Whose arrays go through which encoders, and what is kept beside `pooled`."""

    dataset: str
    # Whose splits the weights were trained on: a table of the dataset, or <dataset>/<table> of another whose clips are
    # alike; null where they belong to none.
    split_table: Annotated[str, Field(pattern=r"^[^/]+(/[^/]+)?$")] | None
    modality: str
    recipe: str
    encoder: str
    weights: str  # features/pretrain/<row>, features/finetune/<row> or a start file
    options: dict[str, Any]  # of the encoder, as far as its weights do not tell
    tokens: bool
    masked: Masked | None
    regions: bool

    @model_validator(mode="after")
    def _own_table_is_named_alone(self) -> Self:
        """Else its features would fit any table of the dataset, even one whose test subjects trained the encoder."""
        if (self.split_table or "").startswith(f"{self.dataset}/"):
            raise ValueError(f"split_table: of {self.dataset} itself name the table alone")
        return self


@dataclass(frozen=True)
class _Work:
    """What a row reads and where it writes."""

    row: Row
    batches: Batches
    compute: Compute
    key: str
    clips: Clips
    loads: frozen.Loads
    weights: Path
    cache: Path


def extract(
    row: Row,
    batches: Batches,
    compute: Compute,
    *,
    key: str,
    arrays: Path,
    weights: Path,
    out: Path,
    cache: Path = ENCODED,
) -> dict[str, int]:
    """Write the store of a row: per weights file `<split>-<seed>` a group of that name with array `pooled` (N, D).

    Weights that belong to no split give a group `all-<seed>`, or `all` where they have no seeds.
    Where the row asks, the group also has `tokens` (N, ..., D), whose mean over the middle axes is `pooled`, `masked`
    (N, K, D), the vectors of K variants of each clip, and ragged `regions` (K, D'), what the encoder finds in each of a
    clip's `boxes` (K, 5), beside `box_labels` (K), both as core.prepared has them.
    An encoder that another dataset has taught tells it: `source`, and `training_names`, the names of its classes.
    Returns how many clips and encoders there are, and how often an encoder had to be run on a clip.
    Raises LeakError if an encoder was trained on a class that its split calls unseen, is not the one its file name
    says, or does not tell what it has seen; DataError, naming the clip, for one without a body.
    """
    work = _work(row, batches, compute, key, arrays, weights, cache)
    nums_encoded: list[int] = []
    try:
        _write(work, out, nums_encoded, is_checked=False)
    except LostError:  # arrays are checked when they are read, not before
        _write(work, out, nums_encoded, is_checked=True)
    return {"clips": len(work.clips.arrays), "encoders": len(work.loads), "encoded": sum(nums_encoded)}


def seed(
    row: Row, batches: Batches, *, arrays: Path, weights: Path, features: Path, cache: Path = ENCODED
) -> dict[str, int]:
    """Fill the side cache from the store of a row that somebody has shared; returns how many arrays it got and had.

    The caller knows, as from dvc.lock, that the store is of these arrays and weights and of the present code. A few
    clips are encoded to see whether this machine gives the same bytes. Raises DataError where it does not, and where
    the store is of another row or of other weights or clips: then nothing is kept of what that encoder gave.
    """
    work = _work(row, batches, Compute(engine="inline", num_workers=1), "", arrays, weights, cache)
    found, clips, num_seeded, total = store.Store(features, "extract"), work.clips.arrays, 0, 0
    cached = ArrayCache(cache)
    _refuse_other(found.attrs == _attrs(work) and found.groups() == sorted(work.loads), features)
    for name, load in work.loads.items():
        frozen_encoder = load()
        group_attrs = _group_attrs(row, frozen_encoder)
        _refuse_other(found.group_attrs(name) == group_attrs and found.ids(name) == clips.ids, features)
        source = _source(work, frozen_encoder)
        encoded.remember(source, frozen_encoder)
        vectors = EncodedClips(work.clips, source, _wanted(row), batches, cached, is_checked=False)
        if not vectors.agrees(partial(_stored_row, found, name)):
            raise DataError(
                f"{features}: group '{name}': this machine encodes its clips with other last bits; they are not kept"
            )
        for array in _wanted(row).names:
            num_seeded += vectors.take(array, _stored(found, name, array))
            total += len(clips)
    return {"seeded": num_seeded, "known": total - num_seeded}


def _refuse_other(is_the_same: bool, features: Path) -> None:
    if not is_the_same:
        raise DataError(f"{features}: not what the row makes of these clips and weights; run `dvc repro extract`")


def _stored_row(found: Store, group: str, place: int) -> Array:
    """The vector of one clip."""
    reader = found.reader(group, "pooled")
    row_1D = np.empty((1, *reader.shape[1:]), np.float32)
    reader.read([(place, row_1D)])
    vector_D: Array = row_1D[0]
    return vector_D


def _stored(found: Store, group: str, name: str) -> Iterator[Array]:
    """An array of each clip of a store, one in memory at a time."""
    reader, is_ragged = found.reader(group, name), f"{name}.offsets" in found.arrays(group)
    offsets = found.read(group, f"{name}.offsets").tolist() if is_ragged else range(reader.shape[0] + 1)
    for start, end in pairwise(offsets):
        rows = np.empty((end - start, *reader.shape[1:]), np.float32)
        reader.read([(start, rows)])
        yield rows if is_ragged else rows[0]


def _work(row: Row, batches: Batches, compute: Compute, key: str, arrays: Path, weights: Path, cache: Path) -> _Work:
    clips = ClipArrays(arrays)
    boxes = _boxes(clips) if row.regions else []
    read = encoded.read(clips, boxes, modalities.sense(row.modality).is_empty, batches)
    loads = frozen.encoders(_request(row), weights, clips.store.attrs["layout"])
    return _Work(row, batches, compute, key, read, loads, weights, cache)


def _write(work: _Work, out: Path, nums_encoded: list[int], *, is_checked: bool) -> None:
    """Write the store; adds how often an encoder had to be run on a clip."""
    cached = ArrayCache(work.cache)
    several = _several(work, cached, is_checked=is_checked)
    by_name = {name: vectors for name, (vectors, _) in several.items()}
    nums_encoded.append(completing.complete(by_name, cached, work.batches, work.compute, work.key))
    with store.create(out, _attrs(work)) as writer:
        for name, (vectors, group_attrs) in several.items():
            _put(writer.group(name, work.clips.arrays.ids, group_attrs), vectors, work)


def _several(work: _Work, cached: ArrayCache, *, is_checked: bool) -> dict[str, tuple[EncodedClips, dict[str, Any]]]:
    """What each encoder gives, and the attributes of its group. Of the encoders none but the first stays in memory."""
    several: dict[str, tuple[EncodedClips, dict[str, Any]]] = {}
    for name, load in work.loads.items():
        frozen_encoder = load()
        source = _source(work, frozen_encoder)
        if not several:
            encoded.remember(source, frozen_encoder)  # for its blocks come first
        vectors = EncodedClips(work.clips, source, _wanted(work.row), work.batches, cached, is_checked=is_checked)
        several[name] = vectors, _group_attrs(work.row, frozen_encoder)
    return several


def _attrs(work: _Work) -> dict[str, Any]:
    row = work.row
    attrs = row.model_dump(include={"dataset", "modality", "encoder", "recipe"})
    if row.split_table is not None and "/" not in row.split_table:  # of another dataset, they fit any of this one
        attrs["split_table"] = row.split_table
    if row.regions:
        attrs[prepared.BOX_LABELS] = work.clips.arrays.store.attrs[prepared.BOX_LABELS]
    return attrs


def _group_attrs(row: Row, frozen_encoder: FrozenEncoder) -> dict[str, Any]:
    masked = row.model_dump(include={"masked"}, exclude_none=True)
    return {**frozen_encoder.attrs, **masked, "weights_hash": frozen_encoder.weights_hash}


def _source(work: _Work, frozen_encoder: FrozenEncoder) -> Source:
    layout = work.clips.arrays.store.attrs["layout"]
    return Source(_request(work.row), work.weights, layout, frozen_encoder.group, frozen_encoder.weights_hash)


def _wanted(row: Row) -> Wanted:
    return Wanted(row.tokens, row.masked, row.regions)


def _request(row: Row) -> frozen.EncoderRequest:
    return frozen.EncoderRequest(
        row.dataset, row.split_table, row.modality, row.recipe, row.encoder, row.options, where="extract.rows"
    )


def _put(group: GroupWriter, vectors: EncodedClips, work: _Work) -> None:
    """All vectors that a row wants of one encoder; memory holds one shard."""
    row, clips = work.row, work.clips
    for name in _wanted(row).names:
        if name == "regions":
            continue
        array = group.dense(name, vectors.shape(name), np.float32)
        array.fill(of_clip[None] for of_clip in vectors.rows(name))
    if row.regions:
        lengths = [len(boxes.frame_K) for boxes in clips.boxes]
        regions = group.ragged("regions", lengths, vectors.shape("regions")[1:], np.float32)
        regions.fill(vectors.rows("regions"))
        prepared.put_boxes(group, clips.boxes, clips.arrays.store.attrs[prepared.BOX_LABELS])


def _boxes(clips: ClipArrays) -> list[Boxes]:
    if prepared.BOX_LABELS not in clips.store.attrs:
        raise ParamsError(
            f"extract.rows: regions: {clips.store.path} holds no boxes; set boxes to true in the row of preprocess"
        )
    return prepared.read_boxes(clips.store, prepared.GROUP)
