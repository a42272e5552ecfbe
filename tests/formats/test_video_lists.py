"""The lists that come with datasets of videos: Kinetics' CSV, HMDB51's test lists, ActivityNet's annotations."""

import json

import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import activitynet, hmdb, kinetics_csv


def test_a_list_of_kinetics_gives_clips_and_sides(tmp_path):
    text = "label,youtube_id,time_start,time_end,split\ntai chi,a,1,11,train\n,b,1,11,test\nzumba,c,0,10,validate\n"
    (tmp_path / "k.csv").write_text(text)
    clips = kinetics_csv.read_clips(tmp_path / "k.csv")
    assert [(clip.name, clip.label) for clip in clips] == [("a", "tai chi"), ("b", ""), ("c", "zumba")]
    assert kinetics_csv.read_sides(tmp_path / "k.csv") == (["a"], ["c"])


def test_a_subset_that_kinetics_does_not_have_is_refused(tmp_path):
    (tmp_path / "k.csv").write_text("youtube_id,split\na,train\nb,dev\n")
    with pytest.raises(FormatError, match="line 3: split 'dev', expected one of"):
        kinetics_csv.read_sides(tmp_path / "k.csv")


@pytest.mark.parametrize(
    ("path", "recording"),
    [
        ("train/tai chi/_-abcdefghi_000001_000011.mp4", "_-abcdefghi"),
        ("_-abcdefghi.webm", "_-abcdefghi"),
        ("val/abcdefghijkl.mp4", None),
        ("abcdefghijk_1_11.mp4", None),
    ],
)
def test_a_video_of_kinetics_is_known_by_its_id(path, recording):
    match = kinetics_csv.VIDEOS.search(path)
    assert (match and match["recording"]) == recording


def test_a_list_of_hmdb_tells_who_trains_and_who_tests(tmp_path):
    (tmp_path / "l.txt").write_text("a (1).avi 1 \n#b.avi 2 \nc.avi 0 \nd e.avi 1\n")
    assert hmdb.read_sides(tmp_path / "l.txt") == (["a (1)", "d e"], ["#b"])


@pytest.mark.parametrize("content", [b"a.avi 3\n", b"a.avi\n", b"1\n", b"\xff 1\n"])
def test_a_line_that_is_none_of_hmdb_is_refused(tmp_path, content):
    (tmp_path / "l.txt").write_bytes(content)
    with pytest.raises(FormatError, match=r"line 1: expected a file name|not a readable text file"):
        hmdb.read_sides(tmp_path / "l.txt")


def database(tmp_path, entry):
    (tmp_path / "a.json").write_text(json.dumps({"database": {"a": entry}}))
    return tmp_path / "a.json"


def test_annotations_larger_than_the_released_ones_are_refused_unread(tmp_path):
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(FormatError, match="larger than 64 MiB, not ActivityNet's annotations"):
        activitynet.read_clips(tmp_path / "a.json")


@pytest.mark.parametrize("second", ["1" + "0" * 400, "null", '"x"'])
def test_a_segment_that_is_no_time_is_refused_with_its_place(tmp_path, second):
    path = database(tmp_path, {"subset": "training", "annotations": [{"segment": [0, 7], "label": "x"}]})
    path.write_text(path.read_text().replace("7", second))
    with pytest.raises(FormatError, match=r"a\.json: annotation 0 of a \("):
        activitynet.read_clips(path)


def test_a_segment_of_activitynet_is_a_part_in_seconds(tmp_path):
    told = [{"segment": [0.25, 9], "label": "x"}, {"segment": [-1, 2], "label": "y"}]
    path = database(tmp_path, {"subset": "training", "annotations": told})
    good, bad = activitynet.read_clips(path)
    assert (good.name, good.recording, good.part, good.fault) == ("a#seconds=0.25-9", "a", "#seconds=0.25-9", None)
    assert (bad.name, bad.fault) == ("a#annotation=1", "segment: -1.0 to 2.0 seconds cannot be")
    assert activitynet.read_sides(path) == (["a"], [])


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {"subset": "training"},
        {"subset": "training", "annotations": 3},
        {"subset": "training", "annotations": [3]},
        {"subset": "training", "annotations": [{"segment": [1], "label": "x"}]},
        {"subset": "training", "annotations": [{"segment": ["a", 2], "label": "x"}]},
    ],
)
def test_annotations_of_another_structure_are_refused(tmp_path, entry):
    with pytest.raises(FormatError, match=r"a\.json"):
        activitynet.read_clips(database(tmp_path, entry))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"[" * 100_000])
def test_what_is_no_json_of_activitynet_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(FormatError, match="not ActivityNet's annotations"):
        activitynet.read_clips(tmp_path / "a.json")


def test_a_segment_from_minus_zero_begins_at_zero(tmp_path):
    told = [{"segment": [-0.0, 7], "label": "x"}, {"segment": [1.0000001, 1.0000002], "label": "x"}]
    good, bad = activitynet.read_clips(database(tmp_path, {"subset": "training", "annotations": told}))
    assert (good.part, good.fault) == ("#seconds=0-7", None)
    assert bad.fault == "segment: 1.0 to 1.0 seconds cannot be"


@pytest.mark.parametrize("content", [b"[],", b"0,", b'{"":[]},'], ids=["empty lists", "zeros", "objects"])
@pytest.mark.parametrize("around", [b"[%s0]", b'{"database":[%s0]}', b'{"database":{"a":{"annotations":[%s0]}}}'])
def test_sixty_megabytes_of_nothing_are_refused_at_once(tmp_path, content, around):
    (tmp_path / "a.json").write_bytes(around % (content * ((60 << 20) // len(content))))
    with pytest.raises(FormatError, match="not ActivityNet's annotations"):
        activitynet.read_clips(tmp_path / "a.json")


@pytest.mark.parametrize("entry", ['{"subset": "\\ud800", "annotations": []}', '{"subset": "x", "annotations": 3}'])
def test_half_a_surrogate_pair_is_refused(tmp_path, entry):
    (tmp_path / "a.json").write_text(f'{{"database": {{"\\udfff": {entry}}}}}')
    with pytest.raises(FormatError, match="not ActivityNet's annotations"):
        activitynet.read_sides(tmp_path / "a.json")


@pytest.mark.parametrize("name", ["", "a\\nb", "\\u0000"])
def test_a_video_whose_name_cannot_be_shown_is_refused(tmp_path, name):
    (tmp_path / "a.json").write_text(f'{{"database": {{"{name}": {{"subset": "training", "annotations": []}}}}}}')
    with pytest.raises(FormatError, match="cannot name a video"):
        activitynet.read_clips(tmp_path / "a.json")


@pytest.mark.parametrize("read", [activitynet.read_clips, hmdb.read_sides, kinetics_csv.read_clips])
def test_a_folder_in_place_of_a_list_is_said(tmp_path, read):
    with pytest.raises(FormatError, match="a folder, expected"):
        read(tmp_path)
