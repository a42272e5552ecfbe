"""What TDSM minimises against plain NumPy in float64, given what chance gives."""

# Shapes: B clips of a batch, D feature size, K classes.
import numpy as np
import pytest
import torch

from pipeline.models.tdsm.losses import RandomInputs, errors, triplet
from tests.models.tdsm import plain

B, D, K = 4, 5, 3


def test_errors_and_triplet_are_those_of_the_plain_formulas():
    random, model = np.random.default_rng(0), plain.network()
    x_BD, noise_BD = (random.normal(size=(B, D)) for _ in range(2))
    texts = [random.normal(size=(K, size)) for size in (3, 4)]
    label_B, wrong_B, step_B = [0, 2, 1, 1], [1, 2, 0, 2], [0, 5, 9, 3]
    shares = [plain.left(step, 0.1, 0.3, 10) for step in range(10)]
    draws = RandomInputs(torch.from_numpy(noise_BD), torch.tensor(step_B), torch.tensor(wrong_B))
    found = errors(
        model,
        torch.from_numpy(x_BD),
        torch.tensor(label_B),
        [torch.from_numpy(text_KT) for text_KT in texts],
        torch.tensor(shares, dtype=torch.float64),
        draws,
    )
    expected = [
        [
            plain.error(model, x_BD[b], noise_BD[b], shares[step_B[b]], step_B[b], [text[asked[b]] for text in texts])
            for b in range(B)
        ]
        for asked in (label_B, wrong_B)
    ]
    for each, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(each.detach().numpy(), wanted, rtol=1e-9)
    is_wrong_B = torch.tensor(wrong_B) != torch.tensor(label_B)
    for margin in (0.1, 1.0, 30.0):
        hinges = [max(0.0, expected[0][b] - expected[1][b] + margin) for b in range(B) if label_B[b] != wrong_B[b]]
        assert triplet(*found, is_wrong_B, margin).item() == pytest.approx(sum(hinges) / B, rel=1e-9)


def test_chance_takes_any_step_and_any_class():
    torch.manual_seed(0)
    draws = RandomInputs.of(torch.zeros(500, D), 7, K)
    assert set(draws.step_B.tolist()) == set(range(7))
    assert set(draws.wrong_B.tolist()) == set(range(K))
    assert draws.noise_BD.shape == (500, D)
    assert draws.noise_BD.std().item() == pytest.approx(1, abs=0.05)
