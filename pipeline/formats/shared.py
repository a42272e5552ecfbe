"""What readers return, so that later stages need not know the format: a `Recording`, as `Skeleton` and `Footage` are.

Annotation files give `LabelledClip`s.
"""

# Shapes: M bodies, T frames, V joints, H x W pixels, 3 = x y z (or r g b).
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.core.boxes import Boxes
from pipeline.core.errors import FormatError

Indices = Sequence[int] | npt.NDArray[np.int64]
Sides = tuple[list[str], list[str]]  # the recordings of a dataset's own list that train, and those that test

MAX_BYTES = 1 << 30  # of the frames that a recipe looks at: 172 of 1920 x 1080 in colour


class Recording(Protocol):
    """One clip in one modality, whatever its reader gives; `layout` says what an encoder must be built for."""

    @property
    def layout(self) -> str:
        """Of a skeleton its joints, of a film what a pixel is."""

    @property
    def num_frames(self) -> int:
        """Number of frames, or of moments, T."""

    def fault(self) -> str | None:
        """Why it cannot be used, or None. Raises FormatError where that shows only in reading."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """One recording's bodies over time, as recorded: nothing is smoothed, filled or dropped.

    `layout` names one of core.joints.LAYOUTS; `xyz_MTV3` is float32 metres in the sensor's space, NaN where a body is
    absent from a frame; `body_ids` are the format's own ids, in order of first appearance, one per body of the array.
    """

    layout: str
    xyz_MTV3: npt.NDArray[np.float32]
    body_ids: tuple[int, ...]

    @property
    def num_frames(self) -> int:
        """Number of frames T, those without a body included."""
        return int(self.xyz_MTV3.shape[1])

    def fault(self) -> str | None:
        """No body in any frame, or a body with a coordinate that is no number."""
        absent_MT = np.isnan(self.xyz_MTV3).all(axis=(2, 3)) | (self.xyz_MTV3 == 0).all(axis=(2, 3))
        if absent_MT.all():
            return f"empty: no body in any of {self.num_frames} frames"
        broken_T = (~absent_MT & ~np.isfinite(self.xyz_MTV3).all(axis=(2, 3))).any(axis=0)
        if broken_T.any():
            return f"non-finite: {int(broken_T.sum())} of {self.num_frames} frames, first {int(broken_T.argmax())}"
        return None


@dataclass(frozen=True, eq=False)
class Footage:
    """One filmed recording, decoded only where it is looked at.

    `layout` says what a pixel is: "rgb" (T, H, W, 3) uint8, "grey8" uint8, "grey16" uint16 or "depth_mm" uint16
    millimetres with 0 = no reading, all (T, H, W). `count` finds the number of frames, which for a video means decoding
    it; `frames` decodes ascending 0-based indices, repeats allowed; `skeleton` and `boxes` are the same clip's, where
    they were asked for.
    """

    layout: str
    count: Callable[[], int]
    frames: Callable[[Indices], npt.NDArray[Any]]
    skeleton: Skeleton | None = None
    boxes: Boxes | None = None

    @cached_property
    def num_frames(self) -> int:
        """Number of frames T; counted once."""
        return self.count()

    def fault(self) -> None:
        """None; raises FormatError if the first frame does not decode. More would take decoding all of it."""
        self.frames([0])

    def counted(self, num_frames: int) -> "Footage":
        """The same footage where an earlier stage has already counted the frames."""
        return replace(self, count=lambda: num_frames)


@dataclass(frozen=True)
class LabelledClip:
    """One clip as an annotation file describes it.

    `name` is the clip's own, `recording` that of the file it lies in (or its path, as the dataset's patterns say),
    `part` the fragment that names its place there ("" = all of it, formats.segments). `label` is a class id or a
    class's name. `modality` is None where the clip is meant in every modality that holds the recording; `inside` says
    that the clip lies in the annotation file itself, `recording` is then the name of the file it would be elsewhere.
    `fault` is why the annotation alone rejects it.
    """

    name: str
    recording: str
    label: int | str
    part: str = ""
    modality: str | None = None
    inside: bool = False
    subject: int | None = None
    fault: str | None = None


def check_same_size(path: Path, size: tuple[int, ...], first: tuple[int, ...]) -> None:
    """Refuse a clip whose pictures are not all as large as the first."""
    if size != first:
        raise FormatError(f"{path}: the picture size changes within the clip; replace it")


def check_picture(path: Path, picture: npt.NDArray[Any], first: npt.NDArray[Any], num_frames: int) -> None:
    """Refuse a frame that is not as large as the first, and frames that together are more than MAX_BYTES.

    A file of some kilobytes can unpack to pictures that fill any memory.
    """
    check_same_size(path, picture.shape, first.shape)
    if num_frames * picture.nbytes > MAX_BYTES:
        height, width = picture.shape[:2]
        raise FormatError(
            f"{path}: {num_frames} frames of {width} x {height} pixels are more than {MAX_BYTES >> 20} MiB; "
            "make the pictures smaller or sample fewer"
        )
