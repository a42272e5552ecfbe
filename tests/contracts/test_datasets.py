"""What every dataset of the folder keeps: names, classes, splits, and a recording in its own format that ingests."""

import json
import re

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.core import members, params, stamp, tables
from pipeline.core.schemas import CLIPS
from pipeline.datasets import shared
from pipeline.datasets.shared import OwnList
from pipeline.evaluation import leakage
from pipeline.formats import clip_manifest, ntu_skeleton, video
from pipeline.formats.class_names import spelling
from pipeline.formats.shared import Skeleton
from pipeline.steps import ingest, prompt
from pipeline.text import captions

DATASETS = members.names("pipeline.datasets")
RECORDED = [name for name in DATASETS if not shared.load(name).vectors]  # the others publish vectors: test_adopt.py
SHIPPED = [name for name in DATASETS if shared.class_file(name).is_file()]
OWN = set(DATASETS) - set(SHIPPED)  # the user brings the class list
NUM_FRAMES = 6
ID = "-_abc123XYZ"  # of a video site


def joints(num_joints, num_bodies=1):
    shape = (num_bodies, NUM_FRAMES, num_joints, 3)
    return np.random.default_rng(0).uniform(0.1, 1, size=shape).round(3).astype(np.float32)


def film(path, num_frames=NUM_FRAMES):
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = np.random.default_rng(0).integers(0, 255, (num_frames, 16, 24, 3), dtype=np.uint8)
    video.write(path, rgb, frames_per_second=4, codec="libx264" if path.suffix == ".mp4" else "mpeg4")


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def write_ntu(folder):
    xyz_MTV3 = joints(25)
    pixels = np.zeros((*xyz_MTV3.shape[:3], 2), np.float32)
    ntu_skeleton.write(folder / "S001C001P001R001A001.skeleton", Skeleton("ntu25", xyz_MTV3, (1,)), pixels, pixels)
    return xyz_MTV3


def write_utd(folder):
    xyz_MTV3 = joints(20)
    savemat(folder / "a1_s1_t1_skeleton.mat", {"d_skel": xyz_MTV3[0].transpose(1, 2, 0).astype(np.float64)})
    return xyz_MTV3


def write_pku(folder):
    """Eight frames, of which the label means the second to the seventh."""
    xyz_MTV3 = joints(25, 2)
    frames = [xyz_MTV3[:, 0], *xyz_MTV3.swapaxes(0, 1), xyz_MTV3[:, 0]]
    lines = [" ".join(f"{value:.3f}" for value in frame.ravel()) for frame in frames]
    text(folder / "PKU_Skeleton_Renew/0002-M.txt", "\n".join(lines))
    text(folder / "Train_Label_PKU_final/0002-M.txt", "1,2,7,2\n")
    text(folder / "cross-subject.txt", "Training videos:\n0002-M, 0003-M\nValidation videos:\n0004-M\n")
    text(folder / "cross-view.txt", "Training videos:\n0002-R\nValidation videos:\n0002-M,\n")
    return xyz_MTV3


def write_kinetics_skeleton(folder):
    xyz_MTV3 = joints(18)
    people = [{"pose": frame[:, :2].ravel().tolist(), "score": frame[:, 2].tolist()} for frame in xyz_MTV3[0]]
    data = [{"frame_index": index, "skeleton": [person]} for index, person in enumerate(people)]
    tree = {"data": data, "label": "abseiling", "label_index": 0}
    text(folder / f"kinetics_val/{ID}.json", json.dumps(tree))
    label = {ID: {"has_skeleton": True, "label": "abseiling", "label_index": 0}}
    text(folder / "kinetics_val_label.json", json.dumps(label))
    return xyz_MTV3


def write_kinetics(folder):
    film(folder / f"train/abseiling/{ID}_000010_000020.mp4")
    text(folder / "train.csv", f"label,youtube_id,time_start,time_end,split\nabseiling,{ID},10,20,train\n")


def write_ucf(folder):
    film(folder / "UCF-101/ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c03.avi")


def write_hmdb(folder):
    name = "#1_April_09_brush_hair_u_nm_np1_ba_goo_0.avi"
    film(folder / "brush_hair" / name)
    for number, side in ((1, 1), (2, 2), (3, 0)):
        text(folder / f"testTrainMulti_7030_splits/brush_hair_test_split{number}.txt", f"{name} {side} \n")


def write_activitynet(folder):
    """Four frames a second, of which the segment means the second second and a half."""
    film(folder / f"v_{ID}.mp4", num_frames=16)
    segment = {"segment": [1.0, 2.5], "label": "Applying sunscreen"}
    entry = {"subset": "validation", "duration": 4.0, "annotations": [segment]}
    text(folder / "activity_net.v1-3.min.json", json.dumps({"database": {ID: entry}}))


def write_manifest(folder):
    film(folder / "kitchen/one.mp4")
    text(folder / "classes.csv", "class_id,name,context\n0,pour water,\n1,stir,\n")
    text(
        folder / "manifest.csv",
        "clip_id,modality,path,label,subject,split\nk 1,video,kitchen/one.mp4,Pour Water,7,test\n",
    )


SKELETON = {"modality": "skeleton", "subject": 1, "train_lists": None, "test_lists": None}
VIDEO = {"modality": "video", "subject": None, "train_lists": None, "test_lists": None}
KINETICS = VIDEO | {"clip_id": ID, "train_lists": ["official"]}
# How one clip of class 0 with NUM_FRAMES frames is written in each dataset's own way, and what its row then says.
# A writer of skeletons returns them.
SAMPLES = {
    "demo": (write_ntu, SKELETON | {"clip_id": "S001C001P001R001A001", "camera": 1}),
    "demo_gym": (write_ntu, SKELETON | {"clip_id": "S001C001P001R001A001", "camera": 1}),
    "demo_home": (write_ntu, SKELETON | {"clip_id": "S001C001P001R001A001", "camera": 1}),
    "ntu60": (write_ntu, SKELETON | {"clip_id": "S001C001P001R001A001", "setup": 1}),
    "ntu120": (write_ntu, SKELETON | {"clip_id": "S001C001P001R001A001", "replication": 1}),
    "utd_mhad": (write_utd, SKELETON | {"clip_id": "a1_s1_t1", "replication": 1}),
    "pku_mmd": (
        write_pku,
        SKELETON
        | {"clip_id": "0002-M#frames=1-7", "subject": None, "camera": 2, "replication": 2}
        | {"train_lists": ["xsub"], "test_lists": ["xview"]},
    ),
    "kinetics_skeleton": (
        write_kinetics_skeleton,
        SKELETON | {"clip_id": ID, "subject": None, "test_lists": ["official"]},
    ),
    "kinetics400": (write_kinetics, KINETICS),
    "kinetics700": (write_kinetics, KINETICS),
    "ucf101": (write_ucf, VIDEO | {"clip_id": "v_ApplyEyeMakeup_g08_c03", "subject": 8}),
    "hmdb51": (
        write_hmdb,
        VIDEO
        | {"clip_id": "#1_April_09_brush_hair_u_nm_np1_ba_goo_0", "train_lists": ["list1"], "test_lists": ["list2"]},
    ),
    "activitynet": (write_activitynet, VIDEO | {"clip_id": f"{ID}#seconds=1-2.5", "test_lists": ["official"]}),
    "manifest": (write_manifest, VIDEO | {"clip_id": "k 1", "subject": 7, "test_lists": ["own"]}),
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
        assert "recording" in pattern.groupindex
        assert "class" in pattern.groupindex or recorded.annotations is not None
        assert set(pattern.groupindex) <= {"recording", "class", "subject", "camera", "setup", "replication"}


def test_subject_protocols_name_what_the_file_names_tell(recorded):
    groups = set().union(*(pattern.groupindex for pattern in recorded.patterns.values()))
    assert recorded.subjects
    for protocol in recorded.subjects.values():
        if not isinstance(protocol, OwnList):
            assert protocol.column in groups & {"subject", "camera", "setup"}
            assert protocol.train


def test_the_leak_audit_knows_what_every_subject_protocol_parts(recorded):
    """A protocol that it does not know would pass whoever trains and tests."""
    parted = {name: p.column for name, p in recorded.subjects.items() if not isinstance(p, OwnList)}
    assert parted == {name: leakage.PROTOCOL_COLUMN.get(name) for name in parted}


def test_a_dataset_has_a_class_list_unless_its_user_brings_one(dataset):
    is_own_list = dataset.annotations is not None and dataset.annotations.files is clip_manifest.FILES
    assert (dataset.name in OWN) == is_own_list


@pytest.mark.parametrize("name", SHIPPED)
def test_the_class_list_has_different_names(name):
    names = [known.name for known in shared.classes(name)]
    assert len(names) >= 2
    shared.check_names(names, name)
    assert len({spelling(known) for known in names}) == len(names)


@pytest.mark.parametrize("name", SHIPPED)
def test_contexts_are_given_for_all_classes_or_none(name):
    assert len({bool(known.context) for known in shared.classes(name)}) == 1


@pytest.mark.parametrize("name", SHIPPED)
def test_published_splits_are_classes_and_no_name_looks_like_a_draw(name):
    num_classes = len(shared.classes(name))
    for split, unseen in shared.published_splits(name).items():
        assert unseen == sorted(set(unseen))
        assert 0 <= unseen[0] <= unseen[-1] < num_classes
        assert not re.fullmatch(r"s\d+", split)


def test_a_recording_in_the_native_format_ingests(recorded, tmp_path):
    write, expected = SAMPLES[recorded.name]
    source = tmp_path / recorded.name
    source.mkdir()
    xyz_MTV3 = write(source)
    (source / "readme.md").write_text("not a recording")
    stamp.write(source, stamp.scan(source))
    ingest.ingest(ingest.Checks(max_rejected=0.0), dataset=recorded.name, source=source, out=tmp_path / "clips.parquet")
    (row,) = tables.read_table(tmp_path / "clips.parquet", CLIPS).to_pylist()
    expected = expected | {"clip_id": f"{recorded.name}/{expected['clip_id']}", "class_id": 0, "num_frames": NUM_FRAMES}
    assert {key: row[key] for key in expected} == expected
    assert row["reason"] is None
    read = recorded.readers[row["modality"]](source / row["path"])
    assert read.num_frames == NUM_FRAMES
    if row["modality"] == "skeleton":
        np.testing.assert_array_equal(read.xyz_MTV3, xyz_MTV3)
    else:
        assert read.frames([0, NUM_FRAMES - 1]).shape == (2, 16, 24, 3)


def test_the_class_list_that_a_user_brings_becomes_the_class_texts(tmp_path):
    write_manifest(tmp_path)
    keys = {"templates": ["{name}"], "descriptions": "data/raw/manifest/classes.csv", "sources": {}}
    row = {"dataset": "manifest", **keys}
    chosen = params.parse(prompt.Row, row, "prompt.rows.manifest")
    worded = captions.Params(max_attributes=3, max_matchings=64)
    out, page = tmp_path / "prompt.parquet", tmp_path / "page"
    for descriptions in (tmp_path / "classes.csv", tmp_path):
        prompt.prompt(chosen, worded, descriptions=descriptions, out=out, page=page)
    rows = tables.read_table(out, prompt.PROMPTS).to_pylist()
    assert [(row["class_id"], row["class_name"]) for row in rows] == [(0, "pour water"), (1, "stir")]
