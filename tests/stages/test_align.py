import subprocess
import sys

import numpy as np
import pytest
import yaml

from pipeline.core import scores, store, tables
from pipeline.core.errors import ParamsError
from pipeline.core.schemas import SPLIT
from stages import align

PARAMS = {
    "align": {
        "compute": {"num_threads": 1},
        "methods": {"ridge": {"label": {"text_type": "label", "centre": "none", "lambdas": [1.0]}}},
        "rows": {
            "toy-skeleton-stgcn-ridge": {
                "dataset": "toy",
                "split_table": "random",
                "features": "extract/toy.zarr",
                "embeddings": "toy-minilm",
                "method": "ridge",
                "variant": "label",
                "splits": ["s0"],
                "seeds": [0],
                "refit": "seen",
                "max_missing": 0.0,
                "spaces": ["unseen", "all"],
                "explained": False,
                "selection": "val",
                "num_folds": None,
                "refit_features": "extract/toy.zarr/zarr.json",
            }
        },
    }
}
ROLE = {0: "fit", 1: "fit", 2: "val", 3: "unseen_test"}


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    ids = [f"toy/{c}-{n}" for c in ROLE for n in range(2)]
    with store.create(tmp_path / "f.zarr", {"dataset": "toy", "modality": "skeleton", "encoder": "stgcn"}) as writer:
        group = writer.group("s0-0", ids, {"split": "s0", "seed": 0, "training_classes": [0, 1]})
        group.put("pooled", np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32))
    with store.create(tmp_path / "t.zarr", {"dataset": "toy", "dim": 4}) as writer:
        writer.group("label", [f"{c:04d}-00" for c in ROLE]).put("pooled", np.eye(4, dtype=np.float32))
    lines = [
        {"split": "s0", "clip_id": i, "role": role, "class_id": c if c < 3 else None, "held_out": False}
        for (c, role), i in zip([pair for pair in ROLE.items() for _ in range(2)], ids, strict=True)
    ]
    meta = {"dataset": "toy", "split_table": "random", "splits": {"s0": {"fit": [0, 1], "val": [2], "unseen": [3]}}}
    tables.write(tmp_path / "s.parquet", SPLIT, lines, meta)
    names = {
        "features": "f.zarr",
        "refit_features": "f.zarr/zarr.json",
        "embeddings": "t.zarr",
        "split": "s.parquet",
        "out": "out",
    }
    return {name: tmp_path / file for name, file in names.items()}


def test_a_row_of_params_becomes_a_folder_of_scores(options):
    align.main(row="toy-skeleton-stgcn-ridge", **options)
    assert sorted(path.name for path in options["out"].iterdir()) == [
        "history.csv",
        "page.json",
        "scores.zarr",
        "weights",
    ]
    assert [scored.values.shape for scored in scores.read(options["out"], "align")] == [(2, 1, 4), (2, 1, 1)]


def test_a_row_that_is_not_there_is_said(options):
    with pytest.raises(ParamsError, match=r"has no row 'x'; found \['toy-skeleton-stgcn-ridge'\]"):
        align.main(row="x", **options)


def test_help_starts_without_torch():
    code = "import sys, stages.align, stages.embed; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
