import json

import numpy as np
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import kinetics_json


def frame(index: int, people: int = 1) -> dict:
    body = {"pose": [round(0.01 * i, 3) for i in range(36)], "score": [0.5] * 18}
    return {"frame_index": index, "skeleton": [body] * people}


def written(path, **changes):
    tree = {"data": [frame(1), frame(3, 2)], "label": "riding a bike", "label_index": 7} | changes
    path.write_text(json.dumps(tree))
    return path


def test_a_frame_index_is_the_place_in_time(tmp_path):
    poses = kinetics_json.read(written(tmp_path / "a.json"))
    xyz_MTV3 = poses.skeleton.xyz_MTV3
    assert (poses.skeleton.layout, xyz_MTV3.shape) == ("openpose18", (2, 4, 18, 3))
    assert (poses.label, poses.label_index) == ("riding a bike", 7)
    assert xyz_MTV3[0, 1, 5].tolist() == pytest.approx([0.10, 0.11, 0.5])
    assert np.isnan(xyz_MTV3[:, [0, 2]]).all()
    assert np.isnan(xyz_MTV3[1, 1]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": [frame(300)]}, "frame_index 300"),
        ({"data": [frame(-1)]}, "frame_index -1"),
        ({"data": []}, "no body in any frame"),
        ({"data": [frame(0, 0)]}, "no body in any frame"),
        ({"data": [frame(0, 51)]}, "51 people"),
        ({"data": [{"frame_index": 0, "skeleton": [{"pose": [1.0], "score": [1.0] * 18}]}]}, "not a Kinetics-Skeleton"),
        (
            {"data": [{"frame_index": 0, "skeleton": [{"pose": [1e999] * 36, "score": [1.0] * 18}]}]},
            "not readable as JSON",  # which has no word for what is not finite
        ),
        ({"data": [frame(1), frame(2), frame(1)]}, "a frame_index stands there twice"),
        ({"data": [{"frame_index": True, "skeleton": []}]}, "not a Kinetics-Skeleton"),
        ({"label": "\ud800"}, "not readable as JSON"),
        ({"label": ["x"]}, "not a Kinetics-Skeleton"),
        (
            {"data": [{"frame_index": 0, "skeleton": [{"pose": [1e308] * 36, "score": [1.0] * 18}]}]},
            "frame 0 is not a finite",
        ),
        ({"data": 3}, "not a Kinetics-Skeleton"),
        ({"label_index": None}, "not a Kinetics-Skeleton"),
    ],
)
def test_a_file_that_is_not_as_described_is_refused(tmp_path, changes, message):
    with pytest.raises(FormatError, match=message):
        kinetics_json.read(written(tmp_path / "a.json", **changes))


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 200_000, b"\xff\xfe"])
def test_what_is_no_json_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(FormatError, match=r"not readable as JSON|not a Kinetics-Skeleton file"):
        kinetics_json.read(tmp_path / "a.json")


def test_a_label_file_tells_every_video_and_which_have_no_skeleton(tmp_path):
    entry = {"has_skeleton": True, "label": "x", "label_index": 4}
    for side in ("train", "val"):
        path = tmp_path / f"kinetics_{side}_label.json"
        path.write_text(json.dumps({"a": entry, "b": entry | {"has_skeleton": False}}))
    seen, unseen = kinetics_json.read_clips(path)
    assert (seen.name, seen.recording, seen.label, seen.fault) == ("a", "a", 4, None)
    assert unseen.fault.startswith("empty: ")
    assert kinetics_json.read_sides(path) == ([], ["a", "b"])
    assert kinetics_json.read_sides(tmp_path / "kinetics_train_label.json") == (["a", "b"], [])


@pytest.mark.parametrize("label", ["Infinity", "null", '"x"'])
def test_a_label_file_whose_class_is_no_number_is_refused(tmp_path, label):
    path = tmp_path / "kinetics_val_label.json"
    path.write_text(f'{{"a": {{"has_skeleton": true, "label_index": {label}}}}}')
    with pytest.raises(FormatError, match="not a Kinetics-Skeleton label file"):
        kinetics_json.read_clips(path)


def test_scores_stand_in_the_third_channel(tmp_path):
    poses = kinetics_json.read(written(tmp_path / "a.json"))
    assert np.all(poses.skeleton.xyz_MTV3[:, 3, :, 2] == 0.5)


@pytest.mark.parametrize("content", [b"[],", b"0,", b'{"":[]},'], ids=["empty lists", "zeros", "objects"])
@pytest.mark.parametrize("around", [b"[%s0]", b'{"data":[%s0]}', b'{"data":[{"skeleton":[{"pose":[%s0]}]}]}'])
def test_sixty_megabytes_of_nothing_are_refused_at_once(tmp_path, monkeypatch, content, around):
    monkeypatch.setattr(kinetics_json, "_MAX_BYTES", 64 << 20)
    (tmp_path / "a.json").write_bytes(around % (content * ((60 << 20) // len(content))))
    for read in (kinetics_json.read, kinetics_json.read_clips):
        with pytest.raises(FormatError, match="not a Kinetics-Skeleton"):
            read(tmp_path / "a.json")


def test_a_name_with_half_a_surrogate_pair_is_refused(tmp_path):
    (tmp_path / "a.json").write_text('{"\\ud800": {"has_skeleton": true, "label_index": 3}}')
    with pytest.raises(FormatError, match="not readable as JSON"):
        kinetics_json.read_clips(tmp_path / "a.json")


def test_a_folder_in_place_of_the_file_is_said(tmp_path):
    with pytest.raises(FormatError, match="a folder, expected a Kinetics-Skeleton file"):
        kinetics_json.read(tmp_path)
