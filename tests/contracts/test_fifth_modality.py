"""A fifth modality is a package of its own and a line in a dataset's file: it is read, prepared, bound and recognised.

The toy is the sensor that UTD-MHAD's people wore at the wrist. It is added to a copy of the sources, as a user would.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.io import savemat

from pipeline.core import stamp, store
from tests import toy

ROOT = Path(__file__).parents[2]

PACKAGE = {
    "datasets/utd_imu.py": '''
"""UTD-MHAD with the accelerometer at the wrist."""

import dataclasses
import re

from pipeline.datasets import utd_mhad
from pipeline.formats import imu

SKELETON = utd_mhad.DATASET.patterns["skeleton"]
DATASET = dataclasses.replace(
    utd_mhad.DATASET,
    name="utd_imu",
    patterns={"skeleton": SKELETON, "inertial": re.compile(SKELETON.pattern.replace("_skeleton", "_inertial"))},
    readers={"skeleton": utd_mhad.DATASET.readers["skeleton"], "inertial": imu.read},
    aligned=frozenset(),
)
''',
    "formats/imu.py": '''
"""Six channels of a wearable sensor: `d_iner` (T, 6) of a MATLAB file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat


@dataclass(frozen=True, eq=False)
class Inertial:
    """Accelerations and turning rates (T, 6); a Recording of formats.shared."""

    x_TC: np.ndarray
    layout: str = "wrist"

    @property
    def num_frames(self) -> int:
        return len(self.x_TC)

    def fault(self) -> str | None:
        return None if np.isfinite(self.x_TC).all() else "non-finite: a value is no number"


def read(path: Path) -> Inertial:
    return Inertial(loadmat(path)["d_iner"].astype(np.float32))
''',
    "modalities/inertial/__init__.py": '''
"""Inertial: what a sensor at the wrist feels."""

import numpy as np

from pipeline.core import members, params
from pipeline.core.errors import ParamsError
from pipeline.datasets import shared as datasets


def read(dataset):
    readers = datasets.load(dataset).readers
    if "inertial" not in readers:
        raise ParamsError(f"dataset '{dataset}' has no inertial, only {sorted(readers)}")
    return readers["inertial"]


def prepare(recipe, options, section):
    member = members.load(f"{__name__}.recipes", recipe)
    told = params.parse(member.Params, dict(options), section)
    return lambda recording: member.prepare(recording, told)


def build(encoder, options, layout, section):
    if layout != "wrist":
        raise ParamsError(f"inertial recordings are of the wrist, not '{layout}'")
    member = members.load(__name__, encoder)
    return member.Encoder(params.parse(member.Params, dict(options), section))


def is_empty(x_NCT):
    return ~x_NCT.reshape(len(x_NCT), -1).any(axis=1)
''',
    "modalities/inertial/recipes/__init__.py": '"""Recipes."""\n',
    "modalities/inertial/recipes/window.py": '''
"""All of a recording at a number of moments."""

import numpy as np

from pipeline.core import params


class Params(params.Params):
    num_frames: int


def prepare(recording, params):
    place = np.linspace(0, recording.num_frames - 1, params.num_frames).round().astype(int)
    return np.ascontiguousarray(recording.x_TC[place].T)
''',
    "modalities/inertial/convolution.py": '''
"""One convolution over time."""

import torch
from torch import nn

from pipeline.core import params as core_params


class Params(core_params.Params):
    dim: int


class Encoder(nn.Module):
    parts = {"frames": 2}

    def __init__(self, params):
        super().__init__()
        self.dim = params.dim
        self.time = nn.Conv1d(6, params.dim, 3, padding=1)

    def forward(self, x_NCT):
        return torch.relu(self.time(x_NCT)).mean(dim=2)

    def with_tokens(self, x_NCT):
        token_NDT = torch.relu(self.time(x_NCT))
        return token_NDT.mean(dim=2), token_NDT.transpose(1, 2)
''',
}
TRAINING = {**toy.TRAINING, "batch_size": 8}

# Run in the copy: every stage as its arrow calls it, but in one process.
RUN = """
from pathlib import Path
from stages import align, bind, ingest, pretrain, preprocess, split

raw, clips, table = Path("data/raw/utd_imu"), Path("data/ingest"), Path("data/split/utd_imu-random.parquet")
arrays = Path("features/preprocess")
ingest.main(dataset="utd_imu", source=raw, out=clips / "utd_imu.parquet")
split.main(row="utd_imu-random", clips=clips / "utd_imu.parquet", out=table)
for row, name in (("skeleton", "skeleton-dvta50"), ("inertial", "inertial-window")):
    preprocess.main(row=row, clips=clips / "utd_imu.parquet", source=raw, out=arrays / "utd_imu" / f"{name}.zarr")
weights = Path("features/pretrain/hub")
pretrain.main(
    row="hub", arrays=arrays / "utd_imu/skeleton-dvta50.zarr", split=table, taught_by=clips / "utd_imu.parquet",
    out=weights,
)
bind.main(
    row="toy", arrays=arrays, splits=table.parent, clips=clips, pretrained=weights.parent, hub=weights,
    out=Path("features/bind/toy"),
)
bound = Path("features/bind/toy/fused-both.zarr")
texts = Path("texts.zarr")
align.main(
    row="toy", features=bound, refit_features=bound, embeddings=texts, split=table, out=Path("features/align/toy")
)

from pipeline import Recogniser

found = Recogniser.load("features/bind/toy").embed([raw / "a1_s1_t1_inertial.mat"], sense="inertial")
print("lengths", (found**2).sum(axis=1))
"""


COMMON = {"dataset": "utd_imu", "split_table": "random"}
CHOSEN = {"splits": ["s0"], "seeds": [0]}
COMPUTE = {"engine": "inline", "num_workers": 1}
RUNNING = {"num_workers": 0, "queue_length": 2, "checkpoint_every": None}
HUB = {"modality": "skeleton", "recipe": "dvta50", "encoder": "stgcn"}
SENSE = {
    "modality": "inertial",
    "recipe": "window",
    "encoder": "convolution",
    "options": {"dim": 8},
    "start": None,
    "temperature": {"kind": "fixed", "value": 0.2},
    "training": TRAINING,
}


def data_params() -> dict[str, Any]:
    """The sections of the stages that read recordings."""
    prepared = {"dataset": "utd_imu", "source": "data/raw/utd_imu", "boxes": False}
    window = {**prepared, "modality": "inertial", "recipe": "window", "options": {"num_frames": 8}}
    bodies = {**prepared, "modality": "skeleton", "recipe": "dvta50", "options": {"num_frames": 8, "num_bodies": 1}}
    split = {"dataset": "utd_imu", "name": "random", "modality": "inertial", "protocol": "xsub", "num_unseen": 5}
    return {
        "ingest": {"checks": {"max_rejected": 0.0}, "rows": {"utd_imu": {"source": "data/raw/utd_imu"}}},
        "split": {"rows": {"utd_imu-random": {**split, "splits": ["s0"], "val_classes": {"share": 0.2, "min": 3}}}},
        "preprocess": {
            "checks": {"max_rejected": 0.0},
            "compute": COMPUTE,
            "rows": {"inertial": window, "skeleton": bodies},
        },
    }


def learning_params() -> dict[str, Any]:
    """The sections of the stages that learn."""
    encoder = {
        **COMMON,
        **HUB,
        **CHOSEN,
        "options": {"graph": "paper", "plan": "reduced", "dropout": 0.0},
        "classes": "fit",
        "label_smoothing": 0.0,
        "augment": None,
        "taught_by": "data/ingest/utd_imu.parquet",
        "text": None,
    }
    bound = {
        **COMMON,
        **CHOSEN,
        "hub": {**HUB, "options": {}, "weights": "features/pretrain/hub", "learns": False},
        "pairs": {"of": "fit", "other_views": "skip", "same_class": "negative", "further": []},
        "senses": {"inertial": SENSE},
        "fused": {"both": ["hub", "inertial"]},
    }
    asked = {"method": "bind_supervised", "variant": "label", "refit": "none", "max_missing": 0.0, "spaces": ["unseen"]}
    asked |= {"explained": False, "selection": "val", "num_folds": None}
    inputs = {"features": "bind/toy/fused-both.zarr", "embeddings": "texts"}
    inputs["refit_features"] = f"{inputs['features']}/zarr.json"
    link = {"text_type": "label", "centre": "none", "lambdas": [1.0], "learns_from": "hub", "scores": "inertial"}
    return {
        "pretrain": {
            "compute": COMPUTE,
            "running": RUNNING,
            "rows": {"hub": {**encoder, "training": TRAINING}},
        },
        "bind": {"batches": {"batch_size": 32, "num_threads": 1}, "running": RUNNING, "rows": {"toy": bound}},
        "align": {
            "compute": {"num_threads": 1},
            "methods": {"bind_supervised": {"label": link}},
            "rows": {"toy": {**COMMON, **CHOSEN, **asked, **inputs}},
        },
    }


def recorded(folder: Path) -> None:
    """Every class by two people in both senses, as UTD-MHAD keeps them."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for class_number in range(1, 28):
        for subject in (1, 2):
            for trial in (1, 2):
                name = f"a{class_number}_s{subject}_t{trial}"
                savemat(folder / f"{name}_skeleton.mat", {"d_skel": random.normal(size=(20, 3, 9))})
                savemat(folder / f"{name}_inertial.mat", {"d_iner": random.normal(size=(9, 6))})
    stamp.write(folder, stamp.scan(folder))


def added(folder: Path) -> None:
    """A copy of the sources with what a fifth modality takes; nothing that stands is edited."""
    for package in ("pipeline", "stages"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in PACKAGE.items():
        (folder / "pipeline" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "pipeline" / name).write_text(text.lstrip())
    classes = folder / "pipeline" / "datasets" / "classes"
    shutil.copy2(classes / "utd_mhad.csv", classes / "utd_imu.csv")


def test_a_fifth_modality_is_added_without_an_edit(tmp_path: Path) -> None:
    added(tmp_path)
    recorded(tmp_path / "data/raw/utd_imu")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data_params() | learning_params()))
    text_KT = np.random.default_rng(1).normal(size=(27, 6)).astype(np.float32)
    with store.create(tmp_path / "texts.zarr", {"dataset": "utd_imu", "encoder": "toy", "dim": 6}) as writer:
        writer.group("label", [f"{class_id:05d}-0" for class_id in range(27)]).put("pooled", text_KT)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    lengths = re.findall(r"[\d.]+", done.stdout.partition("lengths [")[2])
    assert lengths
    assert np.abs(np.array(lengths, float) - 1).max() < 1e-6
    found = store.Store(tmp_path / "features/bind/toy/inertial.zarr", "bind")
    assert found.attrs["modality"] == "inertial"
    assert len(found.ids("s0-0")) == 108
    scored = store.Store(tmp_path / "features/align/toy/scores.zarr", "align")
    assert scored.read("s0-0-unseen", "scores").shape == (10, 1, 5)  # five classes, the person who tests, two trials
