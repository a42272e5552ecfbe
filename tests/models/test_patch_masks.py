"""Which patches are hidden: how many, where, by what draw."""

import numpy as np
import pytest

from pipeline.models import patch_masks

REACH = np.arange(4) / 3, np.arange(5) / 4.5  # 3 x 4 patches; the right ninth of the frame is in none


def generator() -> np.random.Generator:
    return np.random.default_rng(5)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    """One item of one frame."""
    return np.array(rows, dtype=np.float32).reshape(1, 1, -1, 4)


def test_a_patch_meets_a_box_when_they_share_an_area() -> None:
    draws = np.random.default_rng(0)
    corners = draws.random((40, 2, 3, 2, 2)) * 1.4 - 0.2  # also beyond the frame, and with corners in either order
    some = np.concatenate([corners.min(axis=3), corners.max(axis=3)], axis=3)
    some[::7, :, 1] = 0
    some[::5, :, 0, 2] = some[::5, :, 0, 0]  # without a width
    some[::3, :, :, 3] = some[::3, :, :, 1]  # without a height
    found = patch_masks.meets(some, REACH)
    rows, columns = REACH
    for n, t, g, p in np.ndindex(40, 2, 3, 4):
        overlaps = [
            max(0, min(y2, rows[g + 1]) - max(y1, rows[g])) * max(0, min(x2, columns[p + 1]) - max(x1, columns[p]))
            for x1, y1, x2, y2 in some[n, t]
        ]
        assert found[n, t, g, p] == (max(overlaps) > 0)


@pytest.mark.parametrize("row", [0, 1])
@pytest.mark.parametrize("column", [0, 1])
def test_a_box_that_ends_or_begins_at_an_edge_does_not_meet_what_lies_behind_it(row: int, column: int) -> None:
    halves = np.arange(3) / 2, np.arange(3) / 2
    found = patch_masks.meets(boxes((column / 2, row / 2, (column + 1) / 2, (row + 1) / 2)), halves)
    assert np.argwhere(found[0, 0]).tolist() == [[row, column]]


@pytest.mark.parametrize(("share", "num"), [(0.01, 1), (0.3, 4), (0.75, 9), (0.99, 11)])
def test_a_share_of_each_frame_is_hidden_and_frames_differ(share: float, num: int) -> None:
    hidden = patch_masks.random_patches(generator(), (20, 3, 3, 4), share)
    assert (hidden.sum(axis=(2, 3)) == num).all()
    assert len(np.unique(hidden.reshape(60, 12), axis=0)) > 10
    assert abs(hidden.mean(axis=(0, 1)) - num / 12).max() < 0.25


def test_draws_are_those_of_the_generator() -> None:
    found = [patch_masks.random_patches(np.random.default_rng(seed), (2, 1, 3, 4), 0.5) for seed in (5, 5, 6)]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


@pytest.mark.parametrize(("ratio", "num"), [(1.0, 4), (0.5, 2), (0.7, 3), (0.01, 1)])
def test_only_patches_that_meet_a_box_are_hidden(ratio: float, num: int) -> None:
    action = boxes((0.1, 0.1, 0.3, 0.5))
    meeting = patch_masks.meets(action, REACH)
    assert meeting.sum() == 4
    found = []
    for seed in range(30):
        hidden, fell_back = patch_masks.graph_patches(np.random.default_rng(seed), action, REACH, 0.75, ratio)
        assert hidden.sum() == num
        assert not (hidden & ~meeting).any()
        assert not fell_back.any()
        found.append(hidden)
    assert np.array_equal(np.any(found, axis=0), meeting)  # each of them at times


def test_items_without_boxes_fall_back_to_a_share_and_are_told() -> None:
    action = np.zeros((3, 2, 2, 4), dtype=np.float32)
    action[1, 0, 1] = 0.1, 0.1, 0.3, 0.5  # in one of its frames only
    hidden, fell_back = patch_masks.graph_patches(generator(), action, REACH, 0.75, 1.0)
    assert fell_back.tolist() == [True, False, True]
    assert hidden.sum(axis=(2, 3)).tolist() == [[9, 9], [4, 0], [9, 9]]
    other, _ = patch_masks.graph_patches(generator(), action, REACH, 0.5, 1.0)
    assert other.sum(axis=(2, 3)).tolist() == [[6, 6], [4, 0], [6, 6]]
    without = patch_masks.graph_patches(generator(), action[:, :, :0], REACH, 0.75, 1.0)
    assert without[1].all()


def test_boxes_over_everything_leave_one_patch_of_a_frame() -> None:
    action = np.broadcast_to(np.array([-1, -1, 2, 2], dtype=np.float32), (30, 2, 1, 4))
    hidden, _ = patch_masks.graph_patches(generator(), action, REACH, 0.75, 1.0)
    assert (hidden.sum(axis=(2, 3)) == 11).all()
    assert len(np.unique(hidden.reshape(60, 12), axis=0)) > 6  # a drawn one


def test_what_an_item_hides_does_not_depend_on_the_boxes_of_others() -> None:
    action = np.zeros((2, 1, 1, 4), dtype=np.float32)
    action[0] = 0.1, 0.1, 0.3, 0.5
    hidden, _ = patch_masks.graph_patches(generator(), action, REACH, 0.75, 0.5)
    action[1] = 0.0, 0.0, 1.0, 0.9
    other, _ = patch_masks.graph_patches(generator(), action, REACH, 0.75, 0.5)
    assert np.array_equal(hidden[0], other[0])
    assert not np.array_equal(hidden[1], other[1])


def test_of_no_items_nothing_is_drawn() -> None:
    rng = np.random.default_rng(0)
    assert patch_masks.random_patches(rng, (0, 2, 3, 3), 0.5).shape == (0, 2, 3, 3)
