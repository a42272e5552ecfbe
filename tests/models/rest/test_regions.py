"""Where a region is, in seven numbers, and clips of different numbers of regions in one batch."""

import numpy as np

from pipeline.models.rest.regions import padded, places


def test_a_place_is_corners_width_height_and_frame():
    box_K5 = np.array([[0, 0.1, 0.2, 0.4, 0.8], [3, 0, 0, 1, 1], [1.5, 0.5, 0.5, 0.75, 0.6]])
    expected = [
        [0.1, 0.2, 0.4, 0.8, 0.3, 0.6, 0],
        [0, 0, 1, 1, 1, 1, 1],
        [0.5, 0.5, 0.75, 0.6, 0.25, 0.1, 0.5],
    ]
    assert places(box_K5, num_frames=4).dtype == np.float32
    np.testing.assert_allclose(places(box_K5, num_frames=4), expected, atol=1e-7)


def test_the_only_frame_is_at_0():
    assert places(np.array([[0, 0, 0, 1, 1.0]]), num_frames=1)[0, 6] == 0


def test_shorter_clips_are_padded_behind():
    regions = [np.full((num, 2), num, np.float32) for num in (1, 3, 0)]
    place = [np.full((num, 7), 10 * num, np.float32) for num in (1, 3, 0)]
    batch = padded(regions, place)
    assert batch["known"].tolist() == [[True, False, False], [True] * 3, [False] * 3]
    assert batch["x"][:, :, 0].tolist() == [[1, 0, 0], [3, 3, 3], [0, 0, 0]]
    assert batch["place"][:, :, 6].tolist() == [[10, 0, 0], [30, 30, 30], [0, 0, 0]]


def test_clips_without_any_region_still_make_a_batch():
    batch = padded([np.zeros((0, 2), np.float32)], [np.zeros((0, 7), np.float32)])
    assert (batch["x"].shape, batch["known"].tolist()) == ((1, 1, 2), [[False]])
