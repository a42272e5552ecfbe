import pickle
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import FormatError
from pipeline.formats import annotations_pickle, plain_pickle


def entry(name: str = "S001C001P001R001A003", **changes) -> dict:
    joints = np.arange(2 * 5 * 25 * 3, dtype=np.float16).reshape(2, 5, 25, 3)
    return {"frame_dir": name, "label": 2, "total_frames": 5, "keypoint": joints} | changes


def written(path: Path, tree: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(tree, protocol))
    return path


def tree(*entries: dict) -> dict:
    return {"split": {"xsub_train": [e["frame_dir"] for e in entries]}, "annotations": list(entries)}


@pytest.mark.parametrize("protocol", range(6))
def test_every_pickle_protocol_gives_the_same_clips(tmp_path, protocol):
    clips = annotations_pickle.read(written(tmp_path / "a.pkl", tree(entry()), protocol))
    clip = clips.clips["S001C001P001R001A003"]
    assert clips.splits == {"xsub_train": ["S001C001P001R001A003"]}
    assert (clip.class_id, clip.skeleton.layout) == (2, "ntu25")
    assert np.array_equal(clip.skeleton.xyz_MTV3, entry()["keypoint"].astype(np.float32))


def test_the_score_of_a_flat_estimate_is_the_third_coordinate(tmp_path):
    flat = {
        "keypoint": np.ones((1, 5, 17, 2)),
        "keypoint_score": np.asfortranarray(np.linspace(0, 1, 85).reshape(1, 5, 17)),
    }
    clip = annotations_pickle.read(written(tmp_path / "a.pkl", tree(entry(**flat)))).clips["S001C001P001R001A003"]
    assert clip.skeleton.layout == "coco17"
    assert np.allclose(clip.skeleton.xyz_MTV3[..., 2], flat["keypoint_score"])


def test_a_body_of_zeros_is_absent(tmp_path):
    joints = np.ones((2, 5, 25, 3))
    joints[1, 2:] = 0
    clip = annotations_pickle.read(written(tmp_path / "a.pkl", tree(entry(keypoint=joints)))).clips[
        "S001C001P001R001A003"
    ]
    absent = np.isnan(clip.skeleton.xyz_MTV3).all(axis=(2, 3))
    assert absent.tolist() == [[False] * 5, [False, False, True, True, True]]


def test_numpy_numbers_and_big_endian_arrays_are_read(tmp_path):
    e = entry(label=np.int64(3), total_frames=np.int32(5), keypoint=entry()["keypoint"].astype(">f4"))
    clip = annotations_pickle.read(written(tmp_path / "a.pkl", OrderedDict(tree(e)))).clips["S001C001P001R001A003"]
    assert (clip.class_id, clip.skeleton.xyz_MTV3[0, 0, 0, 2]) == (3, 2.0)


class Shell:
    def __reduce__(self):
        return (Path.touch, (Path("owned"),))


class Builtin:
    def __reduce__(self):
        return (eval, ("1",))


@pytest.mark.parametrize("bad", [Shell(), Builtin(), Path("x"), np.random.default_rng])
def test_a_program_in_the_pickle_is_refused_and_not_run(tmp_path, monkeypatch, bad):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FormatError, match="which is refused"):
        annotations_pickle.read(written(tmp_path / "a.pkl", tree(entry(extra=bad))))
    assert not Path("owned").exists()


def test_an_array_of_objects_is_refused(tmp_path):
    with pytest.raises(FormatError, match="only plain numbers"):
        annotations_pickle.read(written(tmp_path / "a.pkl", tree(entry(keypoint=np.array([None, {}])))))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (entry(total_frames=6), r"shape \(2, 5, 25, 3\), expected \(M, 6, V, C\)"),
        (entry(keypoint=np.full((1, 5, 25, 3), np.nan)), "not a finite number"),
        (entry(keypoint=np.full((1, 5, 25, 3), 1e300)), "not a finite number"),
        (entry(keypoint=[1, 2]), "not an annotation pickle"),
        (entry(label=2.5), "expected a whole number, found float"),
        (entry(label=True), "expected a whole number, found bool"),
        (entry(keypoint=np.ones((2, 5, 17, 2)), keypoint_score=np.ones((2, 5, 24))), "keypoint_score should be"),
        (entry(keypoint=np.ones((2, 5, 11, 3))), "11 joints of 3 values"),
        ({"frame_dir": "x"}, "not an annotation pickle"),
    ],
)
def test_an_annotation_that_does_not_fit_is_refused(tmp_path, bad, message):
    with pytest.raises(FormatError, match=message):
        annotations_pickle.read(written(tmp_path / "a.pkl", tree(bad)))


def nested(levels: int) -> list:
    """Some hundred bytes of pickle that as text would be 2 to the power of `levels` letters."""
    value: list = ["a"]
    for _ in range(levels):
        value = [value, value]
    return value


@pytest.mark.parametrize("place", ["frame_dir", "total_frames", "label", "split", "clip"])
def test_a_name_is_text_and_nothing_that_must_be_made_text(tmp_path, place):
    content = tree(entry(**{place: nested(5)} if place in entry() else {}))
    content["split"] = {"a": nested(5) if place == "split" else [nested(5)]} if place in ("split", "clip") else {}
    with pytest.raises(FormatError, match=r"a\.pkl: not an annotation pickle \(TypeError: "):
        annotations_pickle.read(written(tmp_path / "a.pkl", content))


def test_lists_that_hold_themselves_over_and_over_are_refused(tmp_path):
    with pytest.raises(FormatError, match="the same values over and over"):
        annotations_pickle.read(written(tmp_path / "a.pkl", tree(entry(label=nested(60)))))


@pytest.mark.parametrize("name", ["a\nb", "a#b", "a/b", "", "\ud800"])
def test_a_name_that_no_path_can_hold_is_refused(tmp_path, name):
    with pytest.raises(FormatError, match=r"a name should be printable|UnicodeDecodeError"):
        annotations_pickle.read(written(tmp_path / "a.pkl", tree(entry(name))))


class OfNestedType:
    def __reduce__(self):
        return np.dtype, (nested(5),)


def test_a_type_is_text_and_nothing_that_must_be_made_text(tmp_path):
    with pytest.raises(FormatError, match="arrays of type list are refused"):
        annotations_pickle.read(written(tmp_path / "a.pkl", OfNestedType()))


def test_what_a_file_unpacks_to_is_bounded_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_pickle, "MEMORY_BYTES", 64 << 20)
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04(" + b"]" * 12_000_000 + b"l.")  # far more than is free already
    with pytest.raises(FormatError, match=r"not a readable pickle \(MemoryError\)"):
        annotations_pickle.read(tmp_path / "a.pkl")


def test_two_annotations_of_one_name_are_refused(tmp_path):
    with pytest.raises(FormatError, match="two annotations have one name"):
        annotations_pickle.read(written(tmp_path / "a.pkl", tree(entry(), entry())))


def test_a_split_that_names_a_missing_clip_is_refused(tmp_path):
    with pytest.raises(FormatError, match="names 'nobody'"):
        annotations_pickle.read(written(tmp_path / "a.pkl", tree(entry()) | {"split": {"a": ["nobody"]}}))


@pytest.mark.parametrize(
    "content",
    [b"", b"junk", b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b"x.", b"\x80\x04Nr\xff\xff\xff\x7f."],
    ids=["empty", "junk", "a terabyte promised", "a huge memo index"],
)
def test_a_broken_pickle_is_refused_in_bounded_memory(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(FormatError, match=r"a\.pkl"):
        annotations_pickle.read(tmp_path / "a.pkl")


def test_any_damage_is_read_or_refused_but_never_crashes(tmp_path):
    good = pickle.dumps(tree(entry(), entry("b")), 4)
    rng = np.random.default_rng(0)
    for _ in range(300):
        data = bytearray(good)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(0, 256)
        (tmp_path / "a.pkl").write_bytes(bytes(data))
        with suppress(FormatError):  # any other error fails the test
            annotations_pickle.read(tmp_path / "a.pkl")


def test_a_clip_is_read_by_its_path_and_the_file_only_once(tmp_path, monkeypatch):
    path = written(tmp_path / "a.pkl", tree(entry(), entry("b", keypoint=np.ones((1, 5, 25, 3)))))
    read = annotations_pickle.beside(lambda path: path.name)
    assert read(Path("x.skeleton")) == "x.skeleton"
    assert read(tmp_path / "a.pkl#clip=b").xyz_MTV3.shape == (1, 5, 25, 3)
    monkeypatch.setattr(annotations_pickle, "read", None)
    assert read(tmp_path / "a.pkl#clip=S001C001P001R001A003").xyz_MTV3.shape == (2, 5, 25, 3)
    assert [clip.part for clip in annotations_pickle.read_clips(path)] == ["#clip=S001C001P001R001A003", "#clip=b"]
    with pytest.raises(FormatError, match="holds no clip 'c'"):
        read(tmp_path / "a.pkl#clip=c")
