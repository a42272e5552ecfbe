import dataclasses
import hashlib
import json

import numpy as np
import pytest

from pipeline.core import split_table
from pipeline.core.batches import Memory
from pipeline.core.errors import DataError, LeakError
from pipeline.training.training_set import ROLES, LabelledClips, Prepared, training_set_of
from tests import toy
from tests.core.table_rows import split_row

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
    x = np.arange(len(ids), dtype=np.float32).reshape(-1, 1)
    toy.write_arrays(folder / "x.zarr", sorted(ids), x, rejected=[[i, "why"] for i in rejected])
    return Prepared(folder / "x.zarr")


def split(folder, **changes):
    clips = {**CLIPS, **{f"d/{name}": value for name, value in changes.items()}}
    columns = ("role", "class_id", "held_out")
    rows = [split_row(clip_id=clip, **dict(zip(columns, values, strict=True))) for clip, values in clips.items()]
    toy.write_split(folder / "s.parquet", rows, GROUPS, class_names=NAMES)
    return split_table.read(folder / "s.parquet", list(GROUPS))


def test_fit_clips_teach_and_held_out_ones_examine(tmp_path):
    training_set = training_set_of(split(tmp_path), "s0", "fit", prepared(tmp_path))
    assert (training_set.rows, training_set.labels) == ([0, 1], [0, 1])
    assert (training_set.held_out_rows, training_set.held_out_labels) == ([2], [1])
    assert (training_set.training_classes, training_set.training_names) == ([0, 1], ["jump", "run"])
    assert training_set.unseen_classes == [3]


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


def added(x, random):
    return x + random.uniform(1, 2, size=x.shape).astype(np.float32)


def test_of_a_clip_a_variant_is_read_that_depends_on_clip_and_seed_alone(tmp_path):
    plain = LabelledClips(prepared(tmp_path), [1, 4, 2, 6], [9, 5, 5, 9], [5, 9], 3, shuffled=True)
    varied = dataclasses.replace(plain, variant=added)
    together, alone = varied.read(np.array([3, 0]), 7), varied.read(np.array([0]), 7)
    assert together["x"].dtype == np.float32
    assert together["x"][1].tolist() == alone["x"][0].tolist()
    assert together["label"].tolist() == plain.read(np.array([3, 0]), 7)["label"].tolist()
    drawn = together["x"] - plain.read(np.array([3, 0]), 7)["x"]
    assert ((drawn >= 1) & (drawn < 2.01)).all()
    assert drawn[0] != drawn[1]
    assert varied.read(np.array([0]), 8)["x"].tolist() != alone["x"].tolist()


def test_seen_adds_the_validation_classes(tmp_path):
    training_set = training_set_of(split(tmp_path), "s0", "seen", prepared(tmp_path))
    assert (training_set.rows, training_set.labels) == ([0, 1, 3], [0, 1, 2])
    assert training_set.training_classes == [0, 1, 2]


def digest(*names):
    return hashlib.sha256(json.dumps([f"d/{name}" for name in names], separators=(",", ":")).encode()).hexdigest()


def test_the_clips_of_the_roles_are_named_with_those_held_out(tmp_path):
    training_set = {classes: training_set_of(split(tmp_path), "s0", classes, prepared(tmp_path)) for classes in ROLES}
    assert training_set["fit"].training_clips == digest("a", "b", "c")
    assert training_set["seen"].training_clips == digest("a", "b", "c", "d")


def test_a_rejected_clip_does_not_change_the_name_of_the_clips(tmp_path):
    """So the split table alone tells it, whichever arrays the encoder was trained on."""
    fewer = prepared(tmp_path, ids=("d/b", "d/c"), rejected=("d/a",))
    assert training_set_of(split(tmp_path), "s0", "fit", fewer).training_clips == digest("a", "b", "c")


def test_clips_of_other_subjects_have_another_name(tmp_path):
    other = split(tmp_path, a=("unused", None, False), g=("fit", 0, False))
    assert training_set_of(other, "s0", "fit", prepared(tmp_path)).training_clips == digest("b", "c", "g")


def test_of_named_classes_the_clips_of_these_are_named(tmp_path):
    training_set = training_set_of(split(tmp_path), "s0", "fit", prepared(tmp_path), only=[1])
    assert training_set.training_clips == digest("b", "c")


def test_rows_are_joined_by_id(tmp_path):
    fewer = prepared(tmp_path, ids=("d/b", "d/c", "d/x"), rejected=("d/a",))
    training_set = training_set_of(split(tmp_path), "s0", "fit", fewer)
    assert (training_set.rows, training_set.held_out_rows) == ([0], [1])


def test_a_clip_that_is_neither_there_nor_rejected_is_missed(tmp_path):
    with pytest.raises(DataError, match=r"lacks 1 clips of .*, first d/a; run `dvc repro`"):
        training_set_of(split(tmp_path), "s0", "fit", prepared(tmp_path, ids=("d/b", "d/c")))


@pytest.mark.parametrize(
    ("classes", "clip"), [("fit", ("fit", 3, False)), ("fit", ("fit", 2, False)), ("seen", ("val", 3, False))]
)
def test_a_clip_of_a_class_that_must_stay_unknown_is_a_leak(classes, clip, tmp_path):
    with pytest.raises(LeakError, match=r"gives clip d/g of class \d the role"):
        training_set_of(split(tmp_path, g=clip), "s0", classes, prepared(tmp_path))


def test_a_clip_without_its_class_is_not_learnt_from(tmp_path):
    with pytest.raises(LeakError, match="of class None"):
        training_set_of(split(tmp_path, g=("fit", None, False)), "s0", "fit", prepared(tmp_path))


def test_a_split_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no split 's1', found \['s0'\]"):
        training_set_of(split(tmp_path), "s1", "fit", prepared(tmp_path))


def test_a_split_without_held_out_clips_is_refused(tmp_path):
    with pytest.raises(DataError, match="3 clips to train on and 0 held out"):
        training_set_of(split(tmp_path, c=("fit", 1, False)), "s0", "fit", prepared(tmp_path))
