from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from pipeline.core import store
from pipeline.core.errors import LeakError, ParamsError
from pipeline.modalities import skeleton
from pipeline.models import checkpoint
from stages import extract
from tests import toy

WHOSE = {"dataset": "toy", "split_table": "random", "modality": "skeleton", "recipe": "dvta50", "encoder": "stgcn"}
ROW = {**WHOSE, "weights": "features/pretrain/k", "options": {}, "tokens": False, "masked": None, "regions": False}
OPTIONS = {"graph": "paper", "plan": "reduced", "dropout": 0.1}
WEIGHTS = Path("features/pretrain/k/s0-0.safetensors")
OUT = Path("features/extract/k.zarr")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with arrays of two clips and an encoder."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 20, 1)).astype(np.float32)
    toy.write_arrays(Path("x.zarr"), ["toy/a", "toy/b"], x)
    save(training_classes=[0, 1])


def save(training_classes):
    torch.manual_seed(0)
    about = {**WHOSE, "options": OPTIONS, "layout": "kinect20", "split": "s0", "seed": 0, "unseen_classes": [2]}
    about["training_clips"] = "clips of fit"
    encoder = skeleton.build("stgcn", OPTIONS, "kinect20", "here")
    checkpoint.save(WEIGHTS, encoder, {**about, "training_classes": training_classes, "training_names": ["a", "b"]})


def run(batches=None, **changes):
    section = {"batches": batches or {"batch_size": 2, "num_threads": 1}, "rows": {"k": {**ROW, **changes}}}
    section["compute"] = {"engine": "inline", "num_workers": 1}
    Path("params.yaml").write_text(yaml.safe_dump({"extract": section}))
    extract.main(row="k", arrays=Path("x.zarr"), weights=WEIGHTS.parent, out=OUT)


def test_a_row_becomes_a_store_of_vectors(project):
    run()
    found = store.Store(OUT, "extract")
    assert found.groups() == ["s0-0"]
    assert found.read("s0-0", "pooled").shape == (2, 256)
    assert '"clips": 2' in Path(".cache/runs/extract.jsonl").read_text()


def test_a_row_asks_for_more_than_vectors(project):
    run(tokens=True, masked={"part": "frames", "moving": 0.0, "share": 0.5, "num_variants": 2, "seed": 0})
    found = store.Store(OUT, "extract")
    assert found.read("s0-0", "tokens").shape == (2, 1, 20, 256)
    assert found.read("s0-0", "masked").shape == (2, 2, 256)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nothing_or_all_is_refused(share, project):
    with pytest.raises(ParamsError, match=r"masked\.share"):
        run(masked={"part": "frames", "moving": 0.0, "share": share, "num_variants": 2, "seed": 0})


def test_an_encoder_that_saw_an_unseen_class_leaves_no_store(project):
    save(training_classes=[0, 2])
    with pytest.raises(LeakError, match=r"trained on classes \[2\]"):
        run()
    assert not OUT.exists()


def test_a_batch_of_nothing_is_refused(project):
    with pytest.raises(ParamsError, match="key 'batch_size'"):
        run(batches={"batch_size": 0, "num_threads": 1})
