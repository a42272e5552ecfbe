"""Published vectors, from the arrays of their authors to an evaluated row."""

# Shapes: N clips, D feature size, T text size.
import json

import numpy as np
import pytest

from pipeline.commands import raw
from pipeline.core import stamp, store, tables
from pipeline.core.errors import DataError, FormatError, LeakError
from pipeline.core.roles import UNKNOWN_CLIPS, ValClasses
from pipeline.core.schemas import CLIPS, SPLIT
from pipeline.datasets import shared
from pipeline.formats import synse
from pipeline.models.methods import ridge
from pipeline.models.methods.shared import unit
from pipeline.models.tasks import Inputs
from pipeline.steps import adopt, align, evaluate, ingest, split
from pipeline.training import method_rows
from tests import toy
from tests.steps import aligning

NAME = "synse_ntu60"
UNSEEN = [10, 11, 19, 26, 56]
SEEN = sorted(set(range(60)) - set(UNSEEN))
RANDOM = np.random.default_rng(0)
TEXTS_KT = unit(RANDOM.normal(size=(60, 12)).astype(np.float32))
MAP_TD = RANDOM.normal(size=(12, 16))
ROW = adopt.Row(dataset=NAME, source="data/raw/synse_ntu60", encoder="shift_gcn")
SPLIT_ROW = split.Row(
    dataset=NAME,
    name="synse",
    modality="skeleton",
    protocol="files",
    num_unseen=5,
    val_classes=ValClasses(share=0.2, min=3),
    splits=["synse_5"],
)


def vectors(class_ids, seed):
    noise_ND = np.random.default_rng(seed).normal(size=(len(class_ids), 16))
    return (TEXTS_KT[class_ids] @ MAP_TD + 0.1 * noise_ND).astype(np.float32)


class World:
    """A source folder with one split, and what the stages make of it."""

    def __init__(self, root):
        self.root, self.source, self.folder = root, root / NAME, root / NAME / "shift_5_r"
        self.clips, self.split, self.out = root / "clips.parquet", root / "split.parquet", root / "f.zarr"
        self.folder.mkdir(parents=True)
        unseen, seen = np.repeat(UNSEEN, 3), np.repeat(SEEN, 2)
        unseen_ND = vectors(unseen, 0)
        self.write("train", vectors(seen, 1), seen)
        self.write("ztest", unseen_ND, unseen)
        everyone_ND = np.concatenate([vectors(seen, 2), unseen_ND])
        self.write("gtest", everyone_ND, np.concatenate([seen, unseen]))

    def write(self, part, vectors_ND, class_ids):
        synse.write(self.folder, part, vectors_ND, np.asarray(class_ids))

    def change(self, part, row, values=None, class_id=None):
        found = synse.read(self.folder, part)
        vectors_ND, class_ids = np.array(found.vectors_ND), found.class_ids_N
        if values is not None:
            vectors_ND[row] = values
        if class_id is not None:
            class_ids[row] = class_id
        self.write(part, vectors_ND, class_ids)

    def ingest(self, max_rejected=0.0):
        stamp.write(self.source, stamp.scan(self.source))
        checks = ingest.Checks(max_rejected=max_rejected)
        counts = ingest.ingest(checks, dataset=NAME, source=self.source, out=self.clips)
        return counts, {row["clip_id"]: row for row in tables.read_table(self.clips, CLIPS).to_pylist()}

    def divide(self):
        split.split(SPLIT_ROW, clips=self.clips, out=self.split)
        return {row["clip_id"]: row for row in tables.read_table(self.split, SPLIT).to_pylist()}

    def adopt(self):
        adopt.adopt(ROW, clips=self.clips, source=self.source, out=self.out)
        return store.Store(self.out, "adopt")


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def of_part(rows, part):
    return [row for clip_id, row in rows.items() if clip_id.startswith(f"{NAME}/synse_5/{part}/")]


def test_every_row_of_the_arrays_is_a_clip(world):
    counts, rows = world.ingest()
    assert counts == {}
    assert [len(of_part(rows, part)) for part in ("train", "ztest", "gtest")] == [110, 15, 125]
    row = rows[f"{NAME}/synse_5/ztest/000004"]
    assert (row["class_id"], row["modality"], row["path"]) == (11, "skeleton", "shift_5_r/ztest.npy")
    assert [row[name] for name in ("subject", "camera", "setup", "replication", "reason")] == [None] * 5
    assert row["content_hash"] == synse.read(world.folder, "ztest").digest(4)


def test_a_vector_that_cannot_be_used_is_rejected_with_its_reason(world):
    world.change("train", 3, values=[np.nan, np.inf, *[0.0] * 14])
    world.change("train", 5, class_id=60)
    world.change("gtest", 0, values=synse.read(world.folder, "train").vector(7))
    counts, rows = world.ingest(max_rejected=0.1)
    assert counts == {"non-finite": 1, "unknown class": 1, "duplicate content": 1}
    assert rows[f"{NAME}/synse_5/train/000003"]["reason"] == "non-finite: 2 of 16 numbers"
    assert rows[f"{NAME}/synse_5/train/000005"]["reason"] == "unknown class: 60 is none of 0 to 59"
    assert rows[f"{NAME}/synse_5/gtest/000000"]["reason"] == "duplicate content: the same vector as train 7"
    with pytest.raises(DataError, match="rejected"):
        world.ingest()


@pytest.mark.parametrize("class_id", [2**31, 2**62])
def test_a_class_that_no_table_holds_rejects_the_vector_alone(world, class_id):
    world.change("train", 5, class_id=class_id)
    _, rows = world.ingest(max_rejected=1.0)
    row = rows[f"{NAME}/synse_5/train/000005"]
    assert (row["class_id"], row["reason"]) == (-1, f"unknown class: {class_id} is none of 0 to 59")


def test_a_missing_file_of_a_split_is_named(world):
    (world.folder / "g_label.npy").unlink()
    with pytest.raises(DataError, match=r"split 'synse_5' lacks \['shift_5_r/g_label\.npy'\]"):
        world.ingest()


def test_labels_that_do_not_fit_are_one_clear_line(world):
    np.save(world.folder / "z_label.npy", np.zeros(14, int))
    with pytest.raises(FormatError, match=r"ztest\.npy: 15 vectors, but 14 labels"):
        world.ingest()


def test_a_folder_of_other_names_is_refused(world):
    world.folder.rename(world.source / "shift_6_r")
    with pytest.raises(DataError, match=r"none of the folders \['shift_12_r', 'shift_5_r'\]"):
        world.ingest()


def test_an_array_that_has_changed_since_the_scan_is_refused(world):
    world.ingest()
    world.change("train", 0, values=1.0)
    with pytest.raises(DataError, match=r"train\.npy: changed file: .* run `unseen raw scan synse_ntu60`"):
        ingest.ingest(ingest.Checks(max_rejected=0.0), dataset=NAME, source=world.source, out=world.clips)


def test_a_scan_knows_the_arrays(world):
    (world.folder / "notes.txt").write_text("not an array")
    found = raw.scan(NAME, world.source)
    assert found.num_known == {"skeleton": 6}
    assert found.unknown == ["shift_5_r/notes.txt"]


def test_the_files_say_who_trains_and_gtest_repeats_no_unseen_clip(world):
    world.ingest()
    rows = world.divide()
    classes = tables.read_meta(world.split, SPLIT)["splits"]["synse_5"]
    assert classes["unseen"] == UNSEEN
    labels = {row["clip_id"]: row["class_id"] for row in tables.read_table(world.clips, CLIPS).to_pylist()}
    assert {row["role"] for row in of_part(rows, "ztest")} == {"unseen_test"}
    for row in of_part(rows, "train"):
        assert row["role"] == ("val" if labels[row["clip_id"]] in classes["val"] else "fit")
    for row in of_part(rows, "gtest"):
        assert row["role"] == ("unused" if labels[row["clip_id"]] in UNSEEN else "seen_test")
    assert sum(row["held_out"] for row in rows.values()) == round(
        sum(row["role"] == "fit" for row in rows.values()) / 10
    )


@pytest.mark.parametrize(("part", "class_id", "which"), [("train", 11, "unseen"), ("ztest", 12, "seen")])
def test_a_file_with_clips_of_the_wrong_classes_is_refused(part, class_id, which, world):
    world.change(part, 0, class_id=class_id)
    world.ingest()
    with pytest.raises(DataError, match=f"{part}/000000 is of class {class_id}, which is {which}$"):
        world.divide()


def test_the_folder_of_another_split_takes_no_part(world):
    other = world.source / "shift_12_r"
    other.mkdir()
    for file in world.folder.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    world.ingest()
    assert {clip_id.split("/")[1] for clip_id in world.divide()} == {"synse_5"}
    assert world.adopt().groups() == ["synse_12-0", "synse_5-0"]


def test_the_protocol_is_the_files(world):
    world.ingest()
    with pytest.raises(DataError, match=r"has no protocol 'xsub', only \['files'\]"):
        split.split(SPLIT_ROW.model_copy(update={"protocol": "xsub"}), clips=world.clips, out=world.split)


def test_the_store_holds_the_accepted_vectors_by_id(world):
    world.change("train", 3, values=np.nan)
    world.ingest(max_rejected=0.1)
    found = world.adopt()
    assert found.attrs == {"dataset": NAME, "modality": "skeleton", "encoder": "shift_gcn", "recipe": "adopted"}
    about = found.group_attrs("synse_5-0")
    assert about["training_classes"] == SEEN
    assert about["adopted"] is True
    assert about["training_clips"] == UNKNOWN_CLIPS
    ids = found.ids("synse_5-0")
    assert len(ids) == 249
    assert f"{NAME}/synse_5/train/000003" not in ids
    rows = found.rows("synse_5-0", "pooled", [f"{NAME}/synse_5/gtest/000001", f"{NAME}/synse_5/train/000004"])
    assert rows[0].tobytes() == synse.read(world.folder, "gtest").vector(1).tobytes()
    assert rows[1].tobytes() == synse.read(world.folder, "train").vector(4).tobytes()


def test_a_vector_that_is_not_the_ingested_one_is_refused(world):
    world.ingest()
    world.change("ztest", 2, values=1.0)
    with pytest.raises(DataError, match=r"ztest\.npy: row 2 has changed since it was ingested"):
        world.adopt()
    assert not world.out.exists()


def test_vectors_of_different_sizes_are_refused(world):
    world.write("ztest", vectors(UNSEEN, 0)[:, :9], UNSEEN)
    world.ingest()
    with pytest.raises(DataError, match="vectors of different sizes"):
        world.adopt()


def aligned(world, **changes):
    toy.write_texts(world.root / "t.zarr", {"label": TEXTS_KT}, dataset=NAME)
    toy.write_prompts(world.root / "prompts.parquet", [known.name for known in shared.classes(NAME)], NAME)
    row = align.Row(
        **aligning.ROW.model_dump()
        | {
            "dataset": NAME,
            "split_table": "synse",
            "features": "adopt/synse_ntu60.zarr",
            "embeddings": "synse_ntu60-minilm",
            "splits": ["synse_5"],
            "refit_features": "adopt/synse_ntu60.zarr/zarr.json",
        }
    )
    inputs = Inputs(features=world.out, embeddings=world.root / "t.zarr", split=world.split)
    settings, out = ridge.Params(text_type="label", centre="none", lambdas=[0.1, 10.0]), world.root / "align"
    align.align("k", row, settings, method_rows.Compute(num_threads=1), inputs, out=out, cache=world.root / "cache")
    return out


def test_adopted_vectors_are_aligned_and_evaluated(world):
    world.ingest()
    world.divide()
    world.adopt()
    scores = aligned(world)
    inputs = evaluate.Inputs(scores, world.clips, world.split, world.root / "t.zarr", world.root / "prompts.parquet")
    asked = evaluate.EvaluateRow(
        dataset=NAME, split_table="synse", scores="x", embeddings="synse_ntu60-minilm", oracle_selection=False
    )
    bootstrap = evaluate.Bootstrap(num_resamples=20, seed=0)
    evaluate.evaluate(
        asked,
        bootstrap,
        inputs,
        out=world.root / "e.json",
        predictions=world.root / "p.parquet",
        shown=world.root / "e",
    )
    rows = json.loads((world.root / "e.json").read_text())["rows"]
    unseen = next(row for row in rows if row["label_space"] == "unseen")
    assert (unseen["num_clips"], unseen["selection"]) == (15, "validation_seen")
    assert unseen["top1"] > 0.8  # chance is .2
    assert "trained on the val classes too" in (scores / "page.json").read_text()


def test_only_an_adopted_encoder_may_have_seen_the_val_classes(world):
    world.ingest()
    world.divide()
    about = world.adopt().group_attrs("synse_5-0")
    found = store.Store(world.out, "adopt")
    ids, pooled_ND, attrs = found.ids("synse_5-0"), found.read("synse_5-0", "pooled"), found.attrs
    with store.create(world.out, attrs) as writer:
        writer.group("synse_5-0", ids, {**about, "adopted": False}).put("pooled", pooled_ND)
    with pytest.raises(LeakError, match="calls val"):
        aligned(world)
    with store.create(world.out, attrs) as writer:
        writer.group("synse_5-0", ids, {**about, "training_classes": [*SEEN, 10]}).put("pooled", pooled_ND)
    with pytest.raises(LeakError, match=r"trained on classes \[10\], which split 'synse_5' calls unseen"):
        aligned(world)
