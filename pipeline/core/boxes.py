"""Boxes of people and things in the pictures of a clip, and where they lie in what a recipe keeps of the pictures."""

# Shapes: K boxes, 4 = x0 y0 x1 y1.
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of one clip: frame from 0, left upper and right lower corner in pixels, and the name of what it is."""

    frame_K: npt.NDArray[np.int64]
    corners_K4: npt.NDArray[np.float32]
    labels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class View:
    """What a recipe keeps of a clip: the recorded frames (ascending), and of each a window, in pixels."""

    frames: npt.NDArray[np.int64]
    top: float
    left: float
    height: float
    width: float


def check_inside(boxes: Boxes, height: int, width: int) -> None:
    """Raise DataError for a box that lies wholly outside a picture: it was measured in a picture of another size."""
    x0_K, y0_K, x1_K, y1_K = boxes.corners_K4.T
    outside_K = (x0_K >= width) | (y0_K >= height) | (x1_K <= 0) | (y1_K <= 0)
    if outside_K.any():
        worst = int(outside_K.argmax())
        raise DataError(
            f"boxes: '{boxes.labels[worst]}' of frame {boxes.frame_K[worst]} lies outside the picture of {width} x "
            f"{height} pixels; give boxes in pixels of the recording"
        )


def in_view(boxes: Boxes, view: View, num_frames: int) -> Boxes:
    """The boxes of the kept frames, in the order of those; corners in parts (0 to 1) of the window, cut at its edge.

    `frame_K` is then the place among the kept frames, several where a frame was taken twice. Boxes outside the window
    go. Raises DataError for a box of a frame that the clip (of `num_frames`) does not have.
    """
    if len(boxes.frame_K) and boxes.frame_K.max() >= num_frames:
        raise DataError(f"boxes: frame {boxes.frame_K.max()}, but the clip has {num_frames} frames, from 0")
    shown, place = np.nonzero(boxes.frame_K[:, None] == view.frames[None, :])
    offset, scale = (view.left, view.top) * 2, (view.width, view.height) * 2
    corners_K4 = np.clip((boxes.corners_K4[shown] - offset) / scale, 0, 1).astype(np.float32)
    inside = (corners_K4[:, 2:] > corners_K4[:, :2]).all(axis=1)
    order = np.flatnonzero(inside)[np.argsort(place[inside], kind="stable")]
    return Boxes(place[order].astype(np.int64), corners_K4[order], tuple(boxes.labels[shown[row]] for row in order))
