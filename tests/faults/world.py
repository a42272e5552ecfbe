"""A small checkout whose stages are killed: skeletons of UTD-MHAD's form, ingested, and encoders nobody has trained."""

import hashlib
import itertools
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from scipy.io import savemat

from pipeline.core import stamp
from pipeline.modalities import skeleton
from pipeline.models import checkpoint
from pipeline.steps.ingest import Checks, ingest

DATASET, ROW = "utd_mhad", "faults"
SOURCE = Path("data/raw") / DATASET
CLIPS = Path("data/ingest") / f"{DATASET}.parquet"
WEIGHTS = Path("features/pretrain") / ROW
ARRAYS = Path("features/preprocess") / DATASET / "skeleton-dvta50.zarr"
VECTORS = Path("features/extract") / f"{ROW}.zarr"
NUM_FRAMES = 32
_OPTIONS = {"graph": "paper", "plan": "reduced", "dropout": 0.1}
_WHOSE = {
    "dataset": DATASET,
    "split_table": "random",
    "modality": "skeleton",
    "recipe": "dvta50",
    "encoder": "stgcn",
}


@dataclass(frozen=True)
class Stage:
    """A stage of this checkout: its options, and what it writes."""

    name: str
    options: tuple[str, ...]
    out: Path


STAGES = {
    "preprocess": Stage(
        "preprocess", ("--row", ROW, "--clips", str(CLIPS), "--source", str(SOURCE), "--out", str(ARRAYS)), ARRAYS
    ),
    "extract": Stage(
        "extract", ("--row", ROW, "--arrays", str(ARRAYS), "--weights", str(WEIGHTS), "--out", str(VECTORS)), VECTORS
    ),
}


def make(folder: Path, num_clips: int, num_encoders: int) -> None:
    """Write the checkout, with all that preprocess and extract read but the arrays."""
    rng = np.random.default_rng(0)
    names = [
        f"a{action}_s{subject}_t{take}"
        for action, subject, take in itertools.product(range(1, 28), range(1, 9), range(1, 5))
    ]
    (folder / SOURCE).mkdir(parents=True)
    for name in names[:num_clips]:
        xyz = rng.normal(size=(20, 3, int(rng.integers(20, 60))))
        savemat(folder / SOURCE / f"{name}_skeleton.mat", {"d_skel": xyz})
    stamp.write(folder / SOURCE, stamp.scan(folder / SOURCE))
    ingest(Checks(max_rejected=0.0), dataset=DATASET, source=folder / SOURCE, out=folder / CLIPS)
    for seed in range(num_encoders):
        _save_encoder(folder / WEIGHTS / f"s0-{seed}.safetensors", seed)


def _save_encoder(path: Path, seed: int) -> None:
    torch.manual_seed(seed)
    encoder = skeleton.build("stgcn", _OPTIONS, "kinect20", "here")
    classes = {"training_classes": [0, 1], "training_names": ["a", "b"], "unseen_classes": [2]}
    about = {"options": _OPTIONS, "layout": "kinect20", "split": "s0", "seed": seed, "training_clips": "clips of fit"}
    checkpoint.save(path, encoder, {**_WHOSE, **about, **classes})


def use(folder: Path, engine: str, num_workers: int) -> None:
    """Write params.yaml with this engine for both stages."""
    compute: dict[str, Any] = {"engine": engine, "num_workers": num_workers}
    if engine == "dask":
        compute["cluster"] = {"kind": "local"}
    arrays = {"dataset": DATASET, "source": str(SOURCE), "modality": "skeleton", "recipe": "dvta50", "boxes": False}
    arrays |= {"options": {"num_frames": NUM_FRAMES, "num_bodies": 1}}
    vectors = {**_WHOSE, "weights": str(WEIGHTS), "options": {}, "tokens": False, "masked": None, "regions": False}
    params: dict[str, Any] = {
        "preprocess": {"checks": {"max_rejected": 0.0}, "compute": compute, "rows": {ROW: arrays}},
        "ingest": {"checks": {"max_rejected": 0.0}, "rows": {DATASET: {"source": str(SOURCE)}}},
        "extract": {
            "batches": {"batch_size": 8, "num_threads": 1},
            "compute": compute,
            "rows": {ROW: vectors},
        },
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))


def digest(store: Path) -> str:
    """SHA-256 of the names and bytes of all files of a store."""
    whole = hashlib.sha256()
    for file in sorted(path for path in store.rglob("*") if path.is_file()):
        whole.update(f"{file.relative_to(store)} {file.stat().st_size}\n".encode() + file.read_bytes())
    return whole.hexdigest()


def forget(folder: Path, stage: Stage) -> None:
    """As if the stage had never run: its output, the caches and what a kill has left are gone."""
    shutil.rmtree(folder / stage.out.parent, ignore_errors=True)
    for kept in (".cache", ".scratch"):
        shutil.rmtree(folder / kept, ignore_errors=True)
