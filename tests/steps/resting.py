"""A source of films, a target of some more, and a row of rest over them, for the tests of step and stage."""

import copy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from pipeline.core import prepared, store
from pipeline.core.hashing import file_digest
from pipeline.core.params import parse
from pipeline.core.schemas import ClipRow
from pipeline.core.store import Store
from pipeline.formats import video
from pipeline.steps import rest
from pipeline.training import loop
from tests import toy
from tests.core.table_rows import clip_row

NAMES = {
    "demo": ["wave left hand", "clap hands", "jump", "bow", "sitting down", "nod"],
    "demo_gym": ["jump", "kick", "sit down"],
}
NUM_CLIPS = {"demo": 6, "demo_gym": 2}  # of each class; of the source two are held out
UNSEEN = 5  # class of the source
NUM_FRAMES = 6
ADAMW = {"name": "adamw", "lr": 0.01, "weight_decay": 0.0, "fused": False}
TRAINING: dict[str, Any] = {**toy.TRAINING, "optimizer": ADAMW, "batch_size": 5}
SGD = {"name": "sgd", "lr": 0.01, "weight_decay": 0.0001, "momentum": 0.9}
ROW: dict[str, Any] = {
    "source": {"dataset": "demo", "split_table": "films", "split": "s0", "files": "films/demo", "embeddings": "demo-t"},
    "targets": {"demo_gym": {"files": "films/demo_gym", "embeddings": "demo_gym-t"}},
    "classes": "fit",
    "overlap": {"remove": ["names", "words", "vectors"], "threshold": 0.05, "text_type": "label"},
    "max_rejected": 0.0,
    "input": {
        "kind": "video",
        "window": {"num_frames": 2, "stride": 2, "short_side": 12, "crop": 10, "short": "repeat"},
    },
    "test": {"num_clips": 2, "positions": "even", "crop": "centre", "batch_size": 3},
    "frames": {"name": "small", "widths": [4], "group": 1, "weights": None, "learns": True},
    "model": {
        "kind": "transformer",
        "dim": 8,
        "num_layers": 1,
        "num_heads": 2,
        "mlp_dim": 8,
        "dropout": 0.0,
        "attention": "single",
        "represents": "cls",
    },
    "losses": {"cls": True, "mlm": 0.5, "mask_share": 0.15},
    "warmup": {**TRAINING, "optimizer": SGD, "num_epochs": 1},
    "training": TRAINING,
    "channels_last": False,
    "checkpoint_gradients": False,
    "seeds": [0],
}
E2E = {"model": {"kind": "e2e", "dropout": 0.05}, "losses": None}
STORED = {
    "frames": None,
    "warmup": None,
    "source__files": None,
    "targets__demo_gym__files": None,
    "input": {
        "kind": "stored",
        "array": "tokens",
        "num_frames": None,
        "features": {"demo": "extract/demo.zarr", "demo_gym": "extract/demo_gym.zarr"},
    },
    "test__num_clips": 1,
}


class AnyCode:
    """Finding the code that a run rests on takes as long as the run."""

    def files(self, *modules: str) -> dict[str, str]:
        return dict.fromkeys(modules, "code")

    def own(self, module: str) -> dict[str, str]:
        return {module: "code"}


def changed(row: dict[str, Any] = ROW, **changes: Any) -> dict[str, Any]:
    """A row with other values, named by their keys joined by `__`."""
    made = copy.deepcopy(row)
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = made
        for key in parents:
            node = node[key]
        assert last in node
        node[last] = copy.deepcopy(value)
    return made


def ids(dataset: str) -> list[str]:
    """Of all its clips, in order; those of class k come after those of class k - 1."""
    return [f"{dataset}/{name}" for name in range(100, 100 + len(NAMES[dataset]) * NUM_CLIPS[dataset])]


def class_of(clip_id: str) -> int:
    dataset, number = clip_id.split("/")
    return (int(number) - 100) // NUM_CLIPS[dataset]


def is_held_out(clip_id: str) -> bool:
    """Of the clips with a training role, whether nothing is learnt from it."""
    return (int(clip_id.split("/")[1]) - 100) % NUM_CLIPS["demo"] >= 3


def made(root: Path) -> Path:
    """Films, clips tables, a split table, class texts and stored features; returns the folder."""
    for dataset in NAMES:
        _films(root, dataset)
        _texts(root, dataset)
        _features(root, dataset)
    clips = {clip_id: class_of(clip_id) for clip_id in ids("demo")}
    splits = {"s0": {"fit": [0, 1, 2, 3], "val": [4], "unseen": [UNSEEN]}}
    last = (clip_id for place, clip_id in enumerate(clips) if place % NUM_CLIPS["demo"] == 5)
    roles = {clip_id: "seen_test" for clip_id in last if clips[clip_id] != UNSEEN}
    rows = [
        replace(row, held_out=row.role in ("fit", "val") and is_held_out(row.clip_id))
        for row in toy.split_rows(clips, splits, roles=roles)
    ]
    meta = {"dataset": "demo", "split_table": "films", "class_names": NAMES["demo"]}
    toy.write_split(root / "split" / "demo-films.parquet", rows, splits, **meta)
    return root


def copied(films: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may change, which is the working directory; no code is looked up."""
    monkeypatch.setattr(rest, "Code", AnyCode)
    shutil.copytree(films, folder, dirs_exist_ok=True)
    monkeypatch.chdir(folder)
    return folder


def film(clip_id: str) -> np.ndarray:
    """A patch whose colour and place are its class's, at a speed of its own."""
    class_id, random = class_of(clip_id), np.random.default_rng(int(clip_id[-3:]))
    rgb = random.integers(0, 40, (NUM_FRAMES, 12, 16, 3), dtype=np.uint8)
    for step, frame in enumerate(rgb):
        left = (2 * class_id + step) % 12
        frame[2 * (class_id % 4) : 2 * (class_id % 4) + 4, left : left + 4, class_id % 3] = 220
    return rgb


def clip_rows(root: Path, dataset: str) -> list[ClipRow]:
    rows = []
    for clip_id in ids(dataset):
        file = (root / "films" / clip_id).with_suffix(".avi")
        told = {"class_id": class_of(clip_id), "path": file.name, "content_hash": file_digest(file)}
        rows.append(clip_row(clip_id=clip_id, modality="video", num_frames=NUM_FRAMES, **told))
    return rows


def _films(root: Path, dataset: str) -> None:
    for clip_id in ids(dataset):
        file = (root / "films" / clip_id).with_suffix(".avi")
        file.parent.mkdir(parents=True, exist_ok=True)
        video.write(file, film(clip_id), frames_per_second=9, codec="ffv1")
    write_clips(root, dataset, clip_rows(root, dataset))


def write_clips(root: Path, dataset: str, rows: list[ClipRow]) -> None:
    toy.write_clips(root / "ingest" / f"{dataset}.parquet", rows, NAMES[dataset], dataset)


def text(name: str) -> np.ndarray:
    """A vector of a class's name; equal names have equal ones."""
    return np.random.default_rng(sum(map(ord, name))).normal(size=6).astype(np.float32)


def _texts(root: Path, dataset: str) -> None:
    label_KT = np.stack([text(name) for name in NAMES[dataset]])
    path = root / "embed" / f"{dataset}-t.zarr"
    toy.write_texts(path, {"label": label_KT}, dataset=dataset, encoder="tiny", weights_hash="t" * 8)


def _features(root: Path, dataset: str) -> None:
    """Tokens of four steps, the mean of a film's colours; regions of one or two boxes a clip."""
    colour = np.stack([film(clip_id)[:4].mean(axis=(1, 2)) / 255 for clip_id in ids(dataset)]).astype(np.float32)
    known = {"split": "all", "seed": None, "training_classes": [], "weights_hash": "f" * 8, "pretrained": "the web"}
    about = {"dataset": dataset, "modality": "video", "recipe": "small"}
    with store.create(root / "extract" / f"{dataset}.zarr", {**about, "box_labels": ["hand"]}) as writer:
        group = writer.group("all", ids(dataset), known)
        group.put("tokens", colour)
        group.put("pooled", colour.mean(axis=1))
        counts = [1 + row % 2 for row in range(len(colour))]
        group.put_ragged("regions", [x[:count] for x, count in zip(colour, counts, strict=True)])
        boxes = [np.tile(np.array([[3, 0.1, 0.2, 0.5, 0.6]], np.float32), (count, 1)) for count in counts]
        group.put_ragged("boxes", boxes)
        group.put_ragged("box_labels", [np.zeros(count, np.int32) for count in counts])
    with store.create(root / "preprocess" / dataset / "video-small.zarr", {**about, "rejected": []}) as writer:
        arrays = [film(clip_id)[:4].transpose(3, 0, 1, 2).astype(np.float32) for clip_id in ids(dataset)]
        prepared.put(writer.group(prepared.GROUP, ids(dataset)), arrays[0].shape, [4] * len(arrays), arrays)


def run(world: Path, row: dict[str, Any] = ROW, out: str = "out", every: int | None = None) -> Path:
    """The folder that a row leaves; the working directory is the world."""
    chosen = parse(rest.Row, row, "rest.rows.k")
    running = loop.Running(num_workers=0, queue_length=1, checkpoint_every=every)
    inputs = rest.Inputs(world / "ingest", world / "split", world / "embed", world / "extract", world / "preprocess")
    rest.rest(chosen, running, inputs, key="k", out=world / out)
    return world / out


def group(folder: Path, dataset: str, seed: int = 0) -> tuple[np.ndarray, dict[str, Any]]:
    """The representations of a dataset's clips, and what their weights were taught."""
    found = Store(folder / f"{dataset}.zarr", "rest")
    return found.read(f"all-{seed}", "pooled"), found.group_attrs(f"all-{seed}")
