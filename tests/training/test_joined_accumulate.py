"""Micro-batches of a step against the step as one batch, where the losses are means over some of the rows."""

import numpy as np
import pytest
import torch

from pipeline.core.batches import Memory
from pipeline.core.params import parse
from pipeline.training import loop
from pipeline.training.image_text import loss_of
from tests.training import joined
from tests.training.trainee import PARAMS


def moved(accumulate: int) -> dict[str, torch.Tensor]:
    """How far one plain step moves the decoder; eight rows, of which the graph pairs stand first."""
    case = "nothing hidden"
    arrays = {name: np.concatenate([array[:1]] * 8) for name, array in joined.arrays(case).items()}
    arrays["has_graph"] = np.arange(8) < 4
    module = joined.learner(case)
    before = {name: weight.detach().clone() for name, weight in module.named_parameters()}
    sgd = {"name": "sgd", "lr": 0.1, "weight_decay": 0.0, "momentum": 1e-12}
    changes = {"optimizer": sgd, "num_epochs": 1, "warmup_epochs": 0, "clip_norm": None, "ema": None, "devices": 1}
    params = parse(loop.Params, {**PARAMS, **changes, "accumulate": accumulate}, "training")
    running = loop.Running(num_workers=0, queue_length=1, checkpoint_every=None)
    data = Memory(arrays, 8, shuffled=False)
    loop.fit(module, data, None, loss_of(joined.objective(case)), params, running, seed=0, watch=None, what="t")
    now = dict(module.named_parameters())
    return {name: now[name].detach() - weight for name, weight in before.items() if "autoencoder" in name}


@pytest.mark.parametrize("accumulate", [2, 4])
def test_micro_batches_do_not_weaken_the_losses_of_graph_pairs(accumulate: int) -> None:
    whole, parts = moved(1), moved(accumulate)
    assert any(change.abs().max() > 1e-4 for change in whole.values())
    for name, change in whole.items():
        assert torch.allclose(parts[name], change, rtol=1e-6, atol=1e-9), name
