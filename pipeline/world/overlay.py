"""One picture in which a person can check that the senses of a clip lie on each other.

A row a frame; in a row colour, depth, thermal and all three blended, each with the recorded skeleton and the boxes of
people and things drawn over it.
"""

# Shapes: T frames, H x W pixels, V joints, 2 = x y in pixels, 3 = x y z or r g b.
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pipeline.core.joints import LAYOUTS
from pipeline.core.outputs import whole
from pipeline.core.sampling import Sampling, frame_indices
from pipeline.formats.shared import Skeleton
from pipeline.world.film import Film, display
from pipeline.world.rasterizer import Lens

_SCALE = 4
_NUM_ROWS = 3
_BONE, _BOX, _BLEND = (0, 255, 80), (255, 220, 0), (0.5, 0.25, 0.25)


def draw(path: Path, skeleton: Skeleton, film: Film, lens: Lens) -> None:
    """Write the picture of a clip: frames of the film and the skeleton's that they show, where it has a body."""
    num_frames = len(film.depth_mm_THW)
    spread = Sampling(num_frames=num_frames, stride=0, position=0.5)
    shown = frame_indices(skeleton.num_frames, spread)
    bones = [_bones(skeleton, int(frame), lens) for frame in shown]
    tracked = [frame for frame in range(num_frames) if bones[frame]] or list(range(num_frames))
    rows = [
        _row(film, tracked[place], bones[tracked[place]])
        for place in frame_indices(len(tracked), Sampling(num_frames=_NUM_ROWS, stride=0, position=0.5))
    ]
    with whole(path) as scratch:
        Image.fromarray(np.concatenate(rows)).save(scratch, format="PNG")


def _row(film: Film, frame: int, bones: list[tuple[float, ...]]) -> npt.NDArray[np.uint8]:
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
    boxes_K4 = film.boxes.corners_K4[film.boxes.frame_K == frame].tolist()
    return np.concatenate([_drawn(panel, bones, boxes_K4) for panel in panels], axis=1)


def _drawn(
    panel_HW3: npt.NDArray[Any], bones: list[tuple[float, ...]], boxes: list[list[float]]
) -> npt.NDArray[np.uint8]:
    image = Image.fromarray(np.clip(panel_HW3, 0, 255).astype(np.uint8))
    image = image.resize((image.width * _SCALE, image.height * _SCALE), Image.Resampling.NEAREST)
    pen = ImageDraw.Draw(image)
    for bone in bones:
        pen.line([_SCALE * value for value in bone], fill=_BONE, width=1)
    for x0, y0, x1, y1 in boxes:
        pen.rectangle([_SCALE * x0, _SCALE * y0, _SCALE * x1 - 1, _SCALE * y1 - 1], outline=_BOX)
    return np.asarray(image)


def _bones(skeleton: Skeleton, frame: int, lens: Lens) -> list[tuple[float, ...]]:
    """x y of both ends of every bone of the bodies in a frame."""
    bones = []
    for xyz_V3 in skeleton.xyz_MTV3[:, frame]:
        if np.isfinite(xyz_V3).all():
            xy_V2 = lens.pixels(xyz_V3)
            bones += [(*xy_V2[child], *xy_V2[parent]) for child, parent in LAYOUTS[skeleton.layout].edges]
    return bones
