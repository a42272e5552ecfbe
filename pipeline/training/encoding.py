"""Vectors by a frozen encoder: of clips, of their tokens, of variants with hidden parts and of boxes."""

# Shapes: N clips, C channels, T frames, V joints, M bodies, H x W pixels, D feature size, K variants or boxes.
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from pipeline.core import seeds
from pipeline.core.boxes import Boxes
from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.core.prepared import ClipArrays
from pipeline.core.store import GroupWriter
from pipeline.models import regions
from pipeline.models.encoder import Encoder, PictureEncoder
from pipeline.training.determinism import deterministic

Array = npt.NDArray[np.float32]


class Batches(Params):
    """How encoders are run; a vector does not depend on it beyond the last bits (relative 1e-5)."""

    batch_size: int = Field(ge=1)
    num_threads: int = Field(ge=1)


class Masked(Params):
    """Variants of a clip with some of its parts set to 0, drawn from the seed, the clip's id and the variant's number.

    Of the frames or joints that hold anything first the share `moving` is hidden that moves most, then of the others as
    many as `share` of all are; both are rounded, and never all. What is hidden depends on no encoder, so the variants
    of a clip are the same for all of them.
    """

    part: str  # one of the encoder's parts
    moving: float = Field(ge=0, lt=1)  # 0: hidden are drawn ones alone; SMIE hides 15 of 50 frames so, and draws 15
    share: float = Field(gt=0, lt=1)
    num_variants: int = Field(ge=1)
    seed: int


def refuse_empty(is_empty: Callable[[Array], npt.NDArray[np.bool_]], clips: ClipArrays, batches: Batches) -> None:
    """Raise DataError, naming the clip, if one is empty."""
    for rows in _batches(clips, batches):
        empty_N = is_empty(clips[rows])
        if empty_N.any():
            clip = clips.ids[rows][int(empty_N.argmax())]
            raise DataError(f"{clip}: empty: no body to encode; run `dvc repro preprocess`")


def encode(encoder: Encoder, clips: ClipArrays, batches: Batches) -> Array:
    """pooled_ND of a frozen encoder in eval mode."""
    with _frozen(batches):
        return np.concatenate([encoder(torch.from_numpy(clips[rows])).numpy() for rows in _batches(clips, batches)])


def put_with_tokens(group: GroupWriter, encoder: Encoder, clips: ClipArrays, batches: Batches) -> None:
    """Write `pooled` and `tokens` (N, ..., D); of a large dataset the tokens need not fit in memory."""
    pooled: list[Array] = []

    def tokens() -> Iterator[Array]:
        for rows in _batches(clips, batches):
            pooled_ND, tokens_ND = encoder.with_tokens(torch.from_numpy(clips[rows]))
            pooled.append(pooled_ND.numpy())
            yield tokens_ND.numpy()

    with _frozen(batches):
        of_one = encoder.with_tokens(torch.from_numpy(clips[:1]))[1]
        group.dense("tokens", of_one.shape[1:], np.float32).fill(tokens())
    group.put("pooled", np.concatenate(pooled))


def encode_masked(encoder: Encoder, clips: ClipArrays, masked: Masked, axis: int, batches: Batches) -> Array:
    """masked_NKD: the vectors of K variants of each clip, with parts along an axis of x_NCTVM hidden."""
    parts = []
    for rows in _batches(clips, batches):
        variants = [
            hidden(x_CTVM, axis - 1, masked, seeds.generator(masked.seed, "masked", masked.part, clip_id, number))
            for clip_id, x_CTVM in zip(clips.ids[rows], clips[rows], strict=True)
            for number in range(masked.num_variants)
        ]
        vectors = []
        with _frozen(batches):
            for start in range(0, len(variants), batches.batch_size):
                some = np.stack(variants[start : start + batches.batch_size])
                vectors.append(encoder(torch.from_numpy(some)).numpy())
        parts.append(np.concatenate(vectors).reshape(len(clips.ids[rows]), masked.num_variants, -1))
    return np.concatenate(parts)


def encode_regions(encoder: PictureEncoder, clips: ClipArrays, boxes: list[Boxes], batches: Batches) -> list[Array]:
    """regions_KD of each clip: the mean, over each of its boxes, of the encoder's map of the box's frame."""
    vectors = []
    with _frozen(batches):
        for rows in _batches(clips, batches):
            x_NCTHW = torch.from_numpy(clips[rows])
            num_frames, height, width = x_NCTHW.shape[2:]
            lattice = regions.Lattice((num_frames, height, width), encoder.stride)
            for places_DSGP, boxes_of_clip in zip(encoder.places(x_NCTHW), boxes[rows], strict=True):
                frame_K = torch.from_numpy(boxes_of_clip.frame_K)
                corners_K4 = torch.from_numpy(boxes_of_clip.corners_K4)
                vectors.append(regions.box_means(places_DSGP, frame_K, corners_K4, lattice).numpy())
    return vectors


def hidden(x_CTVM: Array, axis: int, masked: Masked, random: np.random.Generator) -> Array:
    """A copy of a clip with some of its parts along an axis set to 0, of those that hold anything."""
    others = tuple(other for other in range(x_CTVM.ndim) if other != axis)
    held = np.flatnonzero(x_CTVM.any(axis=others))
    num_moving, num_drawn = (round(share * len(held)) for share in (masked.moving, masked.share))
    num_moving = min(num_moving, len(held) - 1)
    x = x_CTVM.copy()
    parts = np.moveaxis(x, axis, 0)
    if num_moving:
        by_motion = held[np.argsort(-motion(x_CTVM.take(held, axis), axis), kind="stable")]
        parts[by_motion[:num_moving]] = 0
        held = np.sort(by_motion[num_moving:])
    parts[random.choice(held, size=min(num_drawn, len(held) - 1), replace=False)] = 0
    return x


def motion(x_CTVM: Array, axis: int) -> npt.NDArray[np.float64]:
    """How much each part along an axis moves: the mean square of its changes from and to the frames beside it."""
    changes = np.diff(x_CTVM.astype(np.float64), axis=1) ** 2
    first, last = ([(0, 0)] * x_CTVM.ndim for _ in range(2))
    first[1], last[1] = (0, 1), (1, 0)
    by_frame = np.pad(changes, first) + np.pad(changes, last)
    motion_S: npt.NDArray[np.float64] = by_frame.mean(
        axis=tuple(other for other in range(x_CTVM.ndim) if other != axis)
    )
    return motion_S


def _batches(clips: ClipArrays, batches: Batches) -> list[slice]:
    """The rows of all clips, a batch at a time."""
    return [slice(start, start + batches.batch_size) for start in range(0, len(clips), batches.batch_size)]


@contextmanager
def _frozen(batches: Batches) -> Iterator[None]:
    with deterministic(0, batches.num_threads), torch.inference_mode():
        yield
