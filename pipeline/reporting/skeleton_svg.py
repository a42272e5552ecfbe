"""Skeletons as a strip of inline SVG: a kilobyte or two a clip, sharp at any size, in the colours of the page."""

# Shapes: T frames of the clip, F frames shown, V joints, M bodies, 3 = x y z, 2 = x y in pixels.
from dataclasses import dataclass

from pipeline.core import joints
from pipeline.reporting import clip_strips
from pipeline.reporting.clip_strips import Floats

_HEIGHT, _GAP = 96, 4  # of the drawing's own units


@dataclass(frozen=True)
class SkeletonStrip:
    """What stands inside of `<svg viewBox="0 0 width height">`: a rect a frame, and a path for each body in it."""

    body: str
    width: int
    height: int


def strip(x_3TVM: Floats, layout: str, *, num_frames: int) -> SkeletonStrip:
    """Frames of a prepared skeleton side by side, as `clip_strips.strip` draws them in pixels."""
    placed = clip_strips.placed(x_3TVM[:, clip_strips.spread(x_3TVM, num_frames)], layout, _HEIGHT)
    parts: list[str] = []
    step = placed.width + _GAP
    for frame, (xy_MV2, known_MV) in enumerate(zip(placed.pixels_FMV2.tolist(), placed.known_FMV, strict=True)):
        parts.append(f'<rect x="{frame * step}" width="{placed.width}" height="{_HEIGHT}"/>')
        for body in reversed(range(len(xy_MV2))):  # the first one on top
            bones = [
                _bone(xy_MV2[body][joint], xy_MV2[body][parent], frame * step)
                for joint, parent in joints.find(layout).edges
                if known_MV[body, joint] and known_MV[body, parent]
            ]
            if bones:
                parts.append(f'<path class="body{min(body, 1)}" d="{"".join(bones)}"/>')
    return SkeletonStrip("".join(parts), num_frames * step - _GAP, _HEIGHT)


def _bone(joint_2: list[float], parent_2: list[float], left: int) -> str:
    x, y = left + joint_2[0], joint_2[1]
    return f"M{x:.0f} {y:.0f}L{left + parent_2[0]:.0f} {parent_2[1]:.0f}"
