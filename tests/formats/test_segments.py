import pytest

from pipeline.core.errors import FormatError
from pipeline.formats.segments import Segment, clip_of, file_of, join, named, parse


@pytest.mark.parametrize("segment", [Segment("frames", 3, 90), Segment("seconds", 12.5, 30.0)])
def test_a_path_keeps_its_part(segment):
    assert parse(join("a/b #1.mp4", segment)) == ("a/b #1.mp4", segment)


def test_a_path_without_a_part_is_whole():
    assert parse("a/b.mp4") == ("a/b.mp4", None)


def test_seconds_become_the_frames_that_touch_them():
    assert Segment("seconds", 1.0, 2.0).frames(100, 30.0) == range(30, 60)
    assert Segment("seconds", 0.01, 0.05).frames(100, 30.0) == range(2)


def test_frames_end_with_the_recording():
    assert Segment("frames", 5, 50).frames(20) == range(5, 20)


def test_a_part_outside_the_recording_is_refused():
    with pytest.raises(FormatError, match="lies outside the 20 frames"):
        Segment("frames", 20, 50).frames(20)


@pytest.mark.parametrize("place", ["9" * 400, "1" + "0" * 308])
def test_a_part_may_end_at_no_time_and_may_not_begin_there(place):
    assert parse(f"a.mp4#seconds=0-{place}")[1].frames(20, 30.0) == range(20)
    with pytest.raises(FormatError, match="lies outside the 20 frames"):
        Segment("seconds", float(place), float("inf")).frames(20, 30.0)


def test_seconds_need_a_frame_rate():
    with pytest.raises(FormatError, match="no frame rate"):
        Segment("seconds", 0, 1).frames(20, None)


def test_a_part_that_ends_before_it_begins_is_refused():
    with pytest.raises(FormatError, match="ends before it begins"):
        parse("a.mp4#frames=9-3")


def test_a_clip_in_a_file_is_found_by_its_name():
    assert clip_of(named("a/b.pkl", "S001")) == ("a/b.pkl", "S001")
    with pytest.raises(FormatError, match="no clip is named in it"):
        clip_of("a/b.pkl")


@pytest.mark.parametrize("name", ["a.avi", "#437_How_To #frames.avi", "a#frames=3.avi"])
def test_a_file_name_with_a_hash_is_no_part(name):
    assert file_of(name) == name
