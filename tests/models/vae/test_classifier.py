"""The final classifier against Adam by hand in float64, and what it may depend on."""

# Shapes: K classes, S latents of each, Z latent size.
import numpy as np
import pytest
import torch

from pipeline.models.vae import classifier
from pipeline.models.vae.params import VaeParams
from tests.contracts.test_methods import CYCLES

PARAMS = VaeParams.model_validate(CYCLES | {"classifier": {"num_samples": 7, "lr": 0.05, "num_steps": 9}})
IDS = (4, 2, 9)


def latents(num_texts=1):
    random = np.random.default_rng(0)
    return [
        tuple(torch.from_numpy(random.normal(size=(3, 4)).astype(np.float32)) for _ in "mv") for _ in range(num_texts)
    ]


def by_hand(sample_MZ, label_M, weight_KZ, rectified):
    """300 steps in the paper, a few here: the gradient of the cross entropy written down, and Adam."""
    at = {"w": weight_KZ.astype(np.float64), "b": np.zeros(len(weight_KZ))}
    first, second = ({name: np.zeros_like(value) for name, value in at.items()} for _ in "12")
    for step in range(1, 10):
        raw_MK = sample_MZ @ at["w"].T + at["b"]
        logit_MK = np.maximum(raw_MK, 0) if rectified else raw_MK
        share_MK = np.exp(logit_MK) / np.exp(logit_MK).sum(axis=1, keepdims=True)
        pull_MK = (share_MK - np.eye(3)[label_M]) / len(label_M)
        if rectified:
            pull_MK = pull_MK * (raw_MK > 0)
        for name, gradient in {"w": pull_MK.T @ sample_MZ, "b": pull_MK.sum(axis=0)}.items():
            first[name] = 0.9 * first[name] + 0.1 * gradient
            second[name] = 0.999 * second[name] + 0.001 * gradient**2
            size = np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8
            at[name] = at[name] - 0.05 * first[name] / (1 - 0.9**step) / size
    return at["w"], at["b"]


@pytest.mark.parametrize("rectified", [True, False])
def test_it_is_adam_on_the_cross_entropy_of_all_samples(rectified):
    params = PARAMS.model_copy(update={"rectified": rectified})
    each = [classifier._start([(m[k], v[k]) for m, v in latents()], IDS[k], params, 5) for k in range(3)]
    sample_MZ = np.concatenate([sample.numpy() for sample, _ in each]).astype(np.float64)
    bound = 0.5 * np.sqrt(6 / (3 + 4))
    start_KZ = bound * np.stack([first.numpy() for _, first in each])
    expected = by_hand(sample_MZ, np.repeat(np.arange(3), 7), start_KZ, rectified)
    for found, wanted in zip(classifier.trained(latents(), IDS, params, 5), expected, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted, rtol=2e-4, atol=2e-5)


def test_samples_have_the_mean_and_the_spread_of_the_latents():
    many = PARAMS.model_copy(
        update={"shared_noise": False, "classifier": PARAMS.classifier.model_copy(update={"num_samples": 20000})}
    )
    [(m, v)] = latents()
    sample_SZ, first_Z = classifier._start([(m[0], v[0])], 4, many, 5)
    np.testing.assert_allclose(sample_SZ.mean(dim=0), m[0], atol=0.05)
    np.testing.assert_allclose(sample_SZ.var(dim=0), v[0].exp(), rtol=0.05)
    assert first_Z.abs().max() <= 1


def test_shared_noise_moves_all_numbers_of_a_latent_alike():
    [(m, v)] = latents()
    sample_SZ, _ = classifier._start([(m[0], v[0])], 4, PARAMS, 5)
    noise_SZ = (sample_SZ - m[0]) / (v[0] / 2).exp()
    np.testing.assert_allclose(noise_SZ, noise_SZ[:, :1].expand_as(noise_SZ), rtol=1e-4, atol=1e-5)


def test_noun_and_verb_have_noise_of_their_own():
    two = latents(2)
    sample_SZ, _ = classifier._start([(m[0], v[0]) for m, v in two], 4, PARAMS, 5)
    noise = [(part - m[0]) / (v[0] / 2).exp() for part, (m, v) in zip(sample_SZ.split(4, dim=1), two, strict=True)]
    assert (noise[0][:, 0] - noise[1][:, 0]).abs().min() > 1e-4


def test_the_order_of_the_classes_decides_nothing():
    weight_KZ, bias_K = classifier.trained(latents(), IDS, PARAMS, 5)
    order = [2, 0, 1]
    turned = [(m[order], v[order]) for m, v in latents()]
    found = classifier.trained(turned, [IDS[place] for place in order], PARAMS, 5)
    assert torch.equal(found[0], weight_KZ[order])
    assert torch.equal(found[1], bias_K[order])


def test_seed_and_class_decide_what_is_drawn():
    [(m, v)] = latents()
    draws = [classifier._start([(m[0], v[0])], id_, PARAMS, seed)[0] for id_, seed in ((4, 5), (4, 6), (2, 5), (4, 5))]
    assert torch.equal(draws[0], draws[3])
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
