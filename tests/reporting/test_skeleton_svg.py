"""The SVG of a skeleton stands where the same strip in pixels does."""

import re

import numpy as np

from pipeline.core.joints import LAYOUTS
from pipeline.reporting import clip_strips, skeleton_svg


def clip(num_frames: int = 6, num_bodies: int = 1) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(3, num_frames, 25, num_bodies)).astype(np.float32)


def test_every_bone_lies_on_ink_of_the_picture() -> None:
    x_3TVM = clip()
    strip = skeleton_svg.strip(x_3TVM, "ntu25", num_frames=3)
    picture_HW3 = np.asarray(clip_strips.strip(x_3TVM, "ntu25", num_frames=3, height=strip.height))
    bones = re.findall(r"M(-?\d+) (-?\d+)L(-?\d+) (-?\d+)", strip.body)
    assert len(bones) == 3 * len(LAYOUTS["ntu25"].edges)
    wider = (strip.width - picture_HW3.shape[1]) // 2  # of each gap
    for number, bone in enumerate(bones):
        x0, y0, x1, y1 = map(int, bone)
        x, y = round((x0 + x1) / 2) - wider * (number // 24), round((y0 + y1) / 2)
        near_HW3 = picture_HW3[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3]
        assert (near_HW3 != (244, 244, 240)).any()


def test_bodies_differ_by_more_than_colour_and_missing_ones_are_not_drawn() -> None:
    x_3TVM = clip(num_bodies=2)
    x_3TVM[:, :3, :, 1] = 0
    body = skeleton_svg.strip(x_3TVM, "ntu25", num_frames=6).body
    assert (body.count('class="body0"'), body.count('class="body1"')) == (6, 3)
    assert body.count("<rect") == 6


def test_a_clip_without_a_body_is_empty_frames() -> None:
    strip = skeleton_svg.strip(np.zeros((3, 4, 25, 1), np.float32), "ntu25", num_frames=2)
    assert "<path" not in strip.body
    assert strip.body.count("<rect") == 2
