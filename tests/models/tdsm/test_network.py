"""The network and the noise against plain NumPy in float64."""

# Shapes: B pairs, C classes, D feature size, T size of a text.
import numpy as np
import pytest
import torch

from pipeline.models.tdsm.cost import macs
from pipeline.models.tdsm.network import Block, Denoiser, sinusoids
from pipeline.models.tdsm.noise import add_noise, signal_shares
from pipeline.models.tdsm.params import NoiseParams
from tests.models.tdsm import plain

PAPER = NoiseParams(steps=50, first=0.00085, last=0.012)  # Stable Diffusion's, in 50 steps


def test_the_network_says_what_the_plain_one_does():
    random, model = np.random.default_rng(0), plain.network()
    texts = [random.normal(size=(3, size)) for size in (3, 4)]
    noisy_BD, rows, steps = random.normal(size=(4, 5)), [2, 0, 1, 2], [0, 25, 49]
    told = model.texts([torch.from_numpy(text_CT) for text_CT in texts])
    found_BD = model(torch.from_numpy(noisy_BD), torch.tensor(steps), told, torch.tensor(rows)).detach().numpy()
    for found_D, noisy_D, row in zip(found_BD, noisy_BD, rows, strict=True):
        expected_D = plain.said(model, noisy_D, steps[row], [text_CT[row] for text_CT in texts])
        np.testing.assert_allclose(found_D, expected_D, rtol=1e-9, atol=1e-10)


def test_a_new_network_says_nothing_and_changes_no_token():
    model = Denoiser(5, [3], width=8, depth=2, heads=2)
    text_CT = torch.nn.functional.normalize(torch.ones(1, 3))
    assert (model(torch.ones(2, 5), torch.tensor([3]), model.texts([text_CT]), torch.tensor([0, 0])) == 0).all()
    clip_B1H, token_BSH = torch.ones(2, 1, 8), torch.rand(2, 1, 8)
    found = model.blocks[0](clip_B1H, token_BSH, torch.rand(1, 8), torch.tensor([0, 0]))
    assert torch.equal(found[0], clip_B1H)
    assert torch.equal(found[1], token_BSH)


def test_a_step_is_told_by_cosines_and_sines():
    for step in (0, 25, 49):
        np.testing.assert_allclose(sinusoids(torch.tensor([step]))[0], plain.sinusoid(step), atol=1e-12)


def test_a_block_of_the_paper_has_the_paper_s_parameters():
    """Both streams: attention 4 H^2, layers 8 H^2, adaptive layer norm 6 H^2, and biases."""
    with torch.device("meta"):
        block = Block(768, 12)
    assert sum(weight.numel() for weight in block.parameters()) == 36 * 768**2 + 30 * 768


def test_what_is_left_of_the_features_is_the_product_in_closed_form():
    found = signal_shares(PAPER)
    assert len(found) == 50
    for step in range(50):
        assert found[step].item() == pytest.approx(plain.left(step, 0.00085, 0.012, 50), rel=1e-6)
    assert found[0].item() == pytest.approx(1 - 0.00085, rel=1e-6)


def test_features_and_noise_of_variance_1_mix_to_variance_1():
    random = np.random.default_rng(0)
    x_ND, noise_ND = (torch.from_numpy(random.normal(size=(20000, 1))) for _ in range(2))
    assert add_noise(x_ND, noise_ND, torch.tensor(0.3).expand(20000)).var().item() == pytest.approx(1, abs=0.03)
    found = add_noise(torch.ones(2, 1), torch.full((2, 1), 3.0), torch.tensor([1.0, 0.64]))
    np.testing.assert_allclose(found[:, 0], [1, 0.8 + 0.6 * 3], rtol=1e-6)


def test_the_multiply_accumulates_are_those_of_the_layers():
    """Width 8, two texts: D x 8 and back; a block 12 x 8 x 8 a token, and the products of 3 x 3 tokens twice."""
    assert macs(plain.network(dim=5, width=8, depth=2)) == 2 * 5 * 8 + 2 * (3 * 12 * 64 + 2 * 9 * 8)
