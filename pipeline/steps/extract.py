"""extract: prepared arrays and frozen encoders -> one vector a clip, for every clip of the dataset.

Where the row asks, also the tokens that this vector is the mean of, and vectors of variants of the clip of which a part
is hidden.
"""

# Shapes: N clips, C channels, T frames, V joints, M bodies, D feature size, K variants.
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from pipeline.core import members, seeds, store
from pipeline.core.errors import DataError, FormatError, LeakError, ParamsError
from pipeline.core.hashing import file_digest
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.store import GroupWriter, Store
from pipeline.training import checkpoint
from pipeline.training.determinism import deterministic

Array = npt.NDArray[np.float32]


class Batches(Params):
    """How encoders are run; a vector does not depend on it beyond the last bits (relative 1e-5)."""

    batch_size: int = Field(ge=1)
    num_threads: int = Field(ge=1)


class Masked(Params):
    """Variants of a clip with some of its parts set to 0, drawn from the seed, the clip's id and the variant's number.

    Hidden are `share` of the frames or joints that hold anything, rounded, never all. The draw knows of no encoder, so
    the variants of a clip are the same for all of them.
    """

    part: str  # one of the encoder's parts
    share: float = Field(gt=0, lt=1)
    num_variants: int = Field(ge=1)
    seed: int


class Row(Params):
    """Whose arrays go through which encoders, and what is kept beside `pooled`."""

    dataset: str
    protocol: str
    modality: str
    recipe: str
    encoder: str
    tokens: bool
    masked: Masked | None


class About(BaseModel):
    """What weights say of themselves, as far as it decides whether and how they are used."""

    model_config = ConfigDict(strict=True, frozen=True)

    dataset: str
    protocol: str
    modality: str
    recipe: str
    encoder: str
    options: dict[str, Any]
    layout: str
    split: str
    seed: int
    training_classes: list[int]
    unseen_classes: list[int]


def extract(row: Row, batches: Batches, *, key: str, arrays: Path, weights: Path, out: Path) -> dict[str, int]:
    """Write the store of a row: per weights file `<split>-<seed>` a group of that name with array `pooled` (N, D).

    Where the row asks, the group also has `tokens` (N, ..., D), whose mean over the middle axes is `pooled`, and
    `masked` (N, K, D), the vectors of K variants of each clip.
    Raises LeakError if an encoder was trained on a class that its split calls unseen, or is not the one its file name
    says; DataError, naming the clip, for one without a body.
    """
    prepared = Store(arrays, "preprocess")
    ids, x_NCTVM = prepared.ids("all"), prepared.read("all", "x")
    sense = members.load("pipeline.modalities", row.modality)
    empty_N = sense.is_empty(x_NCTVM)
    files = sorted(weights.glob("*.safetensors"))
    if not files:
        raise DataError(f"{weights}: no weights there; run `dvc repro pretrain@{key}`")
    attrs = row.model_dump(include={"dataset", "modality", "encoder", "recipe"})
    with store.create(out, attrs) as writer:
        for file in track(files, total=len(files), what=f"{key}: encoders"):
            state, metadata = checkpoint.load(file)
            about = check(metadata, file, row, prepared.attrs["layout"])
            encoder = sense.build(about.encoder, about.options, about.layout, str(file))
            checkpoint.restore(encoder, state, file)
            axis = _axis(row, encoder)
            pooled_ND = encode(encoder, x_NCTVM, ids, empty_N, batches)
            kept = about.model_dump(include={"split", "seed", "training_classes", "encoder", "modality"})
            kept |= row.model_dump(include={"masked"}, exclude_none=True)
            group = writer.group(file.stem, ids, {**kept, "weights_hash": file_digest(file)})
            group.put("pooled", pooled_ND)
            if row.tokens:
                put_tokens(group, encoder, x_NCTVM, batches)
            if row.masked is not None:
                group.put("masked", encode_masked(encoder, x_NCTVM, ids, row.masked, axis, batches))
    return {"clips": len(ids), "encoders": len(files)}


def check(metadata: dict[str, Any], file: Path, row: Row, layout: str) -> About:
    """What the weights of a file are; refuses those that the row does not mean, or that saw an unseen class."""
    try:
        about = About.model_validate(metadata)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise FormatError(f"{file}: metadata '{where}': {fault['msg']}; run `dvc repro pretrain`") from None
    if file.stem != f"{about.split}-{about.seed}":
        raise LeakError(
            f"{file}: holds the encoder of split '{about.split}', seed {about.seed}: another split's encoder has seen "
            "other classes; run `dvc repro pretrain`"
        )
    seen = sorted(set(about.training_classes) & set(about.unseen_classes))
    if seen:
        raise LeakError(f"{file}: trained on classes {seen}, which split '{about.split}' calls unseen")
    wanted = {**row.model_dump(exclude={"tokens", "masked"}), "layout": layout}
    found = about.model_dump(include=set(wanted))
    if found != wanted:
        raise DataError(f"{file}: is of {found}, the row asks for {wanted}; mend extract.rows in params.yaml")
    return about


def encode(
    encoder: nn.Module, x_NCTVM: Array, ids: list[str], empty_N: npt.NDArray[np.bool_], batches: Batches
) -> Array:
    """pooled_ND of a frozen encoder in eval mode."""
    if empty_N.any():
        clip = ids[int(empty_N.argmax())]
        raise DataError(f"{clip}: empty: no body to encode; run `dvc repro preprocess`")
    return _in_batches(encoder, x_NCTVM, batches)


def put_tokens(group: GroupWriter, encoder: nn.Module, x_NCTVM: Array, batches: Batches) -> None:
    """Write `tokens` (N, ..., D) shard by shard: of a large dataset they need not fit in memory."""
    tokens: Callable[[torch.Tensor], torch.Tensor] = encoder.tokens  # type: ignore[assignment]
    of_one = _in_batches(tokens, x_NCTVM[:1], batches)
    array = group.dense("tokens", of_one.shape[1:], np.float32)
    for shard in range(array.num_shards):
        start = shard * array.shard_rows
        array.write_shard(shard, _in_batches(tokens, x_NCTVM[start : start + array.shard_rows], batches))


def encode_masked(
    encoder: nn.Module, x_NCTVM: Array, ids: list[str], masked: Masked, axis: int, batches: Batches
) -> Array:
    """masked_NKD: the vectors of K variants of each clip, with parts along an axis of x_NCTVM hidden."""
    parts = []
    for start in range(0, len(ids), batches.batch_size):
        stop = start + batches.batch_size
        clips = list(zip(ids[start:stop], x_NCTVM[start:stop], strict=True))
        variants = [
            hidden(x_CTVM, axis - 1, masked.share, seeds.generator(masked.seed, "masked", masked.part, clip_id, number))
            for clip_id, x_CTVM in clips
            for number in range(masked.num_variants)
        ]
        vectors = _in_batches(encoder, np.stack(variants), batches)
        parts.append(vectors.reshape(len(clips), masked.num_variants, -1))
    return np.concatenate(parts)


def hidden(x_CTVM: Array, axis: int, share: float, random: np.random.Generator) -> Array:
    """A copy of a clip with a share of its parts along an axis set to 0, of those that hold anything."""
    others = tuple(other for other in range(x_CTVM.ndim) if other != axis)
    held = np.flatnonzero(x_CTVM.any(axis=others))
    num_hidden = min(round(share * len(held)), len(held) - 1)
    x = x_CTVM.copy()
    np.moveaxis(x, axis, 0)[random.choice(held, size=num_hidden, replace=False)] = 0
    return x


def _axis(row: Row, encoder: nn.Module) -> int:
    """The axis of the parts to hide; of no matter where none are."""
    parts: dict[str, int] = encoder.parts  # type: ignore[assignment]
    part = "frames" if row.masked is None else row.masked.part
    if part not in parts:
        raise ParamsError(f"extract.rows: masked: {row.encoder} knows no '{part}' to hide, only {sorted(parts)}")
    return parts[part]


def _in_batches(function: Callable[[torch.Tensor], torch.Tensor], x_NCTVM: Array, batches: Batches) -> Array:
    """What a function gives for all clips; it is asked for a batch at a time."""
    starts = range(0, len(x_NCTVM), batches.batch_size)
    with deterministic(0, batches.num_threads), torch.inference_mode():
        parts = [function(torch.from_numpy(x_NCTVM[at : at + batches.batch_size])).numpy() for at in starts]
    return np.concatenate(parts)
