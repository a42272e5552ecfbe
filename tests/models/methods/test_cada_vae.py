"""CADA-VAE as a method: what its training is, what each option changes, what scoring reads."""

# Shapes: N clips, D feature size, K classes, T text size.
import numpy as np
import pytest
import torch

from pipeline.models.gradient_training import torch_seeded
from pipeline.models.methods import cada_vae
from pipeline.models.methods.shared import ClassTexts, Clips, unit
from pipeline.models.vae import alignment, losses
from pipeline.models.vae.network import CrossVae

N, D, K, T = 9, 6, 4, 5
RAMP = {"weight": 0.5, "over": 4, "start": 1, "first_cycle": 1}
PARAMS = {
    "text_type": "label",
    "centre": "none",
    "latent_dim": 4,
    "shared_noise": True,
    "rectified": True,
    "features": "raw",
    "lr": 0.01,
    "batch_size": N,
    "cycles": 2,
    "steps": 6,
    "clip_kl": {**RAMP, "after": 1},
    "text_kl": {**RAMP, "after": 2},
    "cross": {"weight": 1.0, "after": 2},
    "classifier": {"num_samples": 20, "lr": 0.01, "num_steps": 20},
}
CHANGES = [
    {"centre": "seen"},
    {"latent_dim": 6},
    {"shared_noise": False},
    {"rectified": False},
    {"features": "standardised"},
    {"features": "log1p"},
    {"lr": 0.02},
    {"batch_size": 4},
    {"cycles": 1},
    {"steps": 5},
    *({kind: PARAMS[kind] | one} for kind in ("clip_kl", "text_kl") for one in ({"weight": 0.9}, {"over": 9})),
    *({kind: PARAMS[kind] | one} for kind in ("clip_kl", "text_kl") for one in ({"after": 4}, {"first_cycle": 2})),
    {"clip_kl": PARAMS["clip_kl"] | {"start": 0}},
    {"text_kl": PARAMS["text_kl"] | {"start": 0}},
    {"cross": {"weight": 2.0, "after": 2}},
    {"cross": {"weight": 1.0, "after": 4}},
    *({"classifier": PARAMS["classifier"] | one} for one in ({"num_samples": 30}, {"lr": 0.02}, {"num_steps": 30})),
]


@pytest.fixture(scope="module")
def toy():
    random = np.random.default_rng(1)
    texts = [unit(random.normal(size=(K, T)).astype(np.float32)) for _ in range(4)]
    further = dict(zip(("hands", "noun", "verb"), texts[1:], strict=True))
    clips = Clips(random.uniform(size=(N, D)).astype(np.float32), tuple(place % K for place in range(N)))
    return clips, ClassTexts(tuple(range(K)), texts[0], None, further)


def trained(toy, **changed):
    clips, texts = toy
    *_, candidate = cada_vae.candidates(clips, texts, cada_vae.Params.model_validate(PARAMS | changed), 0)
    return candidate


@pytest.mark.parametrize("changed", [{"text_type": "hands"}, *CHANGES], ids=str)
def test_every_option_changes_the_scores(toy, changed):
    clips, texts = toy
    found = [trained(toy, **each).score(clips.features_ND, texts) for each in ({}, changed)]
    assert np.abs(found[0] - found[1]).max() > 1e-5


def test_training_is_that_of_the_plain_loss(toy, monkeypatch):
    """All clips in a batch, whose order decides nothing but which noise is whose: Adam by hand, the noise recorded."""
    clips, texts = toy
    noises, first = [], torch.randn
    monkeypatch.setattr(alignment.torch, "randn", lambda *size: noises.append(first(*size)) or noises[-1])
    rows, whole = [], losses.loss
    monkeypatch.setattr(alignment, "loss", lambda model, x, *rest: rows.append(x.clone()) or whole(model, x, *rest))
    candidate = trained(toy)
    params = cada_vae.Params.model_validate(PARAMS)
    with torch_seeded(0, "vae"):
        model = CrossVae(clips.features_ND, [T], 4, rectified=True, form="raw")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step, x_ND in enumerate(rows):
        own = [int(np.flatnonzero((clips.features_ND == x.numpy()).all(axis=1))[0]) for x in x_ND]
        text_NT = torch.from_numpy(texts.label_KT[[clips.class_ids[place] for place in own]])
        weights = losses.LossWeights.at(params, *divmod(step, 6))
        optimizer.zero_grad()
        losses.loss(model, x_ND, [text_NT], noises[2 * step : 2 * step + 2], weights).backward()
        optimizer.step()
    assert len(rows) == 12
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(candidate.module.model.state_dict()[name], weight, rtol=1e-4, atol=1e-5)


def test_a_clip_is_scored_by_its_latent_without_noise(toy):
    clips, texts = toy
    candidate = trained(toy, features="standardised")
    aligner = candidate.module
    weights = {name: value.numpy().astype(np.float64) for name, value in aligner.model.state_dict().items()}
    deviation_D = clips.features_ND.std(axis=0)
    x_ND = (clips.features_ND - clips.features_ND.mean(axis=0)) / deviation_D
    mean_NZ = x_ND @ weights["clips.mean.weight"].T + weights["clips.mean.bias"]
    latent = [
        texts.label_KT @ weights[f"texts.0.{name}.weight"].T + weights[f"texts.0.{name}.bias"]
        for name in ("mean", "log_variance")
    ]
    found = alignment.classifier.trained(
        [tuple(torch.from_numpy(each.astype(np.float32)) for each in latent)], texts.class_ids, aligner.params, 0
    )
    expected = mean_NZ @ found[0].numpy().T + found[1].numpy()
    np.testing.assert_allclose(candidate.score(clips.features_ND, texts), expected, rtol=1e-4, atol=1e-5)
    explained = candidate.explain(clips.features_ND, texts)
    np.testing.assert_allclose(explained["vectors"], mean_NZ, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(explained["text_vectors"], latent[0], rtol=1e-4, atol=1e-5)


def test_scoring_twice_gives_the_same_bytes(toy):
    clips, texts = toy
    candidate = trained(toy)
    torch.manual_seed(8)
    first = candidate.score(clips.features_ND, texts)
    torch.rand(3)
    assert candidate.score(clips.features_ND, texts).tobytes() == first.tobytes()


def test_the_cost_is_that_of_the_mean_and_the_classifier(toy):
    cost = trained(toy).cost(K)
    assert cost.macs == D * 4 + K * 4
    assert cost.num_params == 2 * (D * 4 + 4) + (4 * D + D) + 2 * (T * 4 + 4) + (4 * T + T)
