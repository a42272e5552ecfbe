"""One picture in which a person can check that the senses of a clip lie on each other.

A row a frame; in a row colour, depth, thermal and all three blended, each with the recorded skeleton and the boxes of
people and things drawn over it.
"""

# Shapes: T frames, H x W pixels, V joints, 2 = x y in pixels, 3 = x y z or r g b.
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pipeline.core.joints import LAYOUTS
from pipeline.core.outputs import whole
from pipeline.core.sampling import Sampling, frame_indices
from pipeline.formats.shared import Skeleton
from pipeline.world.film import Film, display
from pipeline.world.rasterizer import Lens

_PANEL = 240, 300  # pixels, width and height that a panel may have
_NUM_ROWS = 3
_MARGIN = 0.25  # around the person, in parts of its size
_LEAST = 3  # a window is at least this part of the picture, wide and high
_TITLES = ("colour", "depth", "thermal", "blended")
_HEAD, _SIDE, _FONT = 20, 64, 12  # pixels: above the panels, left of them, letters
_INK, _PAPER = (30, 30, 30), (255, 255, 255)
_BONE, _BOX, _BLEND = (0, 255, 80), (255, 220, 0), (0.5, 0.25, 0.25)

Bones = list[tuple[float, ...]]
Window = tuple[int, int, int, int]  # left, top, right, bottom, pixels of the film


def draw(path: Path, skeleton: Skeleton, film: Film, lens: Lens) -> None:
    """Write the picture of a clip: frames of the film and the skeleton's that they show, where it has a body.

    All panels show the same window, around the person or, without one, around the boxes; each column and frame is
    named, and each box says of what it is.
    """
    num_frames = len(film.depth_mm_THW)
    spread = Sampling(num_frames=num_frames, stride=0, position=0.5)
    shown = frame_indices(skeleton.num_frames, spread)
    bones = [_bones(skeleton, int(frame), lens) for frame in shown]
    tracked = [frame for frame in range(num_frames) if bones[frame]] or list(range(num_frames))
    frames = [
        tracked[place] for place in frame_indices(len(tracked), Sampling(num_frames=_NUM_ROWS, stride=0, position=0.5))
    ]
    window = _window(film, [bone for frame in frames for bone in bones[frame]])
    rows = [_row(film, frame, bones[frame], window) for frame in frames]
    with whole(path) as scratch:
        _labelled(rows, frames).save(scratch, format="PNG")


def _window(film: Film, bones: Bones) -> Window:
    """Around all bones, else around all boxes, with a margin; the whole picture where there is neither."""
    height, width = film.depth_mm_THW.shape[1:]
    around = np.array([[*bone[:2], *bone[2:]] for bone in bones]) if bones else film.boxes.corners_K4
    if not len(around):
        return 0, 0, width, height
    x, y = around[:, ::2], around[:, 1::2]
    left, right = _widened(float(x.min()), float(x.max()), width)
    top, bottom = _widened(float(y.min()), float(y.max()), height)
    return left, top, right, bottom


def _widened(low: float, high: float, size: int) -> tuple[int, int]:
    """A span with its margin, not too narrow, inside 0 to size."""
    margin = max(_MARGIN * (high - low), (size / _LEAST - (high - low)) / 2)
    start, stop = max(0, int(low - margin)), min(size, int(np.ceil(high + margin)))
    return (start, stop) if start < stop else (0, size)


def _row(film: Film, frame: int, bones: Bones, window: Window) -> list[Image.Image]:
    depth_mm = film.depth_mm_THW[frame].astype(np.float64)
    known = depth_mm > 0
    low, high = np.percentile(depth_mm[known], (1, 99)) if known.any() else (0.0, 1.0)
    near = np.where(known, 255 * np.clip((high - depth_mm) / max(high - low, 1.0), 0, 1), 0)
    warm = display(film.celsius_THW[frame]).astype(np.float64)
    panels = [
        film.rgb_THW3[frame].astype(np.float64),
        np.stack([near * 0, near, near], axis=-1),
        np.stack([warm, warm * 0.4, warm * 0], axis=-1),
    ]
    panels.append(sum((share * panel for share, panel in zip(_BLEND, panels, strict=True)), np.zeros_like(panels[0])))
    rows_K = np.flatnonzero(film.boxes.frame_K == frame).tolist()
    boxes = [(film.boxes.labels[row], film.boxes.corners_K4[row].tolist()) for row in rows_K]
    return [_drawn(panel, bones, boxes, window) for panel in panels]


def _drawn(
    panel_HW3: npt.NDArray[Any], bones: Bones, boxes: list[tuple[str, list[float]]], window: Window
) -> Image.Image:
    left, top, right, bottom = window
    scale = max(1, min(_PANEL[0] // (right - left), _PANEL[1] // (bottom - top)))
    image = Image.fromarray(np.clip(panel_HW3, 0, 255).astype(np.uint8)).crop(window)
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(image)
    for bone in bones:
        pen.line([scale * (value - (left, top)[axis % 2]) for axis, value in enumerate(bone)], fill=_BONE, width=1)
    for label, (x0, y0, x1, y1) in boxes:
        corner = scale * (x0 - left), scale * (y0 - top)
        pen.rectangle([*corner, scale * (x1 - left) - 1, scale * (y1 - top) - 1], outline=_BOX)
        at = max(corner[0], 0) + 3, max(corner[1], 0) + 1
        pen.text(at, label, fill=_PAPER, font=_font(), stroke_width=1, stroke_fill=_INK)
    return image


def _labelled(rows: list[list[Image.Image]], frames: list[int]) -> Image.Image:
    """The panels as a sheet, each column under what it shows and each row beside its frame."""
    width, height = rows[0][0].size
    sheet = Image.new("RGB", (_SIDE + width * len(_TITLES), _HEAD + height * len(rows)), _PAPER)
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(_TITLES):
        pen.text((_SIDE + column * width + 2, 3), title, fill=_INK, font=_font())
    for number, (panels, frame) in enumerate(zip(rows, frames, strict=True)):
        pen.text((2, _HEAD + number * height + 3), f"frame {frame + 1}", fill=_INK, font=_font())
        for column, panel in enumerate(panels):
            sheet.paste(panel, (_SIDE + column * width, _HEAD + number * height))
    return sheet


def _font() -> Any:
    return ImageFont.load_default(_FONT)


def _bones(skeleton: Skeleton, frame: int, lens: Lens) -> Bones:
    """x y of both ends of every bone of the bodies in a frame."""
    bones = []
    for xyz_V3 in skeleton.xyz_MTV3[:, frame]:
        if np.isfinite(xyz_V3).all():
            xy_V2 = lens.pixels(xyz_V3)
            bones += [(*xy_V2[child], *xy_V2[parent]) for child, parent in LAYOUTS[skeleton.layout].edges]
    return bones
