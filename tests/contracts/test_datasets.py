"""What every dataset of the folder keeps: names, classes, splits, and a recording in its own format that ingests."""

import re

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.core import joints, members, stamp, tables
from pipeline.core.schemas import CLIPS
from pipeline.datasets import shared
from pipeline.formats import ntu_skeleton
from pipeline.formats.shared import Skeleton
from pipeline.steps import ingest

DATASETS = members.names("pipeline.datasets")
RECORDED = [name for name in DATASETS if not shared.load(name).vectors]  # the others publish vectors: test_adopt.py


def write_ntu(folder, recording, xyz_MTV3):
    pixels = np.zeros((*xyz_MTV3.shape[:3], 2), np.float32)
    ntu_skeleton.write(folder / f"{recording}.skeleton", Skeleton("ntu25", xyz_MTV3, (1,)), pixels, pixels)


def write_utd(folder, recording, xyz_MTV3):
    savemat(folder / f"{recording}_skeleton.mat", {"d_skel": xyz_MTV3[0].transpose(1, 2, 0).astype(np.float64)})


# How a recording of each dataset is written: the writer, the joint layout, and the name of class 0, subject 1.
SAMPLES = {
    "demo": (write_ntu, "ntu25", "S001C001P001R001A001"),
    "demo_gym": (write_ntu, "ntu25", "S001C001P001R001A001"),
    "demo_home": (write_ntu, "ntu25", "S001C001P001R001A001"),
    "ntu60": (write_ntu, "ntu25", "S001C001P001R001A001"),
    "ntu120": (write_ntu, "ntu25", "S001C001P001R001A001"),
    "utd_mhad": (write_utd, "kinect20", "a1_s1_t1"),
}


@pytest.fixture(params=DATASETS)
def dataset(request):
    return shared.load(request.param)


@pytest.fixture(params=RECORDED)
def recorded(request):
    return shared.load(request.param)


def test_every_dataset_has_a_sample():
    assert set(SAMPLES) == set(RECORDED)


def test_a_dataset_bears_the_name_of_its_file_and_says_whose_it_is(dataset):
    assert dataset.name in DATASETS
    assert members.load("pipeline.datasets", dataset.name).DATASET is dataset
    assert all((dataset.title, dataset.citation, dataset.terms, dataset.published_by))


def test_every_modality_has_a_pattern_and_a_reader(recorded):
    assert set(recorded.patterns) == set(recorded.readers)
    for pattern in recorded.patterns.values():
        assert {"recording", "class"} <= set(pattern.groupindex)
        assert set(pattern.groupindex) <= {"recording", "class", "subject", "camera", "setup", "replication"}


def test_subject_protocols_name_what_the_file_names_tell(recorded):
    groups = set().union(*(pattern.groupindex for pattern in recorded.patterns.values()))
    assert recorded.subjects
    for protocol in recorded.subjects.values():
        assert protocol.column in groups & {"subject", "camera", "setup"}
        assert protocol.train


def test_the_class_list_has_different_names(dataset):
    names = [known.name for known in shared.classes(dataset.name)]
    assert len(names) >= 2
    shared.check_names(names, dataset.name)


def test_contexts_are_given_for_all_classes_or_none(dataset):
    assert len({bool(known.context) for known in shared.classes(dataset.name)}) == 1


def test_published_splits_are_classes_and_no_name_looks_like_a_draw(dataset):
    num_classes = len(shared.classes(dataset.name))
    for name, unseen in shared.published_splits(dataset.name).items():
        assert unseen == sorted(set(unseen))
        assert 0 <= unseen[0] <= unseen[-1] < num_classes
        assert not re.fullmatch(r"s\d+", name)


def test_a_recording_in_the_native_format_ingests(recorded, tmp_path):
    write, layout, recording = SAMPLES[recorded.name]
    shape = (1, 6, joints.LAYOUTS[layout].num_joints, 3)
    xyz_MTV3 = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    source = tmp_path / recorded.name
    source.mkdir()
    write(source, recording, xyz_MTV3)
    (source / "readme.txt").write_text("not a recording")
    stamp.write(source, stamp.scan(source))
    ingest.ingest(ingest.Checks(max_rejected=0.0), dataset=recorded.name, source=source, out=tmp_path / "clips.parquet")
    (row,) = tables.read_rows(tmp_path / "clips.parquet", CLIPS)
    assert row["clip_id"] == f"{recorded.name}/{recording}"
    assert (row["modality"], row["class_id"], row["subject"], row["num_frames"]) == ("skeleton", 0, 1, 6)
    read = recorded.readers["skeleton"](source / row["path"])
    assert read.layout == layout
    np.testing.assert_array_equal(read.xyz_MTV3, xyz_MTV3)
