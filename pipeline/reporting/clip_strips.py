"""Prepared clips as strips of frames: the output of a recipe, drawn so that a person sees what the encoder sees.

Skeletons (3, T, V, M) are drawn as bones from the front, pictures (C, T, H, W) in colours or in grey. Pictures are
stretched to the clip's own brightness, since every recipe normalises them in its own way. Signals of other shapes
become a map whose columns are the frames.
"""

# Shapes: C channels, T frames of the clip, F frames shown, V joints, M bodies, H x W pixels, 2 = x y.
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.core import joints
from pipeline.core.sampling import Sampling, frame_indices, num_nonempty_frames

Floats = npt.NDArray[np.floating[Any]]
Colour = tuple[int, int, int]

GAP = 2  # pixels between frames
PAPER: Colour = (255, 255, 255)
_BODIES: tuple[Colour, ...] = ((30, 90, 160), (190, 90, 30))  # colour of the first body, and of all others
_MARGIN = 0.08  # around a skeleton, in parts of the frame
_PERCENTILES = (1.0, 99.0)


def strip(x_CT: Floats, layout: str, *, num_frames: int, height: int) -> Image.Image:
    """Frames of a clip side by side, spread over its non-empty ones; `layout` is an attribute of its store."""
    return side_by_side(frames(x_CT, layout, num_frames=num_frames, height=height), GAP)


def frames(x_CT: Floats, layout: str, *, num_frames: int, height: int) -> list[Image.Image]:
    """The same frames one by one; of a signal, which has no pictures, one map of all of it."""
    if joints.is_layout(layout):
        bodies = placed(x_CT[:, spread(x_CT, num_frames)], layout, height)
        return [_frame(bodies, layout, height, frame) for frame in range(num_frames)]
    if x_CT.ndim == 4:
        return [fitted(frame, height) for frame in pictures(x_CT[:, spread(x_CT, num_frames)])]
    flat_RT = np.moveaxis(x_CT, 1, -1).reshape(-1, x_CT.shape[1])
    return [Image.fromarray(_grey(flat_RT)).convert("RGB").resize((num_frames * height, height))]


def side_by_side(row: Sequence[Image.Image], gap: int) -> Image.Image:
    """Pictures of one height in a row, with so many pixels of paper between them."""
    sheet = Image.new("RGB", (sum(frame.width + gap for frame in row) - gap, row[0].height), PAPER)
    left = 0
    for frame in row:
        sheet.paste(frame, (left, 0))
        left += frame.width + gap
    return sheet


def save(picture: Image.Image, file: Path | BinaryIO, *, num_colours: int) -> None:
    """Write a PNG with a palette of so many colours, which keeps the file small."""
    small = picture.quantize(num_colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    small.save(file, format="PNG")


def pictures(x_CFHW: Floats) -> npt.NDArray[np.uint8]:
    """x_FHW3 of prepared pictures: three channels as colours, any other number as the mean brightness."""
    if len(x_CFHW) != 3:
        return np.repeat(_grey(x_CFHW.mean(axis=0))[..., None], 3, axis=-1)
    return np.moveaxis(_grey(x_CFHW), 0, -1)


def spread(x_CT: Floats, num_frames: int) -> npt.NDArray[np.int64]:
    """Indices of so many frames, spread over the clip without its empty end."""
    filled = max(1, num_nonempty_frames(x_CT))
    return frame_indices(filled, Sampling(num_frames=num_frames, stride=0, position=0.5))


def _grey(x: Floats) -> npt.NDArray[np.uint8]:
    """The clip's first to last percentile as black to white."""
    low, high = np.percentile(x, _PERCENTILES)
    if high <= low:
        low, high = float(x.min()), float(x.max())
    share = np.clip((x - low) / max(high - low, 1e-12), 0, 1)
    return np.asarray(np.round(255 * share), np.uint8)


def fitted(frame: npt.NDArray[np.uint8], height: int) -> Image.Image:
    """A picture (H, W, 3) at this height."""
    picture = Image.fromarray(frame)
    width = max(1, round(height * picture.width / picture.height))
    return picture.resize((width, height), Image.Resampling.BILINEAR)


@dataclass(frozen=True)
class PlacedBodies:
    """Joints in pixels of frames of one width, y downwards, and which of them are known."""

    pixels_FMV2: Floats
    known_FMV: npt.NDArray[np.bool_]
    width: int


def placed(x_3FVM: Floats, layout: str, height: int) -> PlacedBodies:
    """Bodies from the front, every frame at the same scale, so that a body that moves is seen to move."""
    xy_FMV2 = x_3FVM[:2].transpose(1, 3, 2, 0).astype(np.float64)
    if not joints.find(layout).planar:  # whose y points up
        xy_FMV2 = xy_FMV2 * (1, -1)
    known_FMV = (x_3FVM != 0).any(axis=0).transpose(0, 2, 1)
    present_FM = known_FMV.any(axis=2)
    known_FMV[:, :, joints.find(layout).centre] |= (
        present_FM  # recipes move the centre to the origin: those zeros are no gap
    )
    points = xy_FMV2[known_FMV] if known_FMV.any() else np.zeros((1, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    width = max(1, round(0.75 * height))
    scale = (1 - 2 * _MARGIN) * min(width / max(high[0] - low[0], 1e-6), height / max(high[1] - low[1], 1e-6))
    pixels_FMV2 = (xy_FMV2 - (low + high) / 2) * scale + (width / 2, height / 2)
    return PlacedBodies(pixels_FMV2, known_FMV, width)


def _frame(bodies: PlacedBodies, layout: str, height: int, frame: int) -> Image.Image:
    picture = Image.new("RGB", (bodies.width, height), (244, 244, 240))
    xy_MV2, known_MV = bodies.pixels_FMV2[frame], bodies.known_FMV[frame]
    pen = ImageDraw.Draw(picture)
    for body in reversed(range(len(xy_MV2))):  # the first one on top
        colour = _BODIES[min(body, len(_BODIES) - 1)]
        for joint, parent in joints.find(layout).edges:
            if known_MV[body, joint] and known_MV[body, parent]:
                pen.line([*xy_MV2[body, joint], *xy_MV2[body, parent]], fill=colour, width=2)
    return picture
