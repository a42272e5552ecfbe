import math

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core.params import parse
from pipeline.training import classify, loop, sentences
from pipeline.training.determinism import deterministic
from pipeline.training.training_set import TrainingSet
from tests import toy

PARAMS = parse(
    loop.Params,
    {
        **toy.TRAINING,
        "optimizer": {"name": "adam", "lr": 0.1, "weight_decay": 0.0, "fused": False},
        "num_epochs": 15,
        "patience": 15,
        "batch_size": 8,
    },
    "training",
)
# Classes 4 and 9 lie on two sides of a line; rows 20 to 23 are held out.
LESSONS = TrainingSet(
    "s0", list(range(20)), [4, 9] * 10, list(range(20, 24)), [4, 9] * 2, [4, 9], ["jump", "run"], [0], ""
)
TASK = loop.Task("test", loop.Running(num_workers=0, queue_length=1, checkpoint_every=None), None)


class Linear(nn.Module):
    dim, parts = 3, {}

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def with_tokens(self, x):
        return self(x), self(x)[:, None]

    def forward(self, x):
        return self.layer(x)


class Rows:
    clips = np.stack([[(-1) ** row, row / 24] for row in range(24)]).astype(np.float32)


def train(label_smoothing=0.0, seed=0):
    with deterministic(seed, 1):
        encoder = Linear()
        teaching = classify.Teaching(label_smoothing, variant=None, texts=None)
        fitted = classify.train(encoder, Rows(), LESSONS, PARAMS, teaching, seed=seed, task=TASK)
    return encoder, fitted


def test_classes_are_told_apart_whatever_their_numbers():
    _, fitted = train()
    assert fitted.history[-1]["accuracy"] == fitted.history[-1]["held_out_accuracy"] == 1.0


def test_the_encoder_itself_learns():
    encoder, _ = train()
    torch.manual_seed(0)
    with deterministic(0, 1):
        untrained = Linear()
    assert not torch.equal(encoder.layer.weight, untrained.layer.weight)


def test_label_smoothing_keeps_the_loss_above_its_floor():
    plain, smooth = (train(s)[1].history[-1]["loss"] for s in (0.0, 0.2))
    # Two classes, smoothing .2: targets .9 and .1, whose entropy no prediction can undercut.
    floor = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert plain < floor <= smooth + 1e-6
    assert smooth == pytest.approx(floor, abs=0.1)


def test_variants_are_of_the_clips_to_learn_from_and_never_of_those_held_out():
    seen = []

    def variant(x, random):
        seen.append(x.tolist())
        return x + random.normal(size=x.shape).astype(np.float32)

    plain = train()[0]
    with deterministic(0, 1):
        encoder = Linear()
        teaching = classify.Teaching(0.0, variant=variant, texts=None)
        classify.train(encoder, Rows(), LESSONS, PARAMS, teaching, seed=0, task=TASK)
    assert len(seen) == 20 * 15
    assert {tuple(x) for x in seen} == {tuple(x) for x in Rows.clips[:20].tolist()}
    assert not torch.equal(encoder.layer.weight, plain.layer.weight)


def test_texts_teach_the_encoder():
    text_KT = np.array([[1, 0, 0, 0], [0, 1, 0, 0]], np.float32)
    told = sentences.Params(
        text_type="label", centre="none", scale=10.0, label_weight=0.0, loss="classes", keep_map=False
    )
    with deterministic(0, 1):
        encoder = Linear()
        teaching = classify.Teaching(0.0, variant=None, texts=sentences.TeachingTexts(text_KT, told))
        fitted = classify.train(encoder, Rows(), LESSONS, PARAMS, teaching, seed=0, task=TASK)
    assert fitted.history[-1]["held_out_accuracy"] == 1.0
    assert not torch.equal(encoder.layer.weight, train()[0].layer.weight)


def test_the_classifier_has_an_output_per_training_class():
    assert classify.Classifier(Linear(), 7)(torch.zeros(5, 2)).shape == (1, 5, 7)
