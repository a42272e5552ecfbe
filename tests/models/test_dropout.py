import pytest
import torch

from pipeline.models.dropout import Dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.75])
def test_as_large_a_share_is_dropped_and_the_mean_stays(p):
    torch.manual_seed(0)
    y = Dropout(p)(torch.ones(1001, 999))  # an odd number of elements, two to a word
    share = (y == 0).double().mean().item()
    assert share == pytest.approx(p, abs=4 * (p * (1 - p) / y.numel()) ** 0.5)
    assert torch.unique(y).tolist() == [0, pytest.approx(1 / (1 - p), rel=1e-6)]


def test_neighbours_are_drawn_apart():
    """Two draws are halves of one word: each says nothing of the other."""
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(2**20)) > 0).double().view(-1, 2)
    assert (kept[:, 0] * kept[:, 1]).mean().item() == pytest.approx(0.25, abs=0.003)


def test_slopes_are_those_of_what_is_kept():
    torch.manual_seed(0)
    x = torch.randn(6, 7, requires_grad=True)
    y = Dropout(0.25)(x)
    y.sum().backward()
    assert torch.equal(x.grad, torch.where(y != 0, 1 / 0.75, 0.0))
    assert torch.allclose(y, x * x.grad)


@pytest.mark.parametrize("p", [0.0, 1e-12])
def test_nothing_is_dropped_of_no_share(p):
    x = torch.randn(50, 50)
    assert torch.equal(Dropout(p)(x), x)


def test_at_rest_nothing_changes():
    x = torch.randn(9)
    assert Dropout(0.5).eval()(x) is x


def test_the_seed_decides():
    x = torch.ones(5, 5)
    drawn = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        drawn.append(Dropout(0.5)(x))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
