import dataclasses
import hashlib
import json

import numpy as np
import pytest

from pipeline.core import store, tables
from pipeline.core.batches import Memory
from pipeline.core.errors import DataError, LeakError
from pipeline.core.schemas import SPLIT
from pipeline.training.lessons import ROLES, LabelledClips, Prepared, read_lessons

GROUPS = {"s0": {"fit": [0, 1], "val": [2], "unseen": [3]}}
# id: role, class as the split table tells it, held out
CLIPS = {
    "d/a": ("fit", 0, False),
    "d/b": ("fit", 1, False),
    "d/c": ("fit", 1, True),
    "d/d": ("val", 2, False),
    "d/e": ("seen_test", None, False),
    "d/f": ("unseen_test", None, False),
    "d/g": ("unused", None, False),
}


NAMES = ["jump", "run", "sit", "wave"]


def prepared(folder, ids=tuple(CLIPS), rejected=()):
    with store.create(folder / "x.zarr", {"rejected": [[i, "why"] for i in rejected]}) as writer:
        rows = np.arange(len(ids), dtype=np.float32).reshape(-1, 1)
        writer.group("all", sorted(ids)).put("x", rows)
    return Prepared(folder / "x.zarr")


def split(folder, **changes):
    clips = {**CLIPS, **{f"d/{name}": value for name, value in changes.items()}}
    rows = [
        {"split": "s0", "clip_id": clip, "role": role, "class_id": label, "held_out": held_out}
        for clip, (role, label, held_out) in clips.items()
    ]
    tables.write(folder / "s.parquet", SPLIT, rows, {"class_names": NAMES, "splits": GROUPS})
    return folder / "s.parquet"


def test_fit_clips_teach_and_held_out_ones_examine(tmp_path):
    lessons = read_lessons(split(tmp_path), "s0", "fit", prepared(tmp_path))
    assert (lessons.rows, lessons.labels) == ([0, 1], [0, 1])
    assert (lessons.held_out_rows, lessons.held_out_labels) == ([2], [1])
    assert (lessons.training_classes, lessons.training_names) == ([0, 1], ["jump", "run"])
    assert lessons.unseen_classes == [3]


def test_clips_of_a_store_come_as_those_in_memory_do(tmp_path):
    arrays = prepared(tmp_path)
    clips = LabelledClips(arrays, [1, 4, 2, 6], [9, 5, 5, 9], [5, 9], batch_size=3, shuffled=True)
    memory = Memory({"x": np.array([[1.0], [4.0], [2.0], [6.0]]), "label": np.array([1, 0, 0, 1])}, 3)
    for epoch in range(2):
        for rows, expected in zip(clips.steps(7, epoch), memory.steps(7, epoch), strict=True):
            assert rows.tolist() == expected.tolist()
            found = clips.read(rows, 0)
            assert found["x"].tolist() == memory.read(rows, 0)["x"].tolist()
            assert found["label"].tolist() == memory.read(rows, 0)["label"].tolist()
    assert clips.names(np.array([3, 0])) == ["d/g", "d/b"]
    held_out = dataclasses.replace(clips, shuffled=False)
    assert [rows.tolist() for rows in held_out.steps(7, 0)] == [[0, 1, 2], [3]]


def test_seen_adds_the_validation_classes(tmp_path):
    lessons = read_lessons(split(tmp_path), "s0", "seen", prepared(tmp_path))
    assert (lessons.rows, lessons.labels) == ([0, 1, 3], [0, 1, 2])
    assert lessons.training_classes == [0, 1, 2]


def digest(*names):
    return hashlib.sha256(json.dumps([f"d/{name}" for name in names], separators=(",", ":")).encode()).hexdigest()


def test_the_clips_of_the_roles_are_named_with_those_held_out(tmp_path):
    lessons = {classes: read_lessons(split(tmp_path), "s0", classes, prepared(tmp_path)) for classes in ROLES}
    assert lessons["fit"].training_clips == digest("a", "b", "c")
    assert lessons["seen"].training_clips == digest("a", "b", "c", "d")


def test_a_rejected_clip_does_not_change_the_name_of_the_clips(tmp_path):
    """So the split table alone tells it, whichever arrays the encoder was trained on."""
    fewer = prepared(tmp_path, ids=("d/b", "d/c"), rejected=("d/a",))
    assert read_lessons(split(tmp_path), "s0", "fit", fewer).training_clips == digest("a", "b", "c")


def test_clips_of_other_subjects_have_another_name(tmp_path):
    other = split(tmp_path, a=("unused", None, False), g=("fit", 0, False))
    assert read_lessons(other, "s0", "fit", prepared(tmp_path)).training_clips == digest("b", "c", "g")


def test_of_named_classes_the_clips_of_these_are_named(tmp_path):
    lessons = read_lessons(split(tmp_path), "s0", "fit", prepared(tmp_path), only=[1])
    assert lessons.training_clips == digest("b", "c")


def test_rows_are_joined_by_id(tmp_path):
    fewer = prepared(tmp_path, ids=("d/b", "d/c", "d/x"), rejected=("d/a",))
    lessons = read_lessons(split(tmp_path), "s0", "fit", fewer)
    assert (lessons.rows, lessons.held_out_rows) == ([0], [1])


def test_a_clip_that_is_neither_there_nor_rejected_is_missed(tmp_path):
    with pytest.raises(DataError, match=r"lacks 1 clips of .*, first d/a; run `dvc repro`"):
        read_lessons(split(tmp_path), "s0", "fit", prepared(tmp_path, ids=("d/b", "d/c")))


@pytest.mark.parametrize(
    ("classes", "clip"), [("fit", ("fit", 3, False)), ("fit", ("fit", 2, False)), ("seen", ("val", 3, False))]
)
def test_a_clip_of_a_class_that_must_stay_unknown_is_a_leak(classes, clip, tmp_path):
    with pytest.raises(LeakError, match=r"gives clip d/g of class \d the role"):
        read_lessons(split(tmp_path, g=clip), "s0", classes, prepared(tmp_path))


def test_a_clip_without_its_class_is_not_learnt_from(tmp_path):
    with pytest.raises(LeakError, match="of class None"):
        read_lessons(split(tmp_path, g=("fit", None, False)), "s0", "fit", prepared(tmp_path))


def test_a_split_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no split 's1', found \['s0'\]"):
        read_lessons(split(tmp_path), "s1", "fit", prepared(tmp_path))


def test_a_split_without_held_out_clips_is_refused(tmp_path):
    with pytest.raises(DataError, match="3 clips to train on and 0 held out"):
        read_lessons(split(tmp_path, c=("fit", 1, False)), "s0", "fit", prepared(tmp_path))
