"""Vectors by a frozen encoder: of clips, of their tokens, of variants with hidden parts and of boxes."""

# Shapes: N clips, C channels, T frames, V joints, M bodies, H x W pixels, D feature size, K variants or boxes.
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor

from pipeline.core import seeds
from pipeline.core.boxes import Boxes
from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.models import regions
from pipeline.models.encoder import Encoder, PictureEncoder
from pipeline.training.determinism import deterministic

if TYPE_CHECKING:  # else an edit of how arrays are stored would encode every clip again
    from pipeline.core.prepared import ClipArrays

Array = npt.NDArray[np.float32]
IsEmpty = Callable[[Array], npt.NDArray[np.bool_]]
T = TypeVar("T")


class Batches(Params):
    """How encoders are run."""

    batch_size: int = Field(ge=1)  # clips that are read at a time; each is computed alone
    num_threads: int = Field(ge=1)  # of torch; another number may change the last bits


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


def refuse_empty(is_empty: IsEmpty, clips: "ClipArrays", batches: Batches) -> None:
    """Raise DataError, naming the clip, if one is empty."""
    for rows in in_turn(clips, batches):
        refuse_empty_batch(is_empty, clips.ids[rows], clips[rows])


def refuse_empty_batch(is_empty: IsEmpty, ids: Sequence[str], x_NCT: Array) -> None:
    """Raise DataError, naming the clip, if one of some clips is empty."""
    empty_N = is_empty(x_NCT)
    if empty_N.any():
        raise DataError(f"{ids[int(empty_N.argmax())]}: empty: no body to encode; run `dvc repro preprocess`")


def encode(encoder: Encoder, clips: "ClipArrays", batches: Batches) -> Array:
    """pooled_ND of a frozen encoder in eval mode."""
    pooled_ND = np.empty((len(clips), encoder.dim), np.float32)
    with frozen(batches):
        for row, (pooled_D,) in outputs(lambda x_NCT: (encoder(x_NCT),), _one_by_one(clips, batches)):
            pooled_ND[row] = pooled_D.numpy()
    return pooled_ND


def _one_by_one(clips: "ClipArrays", batches: Batches) -> Iterator[tuple[int, Array]]:
    for rows in in_turn(clips, batches):
        yield from enumerate(clips[rows], rows.start)


def outputs(
    compute: Callable[[Tensor], Sequence[Tensor]], items: Iterable[tuple[T, Array]]
) -> Iterator[tuple[T, list[Tensor]]]:
    """What `compute` gives for each clip, which is named by any value. To be run in `frozen`.

    Each clip is computed alone: of several at a time the last bits would depend on the clip's place among them, with
    some processors and numbers of threads, and a vector that was kept could not stand beside a new one.
    """
    for name, x_CT in items:
        yield name, [tensor[0] for tensor in compute(torch.tensor(x_CT[None]))]  # aligned alike


def variants(x_CTVM: Array, clip_id: str, axis: int, masked: Masked) -> Iterator[Array]:
    """K variants of a clip with parts along an axis of x_CTVM hidden."""
    for number in range(masked.num_variants):
        yield hidden(x_CTVM, axis, masked, seeds.generator(masked.seed, "masked", masked.part, clip_id, number))


def region_means(encoder: PictureEncoder, places_DSGP: Tensor, boxes: Boxes, size: tuple[int, int, int]) -> Array:
    """regions_KD of a clip of T x H x W: the mean, over each of its boxes, of the map of the box's frame."""
    frame_K, corners_K4 = torch.from_numpy(boxes.frame_K), torch.from_numpy(boxes.corners_K4)
    lattice = regions.Lattice(size, encoder.stride)
    # A copy begins where memory is aligned alike for every clip.
    region_KD: Array = regions.box_means(places_DSGP.clone(), frame_K, corners_K4, lattice).numpy()
    return region_KD


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


def in_turn(clips: "ClipArrays", batches: Batches) -> list[slice]:
    """The rows of all clips, as many at a time as are read."""
    return [slice(start, start + batches.batch_size) for start in range(0, len(clips), batches.batch_size)]


@contextmanager
def frozen(batches: Batches) -> Iterator[None]:
    """A block in which encoders are run: the threads are those of `batches`, and no gradient is kept."""
    with deterministic(0, batches.num_threads), torch.inference_mode():
        yield
