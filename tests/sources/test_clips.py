from pathlib import Path

import pytest

from pipeline.sources import clips
from pipeline.sources.graph_pairs import VideoRow, ascending


@pytest.fixture
def video(tmp_path) -> Path:
    for number in range(1, 20, 2):
        (tmp_path / f"{number:06d}.png").touch()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def told(annotated, hidden=()):
    return VideoRow(annotated, [frame not in hidden for frame in annotated], [])


def numbers(video, frame, about, num_frames=4, stride=1):
    found = clips.frames(video / f"{frame:06d}.png", frame, about, num_frames, stride)
    return [int(path.stem) for path, _ in found], [about.frames[place] for _, place in found]


def test_a_clip_lies_around_its_frame_with_the_boxes_of_the_nearest_annotated_one(video):
    assert numbers(video, 9, told([3, 9, 15])) == ([5, 7, 9, 11], [3, 9, 9, 9])
    assert numbers(video, 9, told([3, 9, 15]), 5) == ([5, 7, 9, 11, 13], [3, 9, 9, 9, 15])


def test_the_stride_counts_frames_on_disk_and_a_video_that_ends_stands_still(video):
    assert numbers(video, 9, told([3, 9, 15]), 3, 2) == ([5, 9, 13], [3, 9, 15])
    assert numbers(video, 1, told([1, 19])) == ([1, 1, 1, 3], [1, 1, 1, 1])
    assert numbers(video, 19, told([1, 19]), 4, 3) == ([7, 13, 19, 19], [1, 19, 19, 19])


def test_a_clip_stands_still_before_frames_beside_one_that_is_kept_out(video):
    assert numbers(video, 9, told([3, 9, 15], hidden=[3])) == ([7, 7, 9, 11], [9, 9, 9, 9])
    assert numbers(video, 3, told([3, 9, 15], hidden=[9]), 6) == ([1, 1, 1, 3, 5, 5], [3] * 6)  # does not jump to 13
    assert numbers(video, 15, told([3, 9, 15], hidden=[9]), 4, 2) == ([13, 13, 15, 19], [15] * 4)


def test_a_frame_that_is_alone_is_shown_all_the_time(tmp_path):
    about = told([7])
    assert clips.frames(tmp_path / "000007.png", 7, about, 3, 1) == [(tmp_path / "000007.png", 0)] * 3


@pytest.mark.parametrize(("frame", "place"), [(1, 0), (3, 0), (6, 0), (7, 1), (12, 1), (13, 2), (99, 2)])
def test_the_nearest_of_two_is_the_earlier_where_they_are_as_near(frame, place):
    assert clips.nearest([3, 9, 15], frame) == place
    assert min((abs(frame - at), at) for at in (3, 9, 15))[1] == [3, 9, 15][place]


def test_the_frames_of_a_video_are_put_in_the_order_of_their_numbers():
    video = VideoRow([10, 9, 100], [True, False, True], [[1.0], [], [3.0]])
    assert ascending(video) == VideoRow([9, 10, 100], [False, True, True], [[], [1.0], [3.0]])
