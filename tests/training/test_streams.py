"""Streams that learn side by side, against each that learns alone."""

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core.batches import Memory
from pipeline.core.joints import JointLayout
from pipeline.core.params import parse
from pipeline.modalities.skeleton import streams
from pipeline.training import classify, loop
from pipeline.training.determinism import deterministic
from tests import toy

TINY = JointLayout("tiny", ("a", "b", "c", "d"), ((1, 0), (2, 1), (3, 0)), 0, (1, 3))
RUNNING = loop.Running(num_workers=0, queue_length=1, checkpoint_every=None)
NUM_CLASSES = 3


def params(**changed):
    values = {
        "optimizer": {"name": "sgd", "lr": 0.05, "weight_decay": 1e-3, "momentum": 0.9},
        "schedule": {"after_epochs": [2], "factor": 0.1},
        "num_epochs": 3,
        "warmup_epochs": 1,
        "patience": 3,
        "batch_size": 8,
    }
    return parse(loop.Params, {**toy.TRAINING, **values, **changed}, "training")


def data(num=20):
    random = np.random.default_rng(0)
    x = random.normal(size=(num, 3, 8, TINY.num_joints, 2)).astype(np.float32)
    x[::3, ..., 1] = 0  # clips of one body
    return Memory({"x": x, "label": random.integers(0, NUM_CLASSES, num)}, 8)


def learner(names, dropout=0.0):
    options = {"graph": "paper", "plan": "reduced", "dropout": dropout}
    encoder = streams.Encoder(streams.Params(encoder="stgcn", options=options, streams=names), TINY)
    return classify._learner(encoder, NUM_CLASSES, classify.Teaching(0.1, variant=None, texts=None))


def learn(module, loss_fn, **changed):
    with deterministic(0, 1):
        return loop.fit(module, data(), None, loss_fn, params(**changed), RUNNING, seed=0, watch=None, what="t").history


def side_by_side_and_alone(dropout=0.0, **changed):
    """The weights of two streams that learnt together, and of each alone from the same first weights."""
    torch.manual_seed(0)
    both, loss_fn = learner(["joint", "bone_motion"], dropout)
    alone = {}
    for number, name in enumerate(["joint", "bone_motion"]):
        alone[name], _ = learner([name], dropout)
        alone[name].encoder.networks[name].load_state_dict(both.encoder.networks[name].state_dict())
        alone[name].heads[0].load_state_dict(both.heads[number].state_dict())
    rows = {name: learn(module, loss_fn, **changed) for name, module in {"both": both, **alone}.items()}
    return both, alone, rows


def is_same(both, alone):
    pairs = []
    for number, (name, module) in enumerate(alone.items()):
        network, other = both.encoder.networks[name].state_dict(), module.encoder.networks[name].state_dict()
        pairs += [(network[key], other[key]) for key in network]
        pairs += zip(both.heads[number].parameters(), module.heads[0].parameters(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "sgd", "lr": 0.05, "weight_decay": 1e-3, "momentum": 0.9},
        {"name": "adamw", "lr": 0.01, "weight_decay": 0.1, "fused": False},
    ],
)
def test_streams_that_learn_together_learn_what_each_learns_alone(optimizer):
    both, alone, rows = side_by_side_and_alone(optimizer=optimizer)
    assert is_same(both, alone)
    for row, *parts in zip(rows["both"], rows["joint"], rows["bone_motion"], strict=True):
        assert row["loss"] == pytest.approx(sum(part["loss"] for part in parts), rel=1e-6)


@pytest.mark.parametrize(("dropout", "changed"), [(0.0, {"clip_norm": 0.1}), (0.5, {})])
def test_what_is_of_all_weights_or_drawn_in_one_order_is_not_what_it_is_alone(dropout, changed):
    """The length of the gradient is that of all streams, and dropout draws for one after the other."""
    both, alone, _ = side_by_side_and_alone(dropout, **changed)
    assert not is_same(both, alone)


def test_the_ensemble_judges_by_the_sum_of_the_logits():
    torch.manual_seed(0)
    module, loss_fn = learner(["joint", "bone", "joint_motion"])
    for head in module.heads:
        nn.init.normal_(head.weight)  # so that streams differ in what they say, as do clips
    batch = {name: torch.from_numpy(array) for name, array in data(300).arrays.items()}
    with torch.no_grad():
        logit_SNK, streams_ND = module(batch["x"]), module.encoder.by_stream(batch["x"])
        expected = torch.stack([head(feature) for head, feature in zip(module.heads, streams_ND, strict=True)])
        batch["label"] = expected.sum(0).argmax(1)  # so that the ensemble alone is always right
        loss, metrics = loss_fn(module, batch)
    assert torch.equal(logit_SNK, expected)
    assert metrics["accuracy"] == 1
    assert ((expected.argmax(2) == batch["label"]).float().mean(1) < 1).all()
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    assert loss.item() == pytest.approx(sum(smooth(logits, batch["label"]).item() for logits in expected), rel=1e-6)
