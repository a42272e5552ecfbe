import pickle
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.core.errors import FormatError
from pipeline.formats import action_genome as ag

KEY = "AB12C.mp4/000031.png"


def entry(**changes) -> dict:
    about = {"tag": KEY, "set": "train"}
    relations = {
        "attention_relationship": ["looking_at"],
        "spatial_relationship": ["in_front_of"],
        "contacting_relationship": ["holding"],
    }
    return {
        "class": "cup/glass/bottle",
        "bbox": (1.0, 2.0, 3.0, 4.0),
        **relations,
        "visible": True,
        "metadata": about,
    } | changes


def persons(num: int = 1, **changes) -> dict:
    boxes = np.tile(np.array([10, 20, 30, 60], np.float32), (num, 1))
    return {
        "bbox": boxes,
        "bbox_score": np.full(num, 0.9, np.float32),
        "bbox_size": (480, 270),
        "bbox_mode": "xyxy",
    } | changes


def corpus(folder: Path, objects=None, people=None, frames: str | None = None) -> Path:
    ag.write(folder, {KEY: [entry()]} if objects is None else objects, {KEY: persons()} if people is None else people)
    if frames is not None:
        (folder / ag.FRAMES).write_text(frames)
    return folder


def test_a_frame_comes_back(tmp_path):
    frame = ag.Annotations(corpus(tmp_path)).read(KEY)
    assert frame.objects[0].box_xywh == (1, 2, 3, 4)
    assert frame.objects[0].relations == {
        "attention": ["looking_at"],
        "spatial": ["in_front_of"],
        "contacting": ["holding"],
    }
    assert frame.persons[0].box_xyxy == (10, 20, 30, 60)
    assert frame.size == (480, 270)
    assert frame.objects[0].subset == "train"


def test_an_object_that_is_not_seen_has_no_box_and_no_relations(tmp_path):
    nothing = dict.fromkeys(("bbox", "attention_relationship", "spatial_relationship", "contacting_relationship"))
    frame = ag.Annotations(corpus(tmp_path, {KEY: [entry(visible=False, **nothing)]})).read(KEY)
    assert (frame.objects[0].visible, frame.objects[0].box_xywh, frame.objects[0].relations) == (False, None, {})


def test_a_frame_may_have_nobody(tmp_path):
    assert ag.Annotations(corpus(tmp_path, people={KEY: persons(0)})).read(KEY).persons == []


@pytest.mark.parametrize(
    ("objects", "people", "reason"),
    [
        ({KEY: [entry(bbox=(1, 2, 3))]}, None, "bbox is not four numbers"),
        ({KEY: [entry(bbox=(1, 2, 3, float("nan")))]}, None, "bbox is not four numbers"),
        ({KEY: [entry(bbox="abcd")]}, None, "expected numbers"),
        ({KEY: [entry(contacting_relationship=[3])]}, None, "something other than names"),
        ({KEY: [entry(spatial_relationship="in")]}, None, "expected a list"),
        ({KEY: [{"class": "cup"}]}, None, "key 'visible' is missing"),
        ({KEY: {"class": "cup"}}, None, "expected a list"),
        ({KEY: [entry(metadata={"set": "validation"})]}, None, "set 'validation'"),
        (None, {}, "lacks the frame"),
        (None, {KEY: persons(1, bbox_mode="xywh")}, "not in mode xyxy"),
        (None, {KEY: persons(2, bbox_score=np.ones(1))}, "without a score each"),
        (None, {KEY: persons(1, bbox=np.ones((1, 3)))}, "rows of 4"),
        (None, {KEY: persons(1, bbox_size=(3,))}, "rows of 2"),
        (None, {KEY: persons(1, bbox_size=(10**400, 2))}, "expected numbers"),
        (None, {KEY: persons(1, bbox_size=(480.5, 270))}, "not a width and a height"),
        (None, {KEY: persons(1, bbox_size=(-480, 270))}, "not a width and a height"),
        ({KEY: [entry(bbox=[[[1, 2, 3, 4]]])]}, None, "expected numbers, found list"),
        ({KEY: [entry(metadata={"set": [["train"]]})]}, None, "set a list"),
        ({KEY: [entry(visible="False")]}, None, "visible is a str, expected a bool"),
    ],
)
def test_a_bad_entry_is_one_bad_frame(tmp_path, objects, people, reason):
    with pytest.raises(ag.BadFrameError, match=reason):
        ag.Annotations(corpus(tmp_path, objects, people)).read(KEY)


def test_a_frame_listed_twice_is_bad(tmp_path):
    with pytest.raises(ag.BadFrameError, match="twice"):
        ag.Annotations(corpus(tmp_path, frames=f"{KEY}\n{KEY}\n")).read(KEY)


@pytest.mark.parametrize(
    ("frames", "message"),
    [("other.mp4/000001.png\n", "2 frames stand in only one"), ("../x.png\n", "leads out of the folder")],
)
def test_files_that_disagree_or_escape_are_refused(tmp_path, frames, message):
    with pytest.raises(FormatError, match=message):
        ag.Annotations(corpus(tmp_path, frames=frames))


def test_a_pickle_that_is_no_dict_is_refused(tmp_path):
    corpus(tmp_path)
    (tmp_path / ag.OBJECTS).write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(FormatError, match="expected a dict by frame name, found list"):
        ag.Annotations(tmp_path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from([*entry(), *persons()]), value=VALUES)
def test_any_value_anywhere_is_read_or_refused_as_a_bad_frame(tmp_path, key, value):
    objects = {KEY: [entry(**{key: value})]} if key in entry() else None
    people = {KEY: persons(1, **{key: value})} if key in persons() else None
    with suppress(ag.BadFrameError):
        ag.Annotations(corpus(tmp_path, objects, people)).read(KEY)


def doubled(levels: int) -> list:
    value: list = [1.0, 2.0]
    for _ in range(levels):
        value = [value, value]
    return value


@pytest.mark.parametrize("changes", [{"bbox": doubled(60)}, {"metadata": {"set": doubled(60)}}, {"class": "\ud800"}])
def test_doubled_lists_and_broken_text_are_refused_with_the_file(tmp_path, changes):
    with pytest.raises(FormatError, match=r"the same values over and over|UnicodeDecodeError"):
        ag.Annotations(corpus(tmp_path, {KEY: [entry(**changes)]}))


def test_a_folder_in_place_of_a_file_is_said(tmp_path):
    corpus(tmp_path)
    (tmp_path / ag.FRAMES).unlink()
    (tmp_path / ag.FRAMES).mkdir()
    with pytest.raises(FormatError, match="a folder, expected one frame a line"):
        ag.Annotations(tmp_path)
