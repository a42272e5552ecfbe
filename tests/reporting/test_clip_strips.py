"""What is drawn stands where the arrays have it, frames are spread over what is not empty."""

import numpy as np
import pytest

from pipeline.core.joints import LAYOUTS
from pipeline.reporting import clip_strips
from pipeline.reporting.clip_strips import GAP, strip


def drawn(x_CT, layout="rgb", num_frames=3, height=40):
    return np.asarray(strip(np.asarray(x_CT, np.float32), layout, num_frames=num_frames, height=height)).astype(int)


def test_frames_are_spread_over_the_clip_in_their_order():
    """Frame t of six has brightness t; the middles of thirds are frames 1, 3 and 5."""
    x_CTHW = np.broadcast_to(np.arange(6.0)[None, :, None, None], (1, 6, 4, 8)).copy()
    x_CTHW[0, 0] = 1e-3  # no frame is empty
    picture_HW3 = drawn(x_CTHW)
    assert picture_HW3.shape == (40, 3 * 80 + 2 * GAP, 3)
    assert [int(picture_HW3[20, 40 + frame * (80 + GAP), 0]) for frame in range(3)] == sorted({0, 128, 255})


def test_colours_stay_colours_and_other_channels_become_grey():
    x_CTHW = np.zeros((3, 1, 8, 8))
    x_CTHW[0, 0, :, :4], x_CTHW[1, 0, :, 4:] = 1, 1
    picture_HW3 = drawn(x_CTHW, num_frames=1)
    assert picture_HW3[20, 5].tolist() == [255, 0, 0]
    assert picture_HW3[20, 35].tolist() == [0, 255, 0]
    grey_HW3 = drawn(x_CTHW[:1], num_frames=1)
    assert (grey_HW3[20, 5].tolist(), grey_HW3[20, 35].tolist()) == ([255] * 3, [0] * 3)


def test_a_picture_of_one_brightness_is_drawn():
    assert set(drawn(np.full((1, 2, 4, 4), 0.5)).ravel().tolist()) <= {0, 255}


def body(places, layout, num_frames=1, num_bodies=1):
    """A skeleton whose joints lie at the centre but for those named."""
    x_CTVM = np.zeros((3, num_frames, LAYOUTS[layout].num_joints, num_bodies), np.float32)
    for name, place in places.items():
        x_CTVM[:, :, LAYOUTS[layout].names.index(name), 0] = np.array(place)[:, None]
    return x_CTVM


def ink(picture_HW3):
    """Rows and columns of what is no paper."""
    return np.nonzero((picture_HW3 != picture_HW3[0, 0]).any(axis=2))


@pytest.mark.parametrize(("layout", "head", "body_below"), [("ntu25", "head", True), ("openpose18", "nose", False)])
def test_a_skeleton_stands_upright_whichever_way_its_y_points(layout, head, body_below):
    """Head at y = 1, hip far to the right at y = 0: with y up the head is above."""
    hip = {"ntu25": "hip_right", "openpose18": "hip_right"}[layout]
    spine = {"neck": (0, 0.5, 1), "shoulder_right": (0.2, 0.3, 1), "spine_base": (0, 0, 1), "spine_mid": (0, 0.2, 1)}
    names = LAYOUTS[layout].names
    places = {name: place for name, place in spine.items() if name in names}
    rows, columns = ink(drawn(body({head: (0, 1, 1), hip: (0.7, 0, 1), **places}, layout), layout, num_frames=1))
    at_right = rows[columns > columns.max() - 3].mean()
    at_left = rows[columns < columns.min() + 3].mean()
    assert (at_right > at_left) == body_below


def test_a_joint_at_the_origin_is_missing_but_for_the_centre():
    """Recipes put the centre there: its bone to the neck is drawn, that of the neck to a missing head is not."""
    rows, _ = ink(drawn(body({"neck": (0, 1, 1)}, "ntu25"), "ntu25", num_frames=1))
    assert len(rows) > 20
    with_head = ink(drawn(body({"neck": (0, 1, 1), "head": (0.5, 1, 1)}, "ntu25"), "ntu25", num_frames=1))
    assert len(set(with_head[1].tolist())) > 5
    assert len(set(ink(drawn(body({"head": (0.5, 1, 1)}, "ntu25"), "ntu25", num_frames=1))[0].tolist())) == 0


def test_padding_at_the_end_is_not_shown():
    """Of six frames the first three have a body, each a little further to the right."""
    x_CTVM = body({"head": (0, 1, 1), "neck": (0, 0.5, 1), "spine_shoulder": (0.1, 0.2, 1)}, "ntu25", num_frames=6)
    x_CTVM[:, 3:] = 0
    picture_HW3 = drawn(x_CTVM, "ntu25", num_frames=3)
    width = round(0.75 * 40)
    for frame in range(3):
        assert len(ink(picture_HW3[:, frame * (width + GAP) : frame * (width + GAP) + width])[0])


def test_a_second_body_has_another_colour_and_an_absent_one_is_not_drawn():
    alone = body({"head": (0, 1, 1), "neck": (0, 0.5, 1)}, "ntu25", num_bodies=2)
    both = alone.copy()
    both[..., 1] = both[..., 0] + np.array([0.5, 0, 0])[:, None, None]
    first, second = clip_strips._BODIES
    colours = [{tuple(pixel) for row in drawn(some, "ntu25").tolist() for pixel in row} for some in (alone, both)]
    assert first in colours[0]
    assert second not in colours[0]
    assert {first, second} <= colours[1]


def test_an_empty_skeleton_is_paper():
    assert len({tuple(pixel) for pixel in drawn(body({}, "ntu25"), "ntu25", num_frames=1).reshape(-1, 3).tolist()}) == 1


def test_a_signal_is_a_map_whose_columns_are_frames():
    """Six readings over 50 frames, of which the second half is loud."""
    x_CT = np.zeros((6, 50))
    x_CT[:, 25:] = 1
    picture_HW3 = drawn(x_CT, "inertial", num_frames=4)
    assert picture_HW3.shape == (40, 160, 3)
    assert (picture_HW3[20, 20, 0], picture_HW3[20, 140, 0]) == (0, 255)
