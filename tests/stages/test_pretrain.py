from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.core import store, tables
from pipeline.core.errors import ParamsError
from pipeline.core.schemas import SPLIT
from pipeline.models import checkpoint
from stages import pretrain

COMPUTE = {"engine": "inline", "num_workers": 1}
ROW = {
    "dataset": "toy",
    "split_table": "random",
    "modality": "skeleton",
    "recipe": "dvta50",
    "encoder": "stgcn",
    "options": {"plan": "reduced", "dropout": 0.1},
    "classes": "fit",
    "splits": ["s0"],
    "seeds": [3],
    "label_smoothing": 0.0,
    "training": {
        "optimizer": {"name": "sgd", "lr": 0.01, "weight_decay": 0.0, "momentum": 0.9},
        "num_epochs": 1,
        "warmup_epochs": 0,
        "patience": 1,
        "batch_size": 4,
        "precision": "32",
        "num_threads": 1,
    },
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with arrays of four clips and a split."""
    monkeypatch.chdir(tmp_path)
    ids = [f"toy/{clip}" for clip in range(4)]
    x = np.random.default_rng(0).normal(size=(4, 3, 4, 20, 1)).astype(np.float32)
    with store.create(Path("x.zarr"), {"layout": "kinect20", "rejected": []}) as writer:
        writer.group("all", ids).put("x", x)
    rows = [
        {"split": "s0", "clip_id": clip, "role": "fit", "class_id": i % 2, "held_out": i == 3}
        for i, clip in enumerate(ids)
    ]
    tables.write(Path("s.parquet"), SPLIT, rows, {"splits": {"s0": {"fit": [0, 1], "val": [], "unseen": [2]}}})


def run(**changes):
    tree = {"pretrain": {"compute": COMPUTE, "rows": {"k": {**ROW, **changes}}}}
    Path("params.yaml").write_text(yaml.safe_dump(tree))
    pretrain.main(row="k", arrays=Path("x.zarr"), split=Path("s.parquet"), out=Path("features/pretrain/k"))


def test_a_row_becomes_a_folder_of_weights(project):
    run()
    about = checkpoint.load(Path("features/pretrain/k/s0-3.safetensors"))[1]
    assert (about["split"], about["seed"], about["training_classes"]) == ("s0", 3, [0, 1])
    assert '"encoders": 1' in Path(".cache/runs/pretrain.jsonl").read_text()


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"classes": "all"}, "key 'classes'"),
        ({"splits": []}, "key 'splits'"),
        ({"training": {**ROW["training"], "epochs": 3}}, r"unknown key 'training\.epochs'"),
        ({"options": {"plan": "reduced"}}, r"section 'pretrain\.rows\.k\.options' .* missing key 'dropout'"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(changes, fault, project):
    with pytest.raises(ParamsError, match=fault):
        run(**changes)
