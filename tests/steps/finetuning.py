"""A tiny CLIP, tiny tables and shards, and a row of finetune over them, for the tests of step and stage."""

import copy
import csv
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from pipeline.core import stamp
from pipeline.core.hashing import path_digest
from pipeline.core.params import parse
from pipeline.models import checkpoint
from pipeline.models import clip as clips
from pipeline.sources import pairs
from pipeline.steps import finetune
from pipeline.training import loop
from tests.sources import demo_pairs

ARCHITECTURE = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "layers": 1, "width": 16, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "layers": 1, "width": 8, "heads": 2},
}
MASKED = {
    "decoder": {"dim": 16, "depth": 1, "heads": 2},
    "masking": "graph",
    "share": 0.5,
    "ratio": 0.75,
    "masked_input": "mask_token",
}
ROW: dict[str, Any] = {
    "start": "start.json",
    "shards": "shards",
    "data": demo_pairs.params(
        clip_frames=2,
        compositions={"share": 0.03, "seed": 1, "words_of": ["vg", "ag"]},
        general={"val_share": 0.3, "seed": 0},
        withheld={"demo": [13]},  # "a person jumps"
    ).model_dump(mode="json"),
    "selection": {"share": 0.4, "max_pairs": 20, "seed": 0},
    "objective": {
        "pooling": "mean_unit",
        "negatives": {"weight": 1.0, "scale": "logit"},
        "reconstruction": {"weight": 1.0, "autoencoder": MASKED},
    },
    "learns": {"freeze": "none", "lora": {"image": None, "text": None}},
    "checkpoint_gradients": False,
    "mixing": {"shares": [0.5, 1.0], "max_loss": 0.05},
    "training": {
        "optimizer": {"name": "adamw", "lr": 0.003, "weight_decay": 0.05, "fused": False},
        "schedule": "cosine",
        "num_epochs": 1,
        "warmup_epochs": 0,
        "patience": 1,
        "batch_size": 8,
        "accumulate": 1,
        "clip_norm": 1.0,
        "ema": None,
        "precision": "32",
        "num_threads": 1,
        "devices": 1,
    },
    "seeds": [0],
}
RUNNING = loop.Running(num_workers=0, queue_length=2, checkpoint_every=1)
LINKED = ("vg", "vg.stamp", "ag", "ag.stamp", "shards", "shards.stamp", "graph", "caption", "negate")


def made(folder: Path) -> Path:
    """Fill a folder with all that a row reads."""
    vg, ag = (
        demo_pairs.VG.model_copy(update={"images": 14}),
        demo_pairs.AG.model_copy(update={"videos": 8, "frames": 4}),
    )
    demo_pairs.made(folder, vg, ag, num_texts=60)
    stamp.write(folder / "shards", stamp.scan(folder / "shards"))
    return folder


def linked(root: Path, folder: Path) -> Path:
    """A checkout of its own in which the inputs of `root` lie, and a start with random weights."""
    for name in LINKED:
        (folder / name).symlink_to(root / name)
    start_file(folder / "start.json")
    return folder


def start_file(path: Path, architecture: object = None, checkpoint: str | None = None) -> Path:
    """A start file."""
    said = {"architecture": architecture or ARCHITECTURE, "pretrained": None, "checkpoint": checkpoint}
    path.write_text(json.dumps(said))
    return path


def changed(path: str, value: object, row: dict[str, Any] = ROW) -> dict[str, Any]:
    """The row with another value at a path such as "data.crop"."""
    tree = copy.deepcopy(row)
    *parents, last = path.split(".")
    node = tree
    for key in parents:
        node = node[key]
    assert last in node
    node[last] = value
    return tree


def inputs(start: str = "start.json") -> finetune.Inputs:
    """Where the linked inputs lie."""
    return finetune.Inputs(Path(start), Path("shards"), Path("graph"), Path("caption"), Path("negate"))


def run(row: dict[str, Any] = ROW, out: str = "out", running: loop.Running = RUNNING, key: str = "k") -> Path:
    """Run the step in the checkout that is the working directory."""
    told = parse(finetune.Row, row, "finetune.rows.k")
    finetune.finetune(told, running, inputs(row["start"]), key=key, out=Path(out))
    return Path(out)


def data_of(row: dict[str, Any], scratch: Path) -> pairs.Pairs:
    """The pairs that a row reads."""
    told = parse(finetune.Row, row, "row")
    clip = clips.start(Path(row["start"]), row["seeds"][0])
    where = inputs()
    folders = pairs.Folders(where.graphs, where.captions, where.negatives, where.shards, Path())
    size, batch_size = (clip.height, clip.width), told.training.batch_size
    return pairs.read(told.data, folders, size=size, tokenize=clip.tokenizer, batch_size=batch_size, scratch=scratch)


class NoCode:
    """Finding the code that a run rests on takes as long as the run."""

    def files(self, *modules: str) -> dict[str, str]:
        return {}

    def own(self, module: str) -> dict[str, str]:
        return {}


def about(folder: Path, seed: int = 0) -> dict:
    return checkpoint.load(folder / f"{seed}.safetensors")[1]


def weights(folder: Path, seed: int = 0) -> dict[str, torch.Tensor]:
    return checkpoint.load(folder / f"{seed}.safetensors")[0]


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


def same(one: Path, other: Path) -> bool:
    return path_digest(one) == path_digest(other)


def own_folder(root: Path, folder: Path) -> None:
    """A copy in place of the link."""
    folder.unlink()
    shutil.copytree(root / folder.name, folder)
