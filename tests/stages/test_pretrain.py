import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.core.errors import ParamsError
from pipeline.models import checkpoint
from stages import pretrain
from tests import toy

COMPUTE = {"engine": "inline", "num_workers": 1}
IDS = [f"toy/{clip}" for clip in range(4)]
RUNNING = {"num_workers": 0, "queue_length": 2, "checkpoint_every": None}
SGD = {"name": "sgd", "lr": 0.01, "weight_decay": 0.0, "momentum": 0.9}
ROW = {
    "dataset": "toy",
    "split_table": "random",
    "modality": "skeleton",
    "recipe": "dvta50",
    "encoder": "stgcn",
    "options": {"graph": "paper", "plan": "reduced", "dropout": 0.1},
    "classes": "fit",
    "splits": ["s0"],
    "seeds": [3],
    "label_smoothing": 0.0,
    "augment": None,
    "taught_by": "data/ingest/toy.parquet",
    "text": None,
    "training": {**toy.TRAINING, "optimizer": SGD, "num_epochs": 1, "patience": 1},
}


def write_arrays(no_number=None):
    x = np.random.default_rng(0).normal(size=(4, 3, 4, 20, 1)).astype(np.float32)
    if no_number is not None:
        x[no_number] = np.nan
    toy.write_arrays(Path("x.zarr"), IDS, x)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with arrays of four clips and a split."""
    monkeypatch.chdir(tmp_path)
    write_arrays()
    splits = {"s0": {"fit": [0, 1], "val": [], "unseen": [2]}}
    rows = toy.split_rows({clip: i % 2 for i, clip in enumerate(IDS)}, splits, held_out=[IDS[3]])
    toy.write_split(Path("s.parquet"), rows, splits, class_names=["a", "b", "c"])


def write_params(**changes):
    tree = {"pretrain": {"compute": COMPUTE, "running": RUNNING, "rows": {"k": {**ROW, **changes}}}}
    Path("params.yaml").write_text(yaml.safe_dump(tree))


def run(**changes):
    write_params(**changes)
    inputs = {"arrays": Path("x.zarr"), "split": Path("s.parquet"), "taught_by": Path("c.parquet")}
    pretrain.main(row="k", **inputs, out=Path("features/pretrain/k"))


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
        (
            {"options": {"graph": "paper", "plan": "reduced"}},
            r"section 'pretrain\.rows\.k\.options' .* missing key 'dropout'",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_refused(changes, fault, project):
    with pytest.raises(ParamsError, match=fault):
        run(**changes)


OPTIONS = ["--row", "k", "--arrays", "x.zarr", "--split", "s.parquet", "--taught-by", "c.parquet", "--out", "w"]


def test_a_row_on_two_devices_starts_both_and_one_of_them_writes(as_dvc, project):
    write_params(training={**ROW["training"], "devices": 2, "num_epochs": 2}, seeds=[3, 4])
    done = as_dvc("pretrain", *OPTIONS)
    assert done.returncode == 0, done.stderr
    about = checkpoint.load(Path("w/s0-3.safetensors"))[1]
    assert (about["training_classes"], len(about["history"])) == ([0, 1], 2)
    (line,) = Path(".cache/runs/pretrain.jsonl").read_text().splitlines()
    assert json.loads(line)["encoders"] == 2
    assert [done.stderr.count(f"k s0-{seed}: epoch") for seed in (3, 4)] == [1, 1]


def test_what_fails_on_one_of_two_devices_is_one_line(as_dvc, project):
    write_arrays(no_number=1)
    write_params(training={**ROW["training"], "devices": 2, "num_epochs": 3})
    done = as_dvc("pretrain", *OPTIONS)
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.strip().splitlines()
    told = re.fullmatch(r"error: k s0-3: the loss is not finite in epoch 1, step 1: .* listed in (\S+)", line)
    assert "toy/1" in json.loads(Path(told[1]).read_text())["rows"]


@pytest.mark.parametrize("devices", [1, 2])
def test_another_number_of_processes_than_params_say_is_refused(devices, project, monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "r")
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ParamsError, match=f"asks for devices: {devices}, but torchrun has started 3 processes"):
        run(training={**ROW["training"], "devices": devices})
