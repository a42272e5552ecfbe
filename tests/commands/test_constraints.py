"""The constraint table on test clips whose labels and scores are known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline.commands import constraints
from pipeline.core.params import parse
from pipeline.models.tasks import Inputs
from pipeline.steps import transfer
from pipeline.transfer.params import Folds
from tests import toy
from tests.core.table_rows import clip_row

CLASSES = {"fit": [0, 1, 2, 4, 6, 8, 10, 11], "val": [3, 5, 9], "unseen": [7, 12]}
ROW = {
    "dataset": "toy",
    "split_table": "random",
    "features": "f",
    "embeddings": "t",
    "text_type": "label",
    "centre": "none",
    "method": "prototypes",
    "inference": "visual_prototypes",
    "constraints": "all",
    "cap": "row",
    "extra": None,
    "selection": "val",
    "grid": {"num_neighbours": [2], "rho": [1], "theta": [0.5]},
    "refit": "seen",
    "splits": ["s0", "s1"],
    "seeds": [0],
    "max_missing": 0.0,
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("constraints")
    random = np.random.default_rng(1)
    angle_K = np.linspace(0.1, 1.4, 13)
    text_KT = np.stack([np.cos(angle_K), np.sin(angle_K)], axis=1).astype(np.float32)
    ids = [f"toy/{c:02d}-{n}" for c in range(13) for n in range(3)]
    features_ND = np.repeat(text_KT @ random.normal(size=(2, 5)), 3, axis=0) + random.normal(0, 0.02, (39, 5))
    splits = {"s0": CLASSES, "s1": CLASSES}
    groups = {f"{split}-0": {"split": split, "seed": 0, "training_classes": CLASSES["fit"]} for split in splits}
    toy.write_features(folder / "f.zarr", ids, features_ND, groups)
    toy.write_texts(folder / "t.zarr", {"label": text_KT})
    clips = {id_: int(id_[4:6]) for id_ in ids}
    toy.write_split(folder / "split.parquet", toy.split_rows(clips, splits), splits, protocol="none")
    names = [f"class {class_id}" for class_id in range(13)]
    toy.write_prompts(folder / "prompts.parquet", names)
    rows = [clip_row(clip_id=id_, class_id=class_id) for id_, class_id in clips.items()]
    unread = {"modality": "video", "class_id": -1, "reason": "unknown class: 'x'"}  # says nothing of the skeleton
    rows += [clip_row(clip_id=id_, **unread) for id_ in clips]
    toy.write_clips(folder / "clips.parquet", rows, names)
    found = constraints.constraints(
        parse(transfer.Row, ROW, "x"),
        Folds(num_folds=3, seed=0),
        Inputs(features=folder / "f.zarr", embeddings=folder / "t.zarr", split=folder / "split.parquet"),
        prompts=folder / "prompts.parquet",
        clips=folder / "clips.parquet",
        out=folder / "table.json",
    )
    return found, json.loads((folder / "table.json").read_text())


def test_the_table_has_the_combinations_of_the_paper_in_its_order(table) -> None:
    found, written = table
    names = ["reverse transfer", "no constraint", "constraint I", "constraints II + III", "all constraints"]
    assert [line.variant for line in found] == names
    assert [line["variant"] for line in written["summary"]] == names
    assert {one["setting"] for one in written["rows"]} == {
        "K=2",
        "none",
        "rho=1 theta=0.5",
        "K=2 rho=1 theta=0.5",
    }


def test_accuracy_and_hubness_are_those_of_the_predictions(table) -> None:
    found, written = table
    full = found[-1]
    assert (full.top1, full.top5) == (1.0, None)  # two unseen classes that lie apart, each between its seen neighbours
    assert full.skewness == full.never_predicted == 0.0
    assert full.top1_ci95 is None  # where both splits are right throughout, their spread tells nothing
    for one in written["rows"]:
        assert one["skewness_printed"] == pytest.approx(2 * one["skewness"])


def test_the_table_is_read_by_people(table) -> None:
    text = list(constraints.lines(table[0]))
    assert text[0].startswith("2 splits")
    assert len(text) == 6
    assert text[-1].split() == ["all", "constraints", "0.000", "0.00", "100.0", "-", "-"]
    more = [replace(line, top5=0.8) for line in table[0]]
    assert list(constraints.lines(more))[-1].split()[-1] == "80.0"
