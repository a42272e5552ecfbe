import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.models import descent
from pipeline.models.descent import Descent, LinearMap

DESCENT = Descent(lr=0.1, weight_decay=0.0, batch_size=4, epochs=7, keep_every=3)


def test_a_linear_map_standardises_and_ignores_what_was_constant_in_training():
    features_ND = np.array([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]], np.float32)
    mapping = LinearMap(features_ND, 2)
    x_ND = mapping.standardised(torch.from_numpy(features_ND + np.array([0.0, 9.0], np.float32)))
    np.testing.assert_allclose(x_ND.numpy(), [[-(1.5**0.5), 0], [0, 0], [1.5**0.5, 0]], atol=1e-6)


def test_every_row_is_in_one_batch_of_an_epoch_and_no_batch_is_tiny():
    data = descent._Numbers({"rows": np.arange(9)}, 4)
    batches = data.steps(0, 0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(9))
    assert [len(batch) for batch in batches] == [3, 3, 3]
    assert np.concatenate(batches).tolist() != np.concatenate(data.steps(0, 1)).tolist()
    assert np.concatenate(batches).tolist() != np.concatenate(data.steps(1, 0)).tolist()


def test_the_loss_of_an_epoch_weighs_batches_by_their_clips():
    """Five clips in batches of three and two, whose loss is the number of the clips: 3 x 3 and 2 x 2 of five."""
    module = torch.nn.Linear(1, 1)
    params = DESCENT.model_copy(update={"epochs": 1})
    losses = dict(descent.descend(module, lambda rows: 0 * module.weight.sum() + len(rows), 5, params, seed=0))
    assert losses["1"] == pytest.approx(13 / 5)


def test_descent_finds_a_minimum_and_yields_the_kept_epochs():
    module = torch.nn.Linear(1, 1)
    target = torch.arange(8.0)[:, None]
    params = DESCENT.model_copy(update={"epochs": 60, "keep_every": 25, "lr": 0.3})
    losses = dict(descent.descend(module, lambda rows: (module(target[rows]) - 3).square().mean(), 8, params, seed=0))
    assert list(losses) == ["25", "50", "60"]
    assert losses["60"] < 1e-2


def test_the_learning_rate_falls_along_half_a_cosine():
    """Under a constant gradient Adam moves by its learning rate, so a weight tells the sum of them."""
    module = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.zeros_(module.weight)
    params = DESCENT.model_copy(update={"epochs": 5, "keep_every": 1})
    moved = [
        module.weight.item()
        for _ in descent.descend(module, lambda rows: -module.weight.sum() * len(rows), 4, params, seed=0)
    ]
    rates = 0.1 * (1 + np.cos(np.pi * np.arange(5) / 5)) / 2
    np.testing.assert_allclose(moved, np.cumsum(rates), rtol=1e-6)


def test_a_loss_that_is_no_number_stops_the_training():
    module = torch.nn.Linear(1, 1)
    with pytest.raises(DataError, match=r"not finite in epoch 1, step 1: lower lr"):
        next(descent.descend(module, lambda rows: module.weight.sum() * float("nan"), 8, DESCENT, seed=0))


def test_the_rates_are_those_of_torch_to_the_last_bit():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=37)
    expected = []
    for _ in range(37):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert descent.annealed(3e-4, 37) == expected


def test_the_last_epoch_is_always_kept():
    assert DESCENT.settings == ["3", "6", "7"]
    assert DESCENT.model_copy(update={"epochs": 6}).settings == ["3", "6"]


def test_what_a_block_draws_does_not_move_the_outer_generator():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    with descent.drawn_from(0, "a"):
        first = torch.rand(1)
    found = torch.rand(2)
    with descent.drawn_from(0, "a"):
        again = torch.rand(1)
    assert torch.equal(found, expected)
    assert torch.equal(first, again)
