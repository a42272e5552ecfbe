"""What stages read, in small: a test says the classes, clips and numbers that matter to it."""

# Shapes: N clips, K classes, D feature size, T text size.
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import store, tables
from pipeline.core.schemas import CLIPS, PROMPTS, SPLIT, ClipRow, PromptRow, SplitRow
from tests.core.table_rows import split_row

Array = npt.NDArray[np.float32]
Classes = Mapping[str, Sequence[int]]  # of one split: "fit", "val" and "unseen"
# The section `training` of a row that learns two epochs of a few clips on one thread.
TRAINING: dict[str, Any] = {
    "optimizer": {"name": "adam", "lr": 0.01, "weight_decay": 0.0, "fused": False},
    "schedule": "cosine",
    "num_epochs": 2,
    "warmup_epochs": 0,
    "patience": 2,
    "batch_size": 4,
    "accumulate": 1,
    "clip_norm": None,
    "ema": None,
    "precision": "32",
    "num_threads": 1,
    "devices": 1,
}


def role_of(class_id: int, classes: Classes) -> str:
    """The role of a class's clips in a split; of a class that the split does not name they are unused."""
    named = (role for role, class_ids in classes.items() if class_id in class_ids)
    return next(named, "unused").replace("unseen", "unseen_test")


def split_rows(
    clips: Mapping[str, int],
    splits: Mapping[str, Classes],
    *,
    roles: Mapping[str, str] | None = None,
    held_out: Collection[str] = (),
) -> list[SplitRow]:
    """Rows of all clips, given with their classes, in every split.

    A clip has the role of its class, or that of `roles`; of the clips in `held_out` those to fit on are held out. Only
    rows of fit and val tell the class.
    """
    rows = []
    for split, classes in splits.items():
        for clip_id, class_id in clips.items():
            role = (roles or {}).get(clip_id) or role_of(class_id, classes)
            told = class_id if role in ("fit", "val") else None
            is_held_out = role == "fit" and clip_id in held_out
            rows.append(split_row(split=split, clip_id=clip_id, role=role, class_id=told, held_out=is_held_out))
    return rows


def write_split(path: Path, rows: Iterable[SplitRow], splits: Mapping[str, Classes], **meta: Any) -> None:
    """A split table."""
    tables.write(path, SPLIT, rows, {"dataset": "toy", "split_table": "random", "splits": splits, **meta})


def write_clips(path: Path, rows: Iterable[ClipRow], names: Sequence[str], dataset: str = "toy") -> None:
    """A clips table of a dataset whose classes have these names."""
    tables.write(path, CLIPS, rows, {"dataset": dataset, "class_names": list(names)})


def write_prompts(path: Path, names: Sequence[str], dataset: str = "toy") -> None:
    """One label a class: its name."""
    rows = [PromptRow(class_id, name, "label", 0, name, "template") for class_id, name in enumerate(names)]
    tables.write(path, PROMPTS, rows, {"dataset": dataset})


def text_ids(num_classes: int) -> list[str]:
    """The ids of a store of class texts with one text a class."""
    return [f"{class_id:04d}-00" for class_id in range(num_classes)]


def write_texts(path: Path, kinds: Mapping[str, Array], **attrs: Any) -> None:
    """A store of class texts: of each kind a vector a class (K, T)."""
    dim = next(iter(kinds.values())).shape[1]
    with store.create(path, {"dataset": "toy", "dim": dim, **attrs}) as writer:
        for kind, vectors_KT in kinds.items():
            writer.group(kind, text_ids(len(vectors_KT))).put("pooled", vectors_KT.astype(np.float32))


def write_features(
    path: Path, ids: Sequence[str], vectors_ND: npt.NDArray[Any], groups: Mapping[str, Mapping[str, Any]], **attrs: Any
) -> None:
    """A store of features: in every group, given with its attributes, the same vector a clip (N, D)."""
    told = {"dataset": "toy", "modality": "skeleton", "encoder": "stgcn", "recipe": "r"}
    with store.create(path, {**told, **attrs}) as writer:
        for name, about in groups.items():
            writer.group(name, list(ids), dict(about)).put("pooled", vectors_ND.astype(np.float32))


def write_arrays(path: Path, ids: Sequence[str], x: Array, **attrs: Any) -> None:
    """A store of prepared skeletons, or of what `attrs` say, an array a clip (N, ...)."""
    told = {"dataset": "toy", "modality": "skeleton", "recipe": "dvta50", "layout": "kinect20", "rejected": []}
    with store.create(path, {**told, **attrs}) as writer:
        writer.group("all", list(ids)).put("x", x)


def write_task(folder: Path) -> None:
    """Features, texts and a split table of two clips a class: two classes to fit on, one to choose by, one unseen."""
    clips = {f"toy/{class_id}-{number}": class_id for class_id in range(4) for number in range(2)}
    splits = {"s0": {"fit": [0, 1], "val": [2], "unseen": [3]}}
    group = {"split": "s0", "seed": 0, "training_classes": [0, 1]}
    vectors_ND = np.random.default_rng(0).normal(size=(8, 3))
    write_features(folder / "f.zarr", list(clips), vectors_ND, {"s0-0": group})
    write_texts(folder / "t.zarr", {"label": np.eye(4, dtype=np.float32)})
    write_split(folder / "s.parquet", split_rows(clips, splits), splits)
