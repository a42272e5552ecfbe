"""A dataset of 32 clips in three senses, a tiny CLIP and a row of bind over them, for the tests of step and stage."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec.structs import replace

from pipeline.core.params import parse
from pipeline.modalities import skeleton
from pipeline.models import checkpoint
from pipeline.models import clip as clips
from pipeline.steps import bind
from pipeline.training import loop
from pipeline.training.encoding import Batches
from tests import toy
from tests.core.table_rows import clip_row

ARCHITECTURE = {
    "embed_dim": 4,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "layers": 1, "width": 16, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2},
}
OPTIONS = {"graph": "paper", "plan": "reduced", "dropout": 0.1}
SKELETON: dict[str, Any] = {
    "modality": "skeleton",
    "recipe": "dvta50",
    "encoder": "stgcn",
    "options": OPTIONS,
    "start": None,
    "temperature": {"kind": "fixed", "value": 0.2},
    "training": toy.TRAINING,
}
DEPTH: dict[str, Any] = {
    **SKELETON,
    "modality": "depth",
    "recipe": "metric",
    "encoder": "r2plus1d",
    "options": {"widths": [2, 4], "dropout": 0.0},
    "temperature": {"kind": "learned", "start": 0.08},
}
HUB: dict[str, Any] = {
    "modality": "video",
    "recipe": "clip",
    "encoder": "clip",
    "options": {"pooling": "mean_unit"},
    "weights": "features/finetune/tiny",
    "learns": False,
}
PAIRS: dict[str, Any] = {"of": "fit", "other_views": "skip", "same_class": "negative", "further": []}
ROW: dict[str, Any] = {
    "dataset": "toy",
    "split_table": "random",
    "hub": HUB,
    "pairs": PAIRS,
    "senses": {"skeleton": SKELETON, "depth": DEPTH},
    "fused": {},
    "splits": ["s0"],
    "seeds": [0],
}
ONE: dict[str, Any] = {**ROW, "senses": {"skeleton": SKELETON}}
RUNNING = loop.Running(num_workers=0, queue_length=2, checkpoint_every=None)
GROUPS = {"fit": [0, 1, 2, 3], "val": [4, 5], "unseen": [6, 7]}
IDS = [f"toy/c{label}-p{repetition}-v{view}" for label in range(8) for repetition in range(2) for view in range(2)]
LABELS = {clip_id: int(clip_id.split("/c")[1][0]) for clip_id in IDS}
HELD_OUT = {clip_id for clip_id in IDS if clip_id.split("/")[1][:5] in ("c0-p1", "c2-p1")}
SENSES = {  # what is prepared: layout and shape of a clip
    "skeleton-dvta50": ("kinect20", (3, 4, 20, 1)),
    "depth-metric": ("depth_mm", (1, 4, 8, 8)),
    "video-clip": ("rgb", (3, 2, 16, 16)),
}


def made(folder: Path, dataset: str = "toy") -> Path:
    """Everything that the rows above read."""
    ids = [clip_id.replace("toy/", f"{dataset}/") for clip_id in IDS]
    for number, name in enumerate(SENSES):
        write_arrays(folder, name, ids, number, dataset)
    write_clips(folder, LABELS, dataset)
    write_split(folder, LABELS, dataset)
    for seed in (0, 1):
        write_clip(folder, seed)
    return folder


def write_arrays(
    folder: Path,
    name: str,
    ids: list[str],
    seed: int = 0,
    dataset: str = "toy",
    empty: Collection[str] = (),
    **changes: Any,
) -> None:
    """Prepared clips of a sense; each clip's are its own whatever others there are. Those of `empty` hold nothing."""
    modality, recipe = name.split("-")
    layout, shape = SENSES[name]
    told = {"modality": modality, "recipe": recipe, "options": {"size": 1}, "layout": layout, **changes}
    x = [np.random.default_rng([seed, *clip_id.encode()]).normal(size=shape).astype(np.float32) for clip_id in ids]
    x = [np.zeros_like(each) if clip_id in empty else each for clip_id, each in zip(ids, x, strict=True)]
    path = folder / f"features/preprocess/{dataset}/{name}.zarr"
    toy.write_arrays(path, ids, np.stack(x), **{"dataset": dataset, **told})


def write_clips(
    folder: Path, labels: dict[str, int], dataset: str = "toy", names: list[str] | None = None, **changes: Any
) -> None:
    """A clips table whose clips show two performances a class, each from two sides."""
    rows = []
    for number, (clip_id, label) in enumerate(labels.items()):
        whose = {"clip_id": clip_id.replace("toy/", f"{dataset}/"), "class_id": label}
        event = {"subject": 1 + number // 2 % 2, "camera": number % 2, "replication": 1, **changes}
        rows += [clip_row(modality=modality, **whose, **event) for modality in ("depth", "skeleton", "video")]
    names = names or [f"class {label}" if dataset == "toy" else f"{dataset} {label}" for label in range(8)]
    toy.write_clips(folder / f"data/ingest/{dataset}.parquet", rows, names, dataset)


def write_split(folder: Path, labels: dict[str, int], dataset: str = "toy") -> None:
    """The roles of clips, some of IDS; `labels` are what the table says of them, which decides none."""
    ids = {clip_id.replace("toy/", f"{dataset}/"): clip_id for clip_id in labels}
    splits = {"s0": GROUPS, "s1": GROUPS}
    held_out = [name for name, clip_id in ids.items() if clip_id in HELD_OUT]
    rows = toy.split_rows({name: LABELS[clip_id] for name, clip_id in ids.items()}, splits, held_out=held_out)
    rows = [row if row.class_id is None else replace(row, class_id=labels[ids[row.clip_id]]) for row in rows]
    toy.write_split(folder / f"data/split/{dataset}-random.parquet", rows, splits, dataset=dataset)


def write_clip(folder: Path, seed: int, named: dict[str, list[int]] | None = None) -> None:
    """The weights of a tiny CLIP whose texts name two fit classes."""
    start = folder / "start.json"
    start.write_text(json.dumps({"architecture": ARCHITECTURE, "pretrained": None, "checkpoint": None}))
    named = {"toy": [0, 2], "other": []} if named is None else named
    clips.save(
        folder / f"features/finetune/tiny/{seed}.safetensors", clips.start(start, seed), {"named_classes": named}
    )


def write_pretrained(folder: Path, name: str = "s0-0", **changes: Any) -> Path:
    """Weights of a skeleton encoder that was trained as a classifier of the fit classes."""
    torch.manual_seed(7)
    about = {
        "dataset": "toy",
        "split_table": "random",
        "modality": "skeleton",
        "recipe": "dvta50",
        "encoder": "stgcn",
        "options": OPTIONS,
        "layout": "kinect20",
        "split": "s0",
        "seed": 0,
        "training_classes": [0, 1, 2, 3],
        "training_names": ["a", "b", "c", "d"],
        "unseen_classes": [6, 7],
        "training_clips": "clips of fit",
        **changes,
    }
    file = folder / f"features/pretrain/supervised/{name}.safetensors"
    checkpoint.save(file, skeleton.build("stgcn", about["options"], "kinect20", "here"), about)
    return file


def changed(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A row with other values at paths such as hub__learns."""
    found: dict[str, Any] = json.loads(json.dumps(row))  # senses share no value
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = found
        for key in parents:
            node = node[key]
        node[last] = value
    return found


def run(folder: Path, row: dict[str, Any], out: str = "out", batch_size: int = 8, **running: Any) -> Path:
    """The folder that the step leaves; the working directory keeps its parts."""
    inputs = bind.Inputs(
        folder / "features/preprocess",
        folder / "data/split",
        folder / "data/ingest",
        folder / "features/pretrain",
        folder / row["hub"]["weights"],
    )
    how = RUNNING.model_copy(update=running)
    batches = Batches(batch_size=batch_size, num_threads=1)
    bind.bind(parse(bind.Row, row, "row"), batches, how, inputs, key="k", out=folder / out)
    return folder / out
