"""The loss of CADA-VAE and of SynSE against NumPy in float64, given the noise, and its weights against the released."""

# Shapes: N clips, D feature size, T text size, Z latent size.
import numpy as np
import pytest
import torch
from scipy import integrate

from pipeline.core.errors import ParamsError
from pipeline.core.params import parse
from pipeline.models.vae.losses import LossWeights, kl_divergence, loss
from pipeline.models.vae.network import CrossVae
from pipeline.models.vae.params import RampParams

N, D, Z = 5, 6, 4
WEIGHTS = LossWeights(clip_kl=0.3, text_kl=0.7, cross=0.9)


def network(text_dims, rectified):
    torch.manual_seed(3)
    features_ND = np.random.default_rng(0).normal(size=(N, D)).astype(np.float32)
    model = CrossVae(features_ND, text_dims, Z, rectified=rectified, form="raw").double()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.7)
    return model


class Plain:
    """One autoencoder in NumPy."""

    def __init__(self, vae, rectified):
        self.weights = {name: value.detach().numpy() for name, value in vae.named_parameters()}
        self.rectified = rectified

    def layer(self, name, x_NX):
        return x_NX @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def decoded(self, z_NZ):
        x_NX = self.layer("decoder", z_NZ)
        return np.maximum(x_NX, 0) if self.rectified else x_NX

    def latent(self, x_NX, noise):
        return self.layer("mean", x_NX) + noise * np.exp(0.5 * self.layer("log_variance", x_NX))

    def kl(self, x_NX):
        mean, log = self.layer("mean", x_NX), self.layer("log_variance", x_NX)
        return -0.5 * (1 + log - mean**2 - np.exp(log)).sum() / len(x_NX)


@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_the_loss_of_cada_vae_is_that_of_the_released_code(rectified, shared):
    random, model = np.random.default_rng(1), network([3], rectified)
    s, t = random.normal(size=(N, D)), random.normal(size=(N, 3))
    noises = [random.normal(size=(N, 1 if shared else Z)) for _ in range(2)]
    clips, texts = Plain(model.clips, rectified), Plain(model.of_texts[0], rectified)
    sz, tz = clips.latent(s, noises[0]), texts.latent(t, noises[1])
    expected = np.mean((clips.decoded(sz) - s) ** 2) + np.mean((texts.decoded(tz) - t) ** 2)
    expected += 0.3 * clips.kl(s) + 0.7 * texts.kl(t)
    expected += 0.9 * (np.mean((clips.decoded(tz) - s) ** 2) + np.mean((texts.decoded(sz) - t) ** 2))
    found = loss(model, torch.from_numpy(s), [torch.from_numpy(t)], [*map(torch.from_numpy, noises)], WEIGHTS)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_the_loss_of_synse_is_that_of_the_released_code():
    random, model = np.random.default_rng(2), network([3, 5], True)
    s, n, v = random.normal(size=(N, D)), random.normal(size=(N, 3)), random.normal(size=(N, 5))
    noises = [random.normal(size=(N, 1)) for _ in range(3)]
    clips, nouns, verbs = (Plain(vae, True) for vae in (model.clips, *model.of_texts))
    sz = clips.latent(s, noises[0])
    nz, vz = nouns.latent(n, noises[1]), verbs.latent(v, noises[2])
    assert nz.shape == vz.shape == (N, Z // 2)
    expected = np.mean((clips.decoded(sz) - s) ** 2) + 0.3 * clips.kl(s)
    expected += np.mean((nouns.decoded(nz) - n) ** 2) + np.mean((verbs.decoded(vz) - v) ** 2)
    expected += 0.7 * (nouns.kl(n) + verbs.kl(v))
    expected += 0.9 * np.mean((nouns.decoded(sz[:, : Z // 2]) - n) ** 2)
    expected += 0.9 * np.mean((verbs.decoded(sz[:, Z // 2 :]) - v) ** 2)
    expected += 0.9 * np.mean((clips.decoded(np.concatenate([nz, vz], axis=1)) - s) ** 2)
    texts = [torch.from_numpy(n), torch.from_numpy(v)]
    found = loss(model, torch.from_numpy(s), texts, [*map(torch.from_numpy, noises)], WEIGHTS)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_the_divergence_is_the_integral():
    mean, variance = 0.8, 0.5

    def density(x, about, spread):
        return np.exp(-((x - about) ** 2) / (2 * spread)) / np.sqrt(2 * np.pi * spread)

    def each(x):
        return density(x, mean, variance) * np.log(density(x, mean, variance) / density(x, 0, 1))

    found = kl_divergence(torch.tensor([[mean, 0.0]]).double(), torch.tensor([[np.log(variance), 0.0]]).double())
    assert found.item() == pytest.approx(integrate.quad(each, -12, 12)[0], rel=1e-6)


@pytest.mark.parametrize("length", [1700, 1900])
def test_the_weights_are_those_of_the_released_code(length):
    cross = {1700: 1400, 1900: 1500}[length]
    ramp = {"weight": 0.1, "over": 3000}
    clips = RampParams(**ramp, start=1000, after=1000, first_cycle=1)
    cada = RampParams(**ramp, start=1000, after=cross, first_cycle=1)
    synse = RampParams(**ramp, start=cross, after=cross, first_cycle=3)
    for cycle in range(4):
        for step in range(length):
            k_fact = max(0.1 * (step - 1000) / 3000, 0)
            assert clips.at(cycle, step) == pytest.approx(k_fact, abs=1e-15)
            assert cada.at(cycle, step) == pytest.approx(k_fact * (step > cross), abs=1e-15)
            halves = max(0.1 * (step - cross) / 3000, 0) * (cycle > 1)
            assert synse.at(cycle, step) == pytest.approx(halves, abs=1e-15)


def test_a_ramp_that_would_begin_below_0_is_refused():
    with pytest.raises(ParamsError, match="expected after to be start or later"):
        parse(RampParams, {"weight": 0.1, "over": 1, "start": 9, "after": 8, "first_cycle": 1}, "clip_kl")
