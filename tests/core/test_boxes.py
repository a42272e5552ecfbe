import numpy as np
import pytest

from pipeline.core.boxes import Boxes, View, check_inside, in_view
from pipeline.core.errors import DataError

VIEW = View(frames=np.array([1, 3, 3]), top=10, left=20, height=40, width=80)


def boxes(*rows):
    """Rows of frame, x0, y0, x1, y1, label."""
    corners = np.array([row[1:5] for row in rows], np.float32).reshape(-1, 4)
    return Boxes(np.array([row[0] for row in rows], np.int64), corners, tuple(row[5] for row in rows))


def seen(*rows, num_frames=5, view=VIEW):
    found = in_view(boxes(*rows), view, num_frames)
    return list(zip(found.frame_K.tolist(), found.corners_K4.tolist(), found.labels, strict=True))


def test_a_box_is_told_in_parts_of_the_window():
    assert seen((1, 40, 20, 60, 50, "cup")) == [(0, [0.25, 0.25, 0.5, 1.0], "cup")]


def test_a_frame_that_is_taken_twice_shows_its_boxes_twice_and_others_are_left_out():
    rows = [(3, 20, 10, 100, 50, "late"), (0, 20, 10, 100, 50, "never"), (1, 20, 10, 100, 50, "early")]
    assert [(frame, label) for frame, _, label in seen(*rows)] == [(0, "early"), (1, "late"), (2, "late")]


def test_a_box_is_cut_at_the_edge_of_the_window_and_goes_if_nothing_is_left():
    rows = [(1, 0, 0, 40, 30, "cut"), (1, 0, 0, 20, 50, "beside"), (1, 30, 50, 40, 60, "below")]
    assert seen(*rows) == [(0, [0.0, 0.0, 0.25, 0.5], "cut")]


def test_the_frames_of_a_clip_end_somewhere():
    with pytest.raises(DataError, match="boxes: frame 5, but the clip has 5 frames, from 0"):
        seen((5, 20, 10, 40, 30, "cup"))


@pytest.mark.parametrize("row", [(1, 32, 0, 40, 9), (1, 0, 24, 9, 30), (1, -9, 0, 0, 9), (1, 0, -9, 9, 0)])
def test_a_box_outside_the_picture_is_of_another_picture(row):
    inside = (0, 31, 23, 99, 99, "at the edge")
    check_inside(boxes(inside, (0, -9, -9, 1, 1, "too")), height=24, width=32)
    with pytest.raises(DataError, match="boxes: 'cup' of frame 1 lies outside the picture of 32 x 24 pixels; give"):
        check_inside(boxes(inside, (*row, "cup")), height=24, width=32)


def test_a_clip_without_boxes_has_none_in_view():
    assert seen() == []
    assert in_view(boxes(), VIEW, 5).corners_K4.shape == (0, 4)


def test_boxes_of_one_frame_keep_their_order():
    rows = [(frame, 20, 10, 100, 50, f"{frame} {number}") for number in range(40) for frame in (3, 1)]
    labels = [label for _, _, label in seen(*rows)]
    assert labels[:40] == [f"1 {number}" for number in range(40)]
    assert labels[40:80] == [f"3 {number}" for number in range(40)]
