"""A training that tests start as a process of its own, alone or as one of two ranks, and kill.

python -m tests.training.trainee FOLDER WHAT...: `gradient`, `whole`, `killed` (dies mid-epoch), `resumed`.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from pipeline.core.batches import Memory
from pipeline.core.params import parse
from pipeline.models import checkpoint
from pipeline.training import loop, ranks
from pipeline.training.determinism import deterministic

DEVICES = int(os.environ.get("WORLD_SIZE", "1"))
PARAMS = {
    "optimizer": {"name": "adamw", "lr": 0.02, "weight_decay": 0.1, "fused": False},
    "schedule": "cosine",
    "num_epochs": 3,
    "warmup_epochs": 1,
    "patience": 3,
    "batch_size": 16,
    "accumulate": 2,
    "clip_norm": 1.0,
    "ema": 0.9,
    "precision": "32",
    "num_threads": 1,
}
KILLED_AT = 15  # call of the loss function: two a step, four steps and one or two to measure an epoch, so in the second


class Pairs(nn.Module):
    """Two towers and a temperature."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(5, 4), nn.Linear(3, 4)
        self.scale = nn.Parameter(torch.tensor(1.5))

    def forward(self, left, right):
        left, right = (functional.normalize(side, dim=1) for side in (self.left(left), self.right(right)))
        return left, right, self.scale.exp()


def contrastive(module, batch):
    """The same loss on every rank: over the pairs of all."""
    left, right, scale = module(batch["left"], batch["right"])
    logits = scale * ranks.gathered(left) @ ranks.gathered(right).T
    target = torch.arange(len(logits))
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2, {}


def gradient():
    """Weights after one step of plain descent in float64, over seven pairs: ranks have four and three."""
    torch.manual_seed(0)
    module, random = Pairs().double(), np.random.default_rng(0)
    data = Memory({"left": random.normal(size=(7, 5)), "right": random.normal(size=(7, 3))}, 7)
    sgd = {"name": "sgd", "lr": 0.1, "weight_decay": 0.0, "momentum": 1e-12}
    params = {**PARAMS, "optimizer": sgd, "num_epochs": 1, "warmup_epochs": 0, "accumulate": 1, "ema": None}
    train(module, data, contrastive, params)
    return module


def train(module, data, loss_fn, params):
    params = parse(loop.Params, {**params, "clip_norm": None, "devices": DEVICES}, "training")
    running = loop.Running(num_workers=0, queue_length=1, checkpoint_every=None)
    return loop.fit(module, data, None, loss_fn, params, running, seed=0, watch=None, what="t").history


def fit(folder, *, dies, resume):
    """Dropout, running means and a moving average; leaves weights, history and the number of calls."""
    random = np.random.default_rng(1)
    x = random.normal(size=(80, 6)).astype(np.float32)
    arrays = {"x": x, "label": (x[:, 0] > 0).astype(np.int64)}
    data = Memory({name: array[:60] for name, array in arrays.items()}, 16)
    held_out = Memory({name: array[60:] for name, array in arrays.items()}, 16, shuffled=False)
    calls = []

    def loss_fn(module, batch):
        calls.append(len(batch["x"]))
        if dies and len(calls) == KILLED_AT:
            os.kill(os.getpid(), signal.SIGKILL)
        logits = module(batch["x"])
        accuracy = (logits.argmax(1) == batch["label"]).float().mean()
        return functional.cross_entropy(logits, batch["label"]), {"accuracy": accuracy}

    params = parse(loop.Params, {**PARAMS, "devices": DEVICES}, "training")
    running = loop.Running(num_workers=0, queue_length=1, checkpoint_every=3)
    with deterministic(3, 1):
        module = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 2))
        fitted = loop.fit(
            module, data, held_out, loss_fn, params, running, seed=3, watch="accuracy", what="t", resume=resume
        )
    return module, {"history": fitted.history, "epoch": fitted.epoch}, len(calls)


def main(folder, wanted):
    for what in wanted:
        if what == "gradient":
            module, about, calls = gradient(), {}, 0
        else:
            resume = None if what == "whole" else folder / "state"
            module, about, calls = fit(folder, dies=what == "killed", resume=resume)
        if ranks.leads():
            checkpoint.save(folder / f"{what}.safetensors", module, about)
            (folder / f"{what}.json").write_text(json.dumps(calls))
    assert ("lightning_fabric" in sys.modules) == (DEVICES > 1)  # its import costs two seconds


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
