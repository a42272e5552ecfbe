"""Windows of videos: which frames and which pixels, against what was written; and which videos are too short."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.core.errors import DataError, ParamsError
from pipeline.core.hashing import file_digest
from pipeline.core.params import parse
from pipeline.core.readers import Readers
from pipeline.core.seeds import generator
from pipeline.formats import video
from pipeline.sources.video_clips import (
    ClipChoice,
    Place,
    ShownClips,
    VideoClips,
    Videos,
    Window,
    clips_at,
    long_enough,
    places,
)
from tests.core.table_rows import clip_row

HEIGHT, WIDTH = 12, 20
WINDOW: dict[str, Any] = {"num_frames": 3, "stride": 2, "short_side": 12, "crop": 8, "short": "repeat"}
NUM_FRAMES = {"demo/a": 9, "demo/b": 16, "demo/c": 2}


def window(**changes: Any) -> Window:
    return parse(Window, WINDOW | changes, "window")


def frames(num_frames: int) -> np.ndarray:
    """Every picture tells its number (red), its rows (green) and its columns (blue)."""
    rgb = np.zeros((num_frames, HEIGHT, WIDTH, 3), np.uint8)
    rgb[..., 0] = 10 * np.arange(num_frames)[:, None, None]
    rgb[..., 1] = np.arange(HEIGHT)[:, None]
    rgb[..., 2] = np.arange(WIDTH)
    return rgb


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    folder = tmp_path_factory.mktemp("videos")
    clips = {}
    for clip_id, num_frames in NUM_FRAMES.items():
        file = folder / f"{clip_id[-1]}.avi"
        video.write(file, frames(num_frames), frames_per_second=9, codec="ffv1")
        clips[clip_id] = clip_row(path=file.name, num_frames=num_frames, content_hash=file_digest(file))
    return Videos("demo", folder, clips)


def source(videos: Videos, **changes: Any) -> VideoClips:
    told = {"window": window(), "seed": 0, "batch_size": 2, "drawn": True, **changes}
    return VideoClips(videos, list(NUM_FRAMES), [4, 5, 6], **told)


def numbers(x_TCHW: np.ndarray) -> list[int]:
    """The frames that a clip shows."""
    return (x_TCHW[:, 0, 0, 0] // 10).tolist()


def test_a_clip_that_is_not_drawn_is_the_middle_of_frames_and_pictures(videos: Videos) -> None:
    found = source(videos, drawn=False).read(np.array([0, 1]), seed=9)
    assert (found["x"].shape, found["x"].dtype, found["label"].tolist()) == ((2, 3, 3, 8, 8), np.uint8, [4, 5])
    assert [numbers(x) for x in found["x"]] == [[2, 4, 6], [5, 7, 9]]
    expected = frames(9)[[2, 4, 6], 2:10, 6:14].transpose(0, 3, 1, 2)
    assert np.array_equal(found["x"][0], expected)


def test_pictures_are_cut_in_the_proportion_of_short_side_and_resized(videos: Videos) -> None:
    """A square of 6 of 12 rows, at 4 pixels, is shrunk by 1.5: columns of 8, 9.5, ... of the middle."""
    small = source(videos, window=window(short_side=8, crop=4), drawn=False).read(np.array([0]), seed=0)["x"][0, 0]
    assert small.shape == (3, 4, 4)
    middle = small[2].mean(axis=0)
    assert np.allclose(np.diff(middle), 1.5, atol=0.5)
    assert abs(middle.mean() - (WIDTH - 1) / 2) < 0.5


def test_the_last_frame_of_a_short_video_stands_still(videos: Videos) -> None:
    assert numbers(source(videos, drawn=False).read(np.array([2]), seed=0)["x"][0]) == [0, 1, 1]


def test_draws_depend_on_seed_epoch_and_clip_and_on_nothing_else(videos: Videos) -> None:
    data = source(videos)
    together, alone = data.read(np.array([1, 0]), seed=1)["x"], data.read(np.array([0]), seed=2)["x"]
    assert np.array_equal(together[1], alone[0])
    later, other = data.read(np.array([3]), seed=1)["x"], source(videos, seed=1).read(np.array([0]), seed=1)["x"]
    assert not np.array_equal(later, alone)
    assert not np.array_equal(other, alone)


def test_draws_reach_the_first_and_the_last_window_and_all_of_the_picture(videos: Videos) -> None:
    data = source(videos)
    clips = data.read(np.arange(0, 180, 3), seed=0)["x"]
    assert {numbers(x)[0] for x in clips} == {0, 1, 2, 3, 4}
    assert all(np.array_equal(np.diff(numbers(x)), [2, 2]) for x in clips)
    tops, lefts = {int(x[0, 1, 0, 0]) for x in clips}, {int(x[0, 2, 0, 0]) for x in clips}
    assert {min(tops), max(tops)} == {0, 4}
    assert min(lefts) <= 1
    assert max(lefts) >= 11


def test_every_video_comes_once_an_epoch_in_another_order(videos: Videos) -> None:
    data = source(videos, batch_size=1)
    orders = [np.concatenate(data.steps(0, epoch)) - 3 * epoch for epoch in range(4)]
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert data.names(data.steps(0, 2)[0]) == [list(NUM_FRAMES)[orders[2][0]]]
    assert [rows.tolist() for rows in source(videos, drawn=False).steps(0, 5)] == [[0, 1], [2]]


def test_reader_processes_give_the_same_bytes(videos: Videos) -> None:
    data = source(videos)
    requests = [(np.array([0, 1]), 5), (np.array([4]), 6)]
    with Readers((data,), 2, 2) as readers:
        found = list(readers.stream(0, requests))
    for arrays, (rows, seed) in zip(found, requests, strict=True):
        assert np.array_equal(arrays["x"], data.read(rows, seed)["x"])
    assert len(pickle.dumps(data)) < 2000


@pytest.mark.parametrize(("count", "firsts"), [(1, [6]), (2, [3, 9]), (4, [1, 4, 7, 10])])
def test_even_places_are_the_middles_of_equal_parts(count: int, firsts: list[int]) -> None:
    shown = ClipChoice(num_clips=count, positions="even", crop="centre")
    found = places(shown, 12, generator(0, "t"))
    assert [place.first for place in found] == firsts
    assert {(place.down, place.across) for place in found} == {(0.5, 0.5)}


@pytest.mark.parametrize(("positions", "crop"), [("random", "centre"), ("even", "random")])
def test_the_clips_of_a_video_are_those_of_its_places(videos: Videos, positions: Any, crop: Any) -> None:
    shown = ClipChoice(num_clips=3, positions=positions, crop=crop)
    data = ShownClips(videos, list(NUM_FRAMES), window(), shown, seed=7, batch_size=2)
    found = data.read(np.array([1]), seed=0)["x"]
    assert found.shape == (1, 3, 3, 3, 8, 8)
    where = places(shown, 16 - 5, generator(7, "shown", "demo/b"))
    for x, place in zip(found[0], where, strict=True):
        assert np.array_equal(x, clips_at(videos.opened("demo/b"), window(), [place])[0])
    assert len({(place.first, place.down) for place in where}) == 3
    assert [rows.tolist() for rows in data.steps(0, 0)] == [[0, 1], [2]]
    assert data.names(np.array([2])) == ["demo/c"]


def test_a_corner_place_stays_in_the_picture(videos: Videos) -> None:
    almost = np.nextafter(1.0, 0.0)
    odd = window(short_side=11, crop=7)
    x = clips_at(videos.opened("demo/a"), odd, [Place(0, almost, almost)])
    assert x.shape == (1, 3, 3, 7, 7)
    assert abs(int(x[0, 0, 2, 0, -1]) - (WIDTH - 1)) <= 1


def test_videos_shorter_than_the_window_are_rejected_if_asked(videos: Videos) -> None:
    kept, rejects = long_enough(videos, window(short="reject"), at_most=0.5)
    assert list(kept.clips) == ["demo/a", "demo/b"]
    assert rejects.to_json() == [["demo/c", "too short: 2 frames, where 3 frames at stride 2 need 5"]]
    assert long_enough(videos, window(), at_most=0.0)[1].rows == []


def test_too_many_short_videos_are_one_line(videos: Videos) -> None:
    with pytest.raises(DataError, match=r"1 of 3 items rejected.* demo/c: too short: 2 frames, .* need 5; mend them"):
        long_enough(videos, window(short="reject"), at_most=0.3)
    with pytest.raises(DataError, match=r"no video is left to look at; demo/a: too short"):
        long_enough(videos, window(short="reject", stride=9), at_most=1.0)


def test_a_changed_file_is_refused(videos: Videos, tmp_path: Path) -> None:
    video.write(tmp_path / "a.avi", frames(3), frames_per_second=9, codec="ffv1")
    moved = Videos("demo", tmp_path, videos.clips)
    with pytest.raises(DataError, match="has changed since it was scanned"):
        moved.opened("demo/a")
    with pytest.raises(DataError, match="is gone"):
        moved.opened("demo/b")


def test_a_part_of_a_video_counts_its_own_frames(videos: Videos) -> None:
    part = replace(videos.clips["demo/b"], path="b.avi#frames=4-13", num_frames=9)
    data = VideoClips(Videos("demo", videos.files, {"demo/p": part}), ["demo/p"], [0], window(), 0, 1, drawn=False)
    assert numbers(data.read(np.array([0]), seed=0)["x"][0]) == [6, 8, 10]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [({"crop": 13}, "crop is more than short_side"), ({"short": "drop"}, "short"), ({"stride": 0}, "stride")],
)
def test_windows_that_do_not_fit_are_refused(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ParamsError, match=fault):
        window(**changes)


@pytest.mark.parametrize("name", ["v_SoccerJuggling_g23_c01.avi", "SOX5yA1l24A.mp4"])
def test_a_real_film_is_cut_where_its_frames_say(name: str, real_data: Path) -> None:
    """A square as high as the picture is the picture's middle, pixel for pixel."""
    file = real_data / "videos" / name
    num_frames = video.facts(file).num_frames
    clip = clip_row(path=name, num_frames=num_frames, content_hash=file_digest(file))
    whole = video.read(file, range(0, 31, 6))
    height, width = whole.shape[1:3]
    shown = window(num_frames=6, stride=6, short_side=height, crop=height)
    found = clips_at(Videos("ucf101", file.parent, {"c": clip}).opened("c"), shown, [Place(0, 0.5, 0.5)])
    left = (width - height) // 2
    assert np.array_equal(found[0], whole[:, :, left : left + height].transpose(0, 3, 1, 2))
