"""A small checkout for the tests of `unseen plan`: a recording of every class and subject, and rows up to arrays."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.io import savemat

from pipeline.commands import plan, raw

ROOT = Path(__file__).parents[2]
SOURCE = Path("data/raw/utd_mhad")
NUM_CLASSES, NUM_SUBJECTS = 27, 8

PROFILE: dict[str, Any] = {
    "ingest": {"checks": {"max_rejected": 0.0}, "rows": {"utd_mhad": {}}},
    "split": {
        "rows": {"utd_mhad-random": {"modality": "skeleton", "protocol": "xsub", "num_unseen": 5, "splits": ["s0"]}}
    },
    "prompt": {
        "captions": {"max_attributes": 3, "max_matchings": 64},
        "rows": {
            "utd_mhad": {
                "templates": ["a person performs the action: {name}"],
                "descriptions": "pipeline/text/classes/utd_mhad",
                "sources": {},
            }
        },
    },
    "embed": {
        "compute": {"num_threads": 1},
        "rows": {
            "texts": {
                "dataset": "utd_mhad",
                "encoder": "minilm",
                "weights": "requirements.txt",
                "model": {},
                "means": {},
                "movement": [],
            }
        },
    },
    "preprocess": {
        "checks": {"max_rejected": 0.0},
        "compute": {"engine": "inline", "num_workers": 1},
        "rows": {"utd_mhad-skeleton-dvta50": {"boxes": False, "options": {"num_frames": 4, "num_bodies": 1}}},
    },
    "extract": {
        "batches": {"batch_size": 8, "num_threads": 1},
        "compute": {"engine": "inline", "num_workers": 1},
        "rows": {
            "vectors": {
                "dataset": "utd_mhad",
                "split_table": None,
                "modality": "skeleton",
                "recipe": "dvta50",
                "encoder": "kinematics",
                "weights": "requirements.txt",
                "options": {},
                "tokens": False,
                "masked": None,
                "regions": False,
            }
        },
    },
    "evaluate": {"bootstrap": {"num_resamples": 10, "seed": 0}, "defaults": {"oracle_selection": False}, "rows": {}},
    "transfer": {
        "folds": {"num_folds": 5, "seed": 0},
        "page": {"num_clips": 10, "num_graphs": 1},
        "rows": {},
    },
}
COMPOSED = {  # a row of transfer
    "method": "prototypes",
    "features": "extract/vectors.zarr",
    "embeddings": "texts",
    "dataset": "utd_mhad",
    "split_table": "random",
    "text_type": "label",
    "centre": "none",
    "inference": "visual_prototypes",
    "constraints": "all",
    "cap": "row",
    "extra": None,
    "selection": "val",
    "grid": {"num_neighbours": [3], "rho": [1], "theta": [0.9]},
    "refit": "seen",
    "seeds": [0],
    "max_missing": 0.0,
}


def write(folder: Path) -> None:
    """A checkout whose data are scanned; go there and call `planned`."""
    for name in ("pipeline", "stages", "docs", "dvc.yaml", "requirements.txt"):
        (folder / name).symlink_to(ROOT / name)
    (folder / SOURCE).mkdir(parents=True)
    for number in range(NUM_CLASSES * NUM_SUBJECTS):
        xyz = np.random.default_rng(number).normal(size=(20, 3, 5))
        name = f"a{number // NUM_SUBJECTS + 1}_s{number % NUM_SUBJECTS + 1}_t1_skeleton.mat"
        savemat(folder / SOURCE / name, {"d_skel": xyz})
    raw.scan("utd_mhad", folder / SOURCE)


def changed(edits: dict[str, Any]) -> dict[str, Any]:
    """The profile with some values replaced, by their path with "/" between keys; None takes a key away."""
    tree = copy.deepcopy(PROFILE)
    for path, value in edits.items():
        *parents, last = path.split("/")
        node = tree
        for key in parents:
            node = node.setdefault(key, {})
        if value is None:
            del node[last]
        else:
            node[last] = value
    return tree


def planned(edits: dict[str, Any] | None = None) -> plan.Plan:
    """The plan of the profile with edits, in the working directory."""
    Path("own.yaml").write_text(yaml.safe_dump(changed(edits or {}), sort_keys=False), encoding="utf-8")
    return plan.plan("own.yaml", Path())


def problems(edits: dict[str, Any] | None = None) -> list[str]:
    """The problems that are found in it."""
    return planned(edits).problems
