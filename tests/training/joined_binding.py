"""Two senses bound to a hub after one step of plain descent in float64, for tests that compare one process with two.

python -m tests.training.joined_binding FOLDER WHAT...: names of CASES.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.core.batches import Memory
from pipeline.core.params import parse
from pipeline.models import checkpoint
from pipeline.models.bound import BoundEncoder
from pipeline.training import loop, ranks
from pipeline.training.binding import Arm, Binding, FixedTemperature, LearnedTemperature, loss_of
from tests.training.trainee import DEVICES, PARAMS

CASES = {  # of seven clips, of which rank 0 has the even ones: keys, and whether the hub learns
    "no keys": ([], False),
    "views over ranks": ([[0, 0, 1, 2, 3, 3, 1]], False),
    "two keys and a hub that learns": ([[0, 0, 1, 2, 3, 3, 1], [0, 1, 2, 3, 0, 5, 6]], True),
}


class Mean(nn.Module):
    """The smallest encoder: a linear layer over the mean of the frames."""

    parts = {"frames": 2}  # noqa: RUF012 - as of every encoder
    dim = 5

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = nn.Linear(channels, self.dim)

    def forward(self, x_NCT: Tensor) -> Tensor:
        vector: Tensor = self.layer(x_NCT.mean(dim=2))
        return vector

    def with_tokens(self, x_NCT: Tensor) -> tuple[Tensor, Tensor]:
        token_NTD = self.layer(x_NCT.movedim(1, 2))
        return token_NTD.mean(dim=1), token_NTD


def arrays(case: str) -> dict[str, np.ndarray]:
    """Seven clips of three frames in two senses, and what the hub has of them."""
    random, (keys, learns) = np.random.default_rng(5), CASES[case]
    return {
        "x/one": random.normal(size=(7, 4, 3)),
        "x/two": random.normal(size=(7, 2, 3)),
        "x/hub": random.normal(size=(7, 3, 3) if learns else (7, 5)),
        "keys": np.array(keys, dtype=np.int64).T.reshape(7, -1),
    }


def learner(case: str) -> Binding:
    torch.manual_seed(0)
    temperatures = {
        "one": LearnedTemperature(kind="learned", start=0.08),
        "two": FixedTemperature(kind="fixed", value=0.8),
    }
    channels = {"one": 4, "two": 2}
    arms = {name: Arm(BoundEncoder(Mean(channels[name]), 5), how) for name, how in temperatures.items()}
    return Binding(arms, Mean(3) if CASES[case][1] else None).double()


def stepped(case: str) -> Binding:
    module, sgd = learner(case), {"name": "sgd", "lr": 0.1, "weight_decay": 0.0, "momentum": 1e-12}
    changes = {"optimizer": sgd, "num_epochs": 1, "warmup_epochs": 0, "accumulate": 1, "clip_norm": None, "ema": None}
    params = parse(loop.Params, {**PARAMS, **changes, "devices": DEVICES}, "training")
    running = loop.Running(num_workers=0, queue_length=1, checkpoint_every=None)
    data = Memory(arrays(case), 7, shuffled=False)
    loop.fit(module, data, None, loss_of(module.names), params, running, seed=0, watch=None, what="t")
    return module


if __name__ == "__main__":
    for name in sys.argv[2:]:
        trained = stepped(name)
        if ranks.leads():
            checkpoint.save(Path(sys.argv[1]) / f"{name}.safetensors", trained, {})
