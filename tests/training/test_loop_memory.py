"""What a training holds after it has ended."""

import gc
import weakref

import torch
from torch import nn
from torch.nn import functional

from pipeline.core.batches import Memory
from pipeline.core.params import parse
from pipeline.training import loop
from tests.training.trainee import PARAMS

RUNNING = loop.Running(num_workers=0, queue_length=1, checkpoint_every=None)


def loss_fn(module, batch):
    return functional.mse_loss(module(batch["x"]), batch["x"]), {}


def train():
    module = nn.Linear(3, 3)
    data = Memory({"x": torch.arange(96.0).reshape(32, 3).numpy() / 96}, 16)
    params = parse(loop.Params, {**PARAMS, "devices": 1}, "training")
    loop.fit(module, data, None, loss_fn, params, RUNNING, seed=0, watch=None, what="test")
    return weakref.ref(module)


def test_weights_and_moments_go_with_the_last_reference():
    """They do not wait until Python looks for cycles, which it does rarely where little is made anew."""
    train()  # what the first one imports leaves cycles behind
    gc.collect()
    gc.disable()
    try:
        modules = [train() for _ in range(2)]
    finally:
        gc.enable()
    assert [module() for module in modules] == [None, None]
