"""Training counted in steps: what each draws, how the rate goes, and what stops it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.models.rounds import Rounds, _Draws, descend

ROUNDS = Rounds(num_rounds=3, num_steps=4, batch_size=5, rate=lambda step: 0.1, weight_decay=0.0)


def test_every_step_draws_a_batch_without_a_row_twice():
    data = _Draws({"rows": np.arange(9)}, 5, num_steps=4)
    batches = data.steps(0, 0)
    assert [len(set(batch.tolist())) for batch in batches] == [5] * 4
    assert len({tuple(batch.tolist()) for batch in batches}) == 4
    assert [batch.tolist() for batch in data.steps(0, 0)] == [batch.tolist() for batch in batches]
    assert batches[0].tolist() != data.steps(0, 1)[0].tolist()
    assert batches[0].tolist() != data.steps(1, 0)[0].tolist()


def test_a_round_holds_its_batches_and_not_all_rows_for_each():
    batches = _Draws({"rows": np.arange(900)}, 5, num_steps=4).steps(0, 0)
    assert sum((batch if batch.base is None else batch.base).nbytes for batch in batches) == 4 * 5 * 8


def test_few_rows_are_all_drawn():
    assert sorted(_Draws({"rows": np.arange(3)}, 5, num_steps=1).steps(0, 0)[0].tolist()) == [0, 1, 2]


def test_the_loss_is_told_its_round_and_step():
    module, told = torch.nn.Linear(1, 1), []

    def loss_of(rows, round_, step):
        told.append((round_, step))
        return module.weight.sum()

    assert len(list(descend(module, loss_of, 9, ROUNDS, seed=0))) == 3
    assert told == [(round_, step) for round_ in range(3) for step in range(4)]


def test_the_rate_is_that_of_the_step_of_the_training():
    """Under a constant gradient Adam moves by its learning rate, so a weight tells the sum of them."""
    module = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.zeros_(module.weight)
    rounds = replace(ROUNDS, rate=lambda step: 0.01 * step)
    moved = [module.weight.item() for _ in descend(module, lambda *_: -module.weight.sum(), 9, rounds, seed=0)]
    np.testing.assert_allclose(moved, [0.01 * sum(range(last)) for last in (4, 8, 12)], rtol=1e-6)


def test_weights_decay_where_asked():
    module = torch.nn.Linear(1, 1, bias=False).double()
    torch.nn.init.ones_(module.weight)
    rounds = replace(ROUNDS, num_rounds=1, weight_decay=0.5)
    list(descend(module, lambda *_: 0 * module.weight.sum(), 9, rounds, seed=0))
    assert module.weight.item() == pytest.approx((1 - 0.1 * 0.5) ** 4)


def test_what_the_loss_draws_depends_on_seed_and_round_alone():
    def drawn(seed, before):
        torch.manual_seed(before)
        module, found = torch.nn.Linear(1, 1), []

        def loss_of(rows, round_, step):
            found.append(torch.rand(1).item())
            return module.weight.sum()

        for _ in descend(module, loss_of, 9, ROUNDS, seed):
            torch.rand(before)  # what a caller draws between rounds does not matter
        return found

    assert drawn(0, 1) == drawn(0, 2) != drawn(1, 1)


def test_a_loss_that_is_no_number_stops_the_training():
    module = torch.nn.Linear(1, 1)
    with pytest.raises(DataError, match=r"not finite in round 1, step 1: lower lr"):
        next(descend(module, lambda *_: module.weight.sum() * float("nan"), 9, ROUNDS, seed=0))
