from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.models import gradient_training
from pipeline.models.gradient_training import GradientParams, RoundSchedule

PARAMS = GradientParams(lr=0.1, weight_decay=0.0, batch_size=4, epochs=7, keep_every=3)
ROUNDS = RoundSchedule(num_rounds=3, num_steps=4, batch_size=5, rate=lambda step: 0.1, weight_decay=0.0)


def test_every_row_is_in_one_batch_of_an_epoch_and_no_batch_is_tiny():
    data = gradient_training._ShuffledRows({"rows": np.arange(9)}, 4)
    batches = data.steps(0, 0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(9))
    assert [len(batch) for batch in batches] == [3, 3, 3]
    assert np.concatenate(batches).tolist() != np.concatenate(data.steps(0, 1)).tolist()
    assert np.concatenate(batches).tolist() != np.concatenate(data.steps(1, 0)).tolist()


def test_the_loss_of_an_epoch_weighs_batches_by_their_clips():
    """Five clips in batches of three and two, whose loss is the number of the clips: 3 x 3 and 2 x 2 of five."""
    module = torch.nn.Linear(1, 1)
    params = PARAMS.model_copy(update={"epochs": 1})
    losses = dict(
        gradient_training.train_epochs(module, lambda rows: 0 * module.weight.sum() + len(rows), 5, params, seed=0)
    )
    assert losses["1"] == pytest.approx(13 / 5)


def test_training_finds_a_minimum_and_yields_the_kept_epochs():
    module = torch.nn.Linear(1, 1)
    target = torch.arange(8.0)[:, None]
    params = PARAMS.model_copy(update={"epochs": 60, "keep_every": 25, "lr": 0.3})
    losses = dict(
        gradient_training.train_epochs(
            module, lambda rows: (module(target[rows]) - 3).square().mean(), 8, params, seed=0
        )
    )
    assert list(losses) == ["25", "50", "60"]
    assert losses["60"] < 1e-2


def test_the_learning_rate_falls_along_half_a_cosine():
    """Under a constant gradient Adam moves by its learning rate, so a weight tells the sum of them."""
    module = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.zeros_(module.weight)
    params = PARAMS.model_copy(update={"epochs": 5, "keep_every": 1})
    moved = [
        module.weight.item()
        for _ in gradient_training.train_epochs(
            module, lambda rows: -module.weight.sum() * len(rows), 4, params, seed=0
        )
    ]
    rates = 0.1 * (1 + np.cos(np.pi * np.arange(5) / 5)) / 2
    np.testing.assert_allclose(moved, np.cumsum(rates), rtol=1e-6)


def test_a_loss_that_is_no_number_stops_the_training():
    module = torch.nn.Linear(1, 1)
    with pytest.raises(DataError, match=r"not finite in epoch 1, step 1: lower lr"):
        next(gradient_training.train_epochs(module, lambda rows: module.weight.sum() * float("nan"), 8, PARAMS, seed=0))


def test_the_rates_are_those_of_torch_to_the_last_bit():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=37)
    expected = []
    for _ in range(37):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert gradient_training.cosine_rates(3e-4, 37) == expected


def test_the_last_epoch_is_always_kept():
    assert PARAMS.settings == ["3", "6", "7"]
    assert PARAMS.model_copy(update={"epochs": 6}).settings == ["3", "6"]


def test_what_a_block_draws_does_not_move_the_outer_generator():
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    with gradient_training.torch_seeded(0, "a"):
        first = torch.rand(1)
    found = torch.rand(2)
    with gradient_training.torch_seeded(0, "a"):
        again = torch.rand(1)
    assert torch.equal(found, expected)
    assert torch.equal(first, again)


def test_every_step_draws_a_batch_without_a_row_twice():
    data = gradient_training._DrawnRows({"rows": np.arange(9)}, 5, num_steps=4)
    batches = data.steps(0, 0)
    assert [len(set(batch.tolist())) for batch in batches] == [5] * 4
    assert len({tuple(batch.tolist()) for batch in batches}) == 4
    assert [batch.tolist() for batch in data.steps(0, 0)] == [batch.tolist() for batch in batches]
    assert batches[0].tolist() != data.steps(0, 1)[0].tolist()
    assert batches[0].tolist() != data.steps(1, 0)[0].tolist()


def test_a_round_holds_its_batches_and_not_all_rows_for_each():
    batches = gradient_training._DrawnRows({"rows": np.arange(900)}, 5, num_steps=4).steps(0, 0)
    assert sum((batch if batch.base is None else batch.base).nbytes for batch in batches) == 4 * 5 * 8


def test_few_rows_are_all_drawn():
    assert sorted(gradient_training._DrawnRows({"rows": np.arange(3)}, 5, num_steps=1).steps(0, 0)[0].tolist()) == [
        0,
        1,
        2,
    ]


def test_the_loss_is_told_its_round_and_step():
    module, seen = torch.nn.Linear(1, 1), []

    def loss_of(rows, round_, step):
        seen.append((round_, step))
        return module.weight.sum()

    assert len(list(gradient_training.train_rounds(module, loss_of, 9, ROUNDS, seed=0))) == 3
    assert seen == [(round_, step) for round_ in range(3) for step in range(4)]


def test_the_rate_is_that_of_the_step_of_the_training():
    """Under a constant gradient Adam moves by its learning rate, so a weight tells the sum of them."""
    module = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.zeros_(module.weight)
    schedule = replace(ROUNDS, rate=lambda step: 0.01 * step)
    moved = [
        module.weight.item()
        for _ in gradient_training.train_rounds(module, lambda *_: -module.weight.sum(), 9, schedule, seed=0)
    ]
    np.testing.assert_allclose(moved, [0.01 * sum(range(last)) for last in (4, 8, 12)], rtol=1e-6)


def test_weights_decay_where_asked():
    module = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.ones_(module.weight)
    schedule = replace(ROUNDS, num_rounds=1, weight_decay=0.5)
    list(gradient_training.train_rounds(module, lambda *_: 0 * module.weight.sum(), 9, schedule, seed=0))
    assert module.weight.item() == pytest.approx((1 - 0.1 * 0.5) ** 4)


def test_what_the_loss_draws_depends_on_seed_and_round_alone():
    def drawn(seed, before):
        torch.manual_seed(before)
        module, found = torch.nn.Linear(1, 1), []

        def loss_of(rows, round_, step):
            found.append(torch.rand(1).item())
            return module.weight.sum()

        for _ in gradient_training.train_rounds(module, loss_of, 9, ROUNDS, seed):
            torch.rand(before)  # what a caller draws between rounds does not matter
        return found

    assert drawn(0, 1) == drawn(0, 2) != drawn(1, 1)


def test_a_loss_that_is_no_number_stops_a_training_in_rounds():
    module = torch.nn.Linear(1, 1)
    with pytest.raises(DataError, match=r"not finite in round 1, step 1: lower lr"):
        next(gradient_training.train_rounds(module, lambda *_: module.weight.sum() * float("nan"), 9, ROUNDS, seed=0))
