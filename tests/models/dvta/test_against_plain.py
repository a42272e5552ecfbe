"""The fast form of DVTA against the plain one in float64: losses, gradients and scores of every variant."""

# Shapes: B clips, D feature size, K classes, T text size.
import numpy as np
import pytest
import torch

from pipeline.models.dvta import network, pairs
from tests.models.dvta import plain

B, K, D, T = 9, 6, 6, 5
LABEL_B = torch.tensor([0, 2, 2, 1, 0, 2, 5, 5, 2])  # classes 3 and 4 have no clip in the batch
LEAKY = {"activation": "leaky_sigmoid", "gamma": 0.01, "detached": False}
SDE = plain.VARIANT["sde"]
VARIANTS = {
    "paper": {},
    "released": plain.RELEASED,
    "mean of the texts": {"sde": None},
    "one text": {"sde": None, "texts": ["label"]},
    "scale 1": {"sde": SDE | {"scale": 1.0}},
    "cosines attend": {"sde": SDE | {"measure": "cosine", "scale": 8.0}},
    "raw keys": {"sde": SDE | {"keys": "raw"}},
    "by column": {"sde": SDE | {"query": "column"}},
    "by column, cosines attend": {"sde": SDE | {"query": "column", "measure": "cosine"}},
    "linear": {"visual": "linear"},
    "no text projector": {"text": "none", "sde": SDE | {"keys": "raw"}},
    "direct": {"augmented": None},
    "augmented": {"direct": False},
    "sigmoid": {"augmented": LEAKY | {"activation": "sigmoid", "gamma": None}},
    "none": {"augmented": LEAKY | {"activation": "none", "gamma": None}},
    "detached": {"augmented": LEAKY | {"detached": True}},
    "two temperatures": {"temperature": {"start": 0.1, "shared": False, "positive": True}},
    "free temperature": {"temperature": {"start": 0.1, "shared": True, "positive": False}},
    "summed logits": {"combine": "logits"},
    "soft targets": {"loss": {"name": "kld", "target": "softmax", "directions": "mean"}},
    "info_nce": {"loss": {"name": "info_nce", "directions": "mean"}},
    "softmax_ce": {"loss": {"name": "softmax_ce"}},
    "three texts": {"texts": ["label", "context", "synonym"]},
}


def double(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def built(changed):
    params = plain.params_of(**changed)
    torch.manual_seed(3)
    model = network.DVTA(params, feature_dim=D, text_dim=T).double()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "temperature" not in name:
                weight.mul_(3)  # so that nothing is near 0, where all variants are alike
    v_BD = torch.nn.functional.normalize(double(B, D), dim=-1)
    text_SKT = torch.nn.functional.normalize(double(len(params.texts), K, T, seed=1), dim=-1)
    return model, params, v_BD, text_SKT


def gradients(model, value):
    weights = dict(model.named_parameters())
    found = torch.autograd.grad(value, list(weights.values()), allow_unused=True)
    zeros = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    return {name: zeros[name] if one is None else one for name, one in zip(weights, found, strict=True)}


@pytest.mark.parametrize("tile_bytes", [1, 1 << 20], ids=["pair by pair", "one tile"])
@pytest.mark.parametrize("changed", VARIANTS.values(), ids=VARIANTS)
def test_the_loss_and_all_its_gradients_are_those_of_all_pairs(changed, tile_bytes, monkeypatch):
    monkeypatch.setitem(pairs.TILE_BYTES, "cpu", tile_bytes)
    model, params, v_BD, text_SKT = built(changed)
    ours = network.batch_loss(model, params, v_BD, text_SKT, LABEL_B)
    theirs = plain.loss(model, params, v_BD, text_SKT, LABEL_B)
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)
    expected = gradients(model, theirs)
    for name, found in gradients(model, ours).items():
        torch.testing.assert_close(found, expected[name], rtol=1e-11, atol=1e-12, msg=name)


@pytest.mark.parametrize("tile_bytes", [1, 1 << 20], ids=["pair by pair", "one tile"])
@pytest.mark.parametrize("changed", VARIANTS.values(), ids=VARIANTS)
def test_scores_are_those_of_all_pairs(changed, tile_bytes, monkeypatch):
    monkeypatch.setitem(pairs.TILE_BYTES, "cpu", tile_bytes)
    model, params, v_BD, text_SKT = built(changed)
    expected = plain.scores(model, params, v_BD, text_SKT)
    with torch.no_grad():
        found = network.probabilities(model, params.combine, model(v_BD, model.texts(text_SKT)))
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-13)


def test_the_pairs_have_the_gradient_of_their_differences():
    torch.manual_seed(0)
    metric = pairs.DeepMetric(T).double()
    inputs = (double(3, T), double(2, 4, T, seed=1), double(3, 4, 2, seed=2).softmax(dim=2))

    def scores(v_BH, text_SKH, blend_BKS):
        return metric(v_BH, metric.of_texts(text_SKH), blend_BKS)

    assert torch.autograd.gradcheck(scores, [each.requires_grad_() for each in inputs])


@pytest.mark.parametrize(("num_clips", "num_texts", "num_pairs"), [(7, 5, 1), (7, 5, 12), (7, 5, 3), (1, 1, 100)])
def test_tiles_hold_every_pair_once(num_clips, num_texts, num_pairs):
    times = np.zeros((num_clips, num_texts), dtype=int)
    for clips, texts in pairs.tiles(num_clips, num_texts, num_pairs):
        times[clips, texts] += 1
        assert times[clips, texts].size <= max(num_pairs, 1)
    assert (times == 1).all()
