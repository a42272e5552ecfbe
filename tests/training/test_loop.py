import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import parse
from pipeline.training import loop
from pipeline.training.determinism import deterministic


def make_params(**changes):
    values = {
        "optimizer": {"name": "adam", "lr": 0.05, "weight_decay": 0.0},
        "num_epochs": 4,
        "warmup_epochs": 1,
        "patience": 4,
        "batch_size": 8,
        "precision": "32",
        "num_threads": 1,
    }
    return parse(loop.Params, {**values, **changes}, "training")


def make_data(num_rows=30, seed=0):
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.normal(size=(num_rows, 3)).astype(np.float32))
    return {"x": x, "label": (x[:, 0] > 0).long()}


def loss_fn(module, batch):
    logits = module(batch["x"])
    accuracy = (logits.argmax(1) == batch["label"]).float().mean()
    return functional.cross_entropy(logits, batch["label"]), {"accuracy": accuracy}


def train(seed=0, **changes):
    params = make_params(**changes)
    with deterministic(seed, params.num_threads):
        module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 2))
        fitted = loop.fit(
            module, make_data(), make_data(10, 1), loss_fn, params, seed=seed, watch="accuracy", what="test"
        )
    return module, fitted


def weights(module):
    return b"".join(tensor.numpy().tobytes() for tensor in module.state_dict().values())


def test_every_row_is_seen_once_an_epoch_by_all_ranks_together():
    seen = [row for rank in range(3) for rows in loop.order(31, 4, 7, 2, rank=rank, num_ranks=3) for row in rows]
    assert sorted(seen) == list(range(31))


def test_the_order_is_a_function_of_seed_and_epoch():
    first = np.concatenate(loop.order(31, 4, 7, 2, rank=0, num_ranks=1))
    assert np.array_equal(first, np.concatenate(loop.order(31, 4, 7, 2, rank=0, num_ranks=1)))
    assert not np.array_equal(first, np.concatenate(loop.order(31, 4, 7, 3, rank=0, num_ranks=1)))
    assert not np.array_equal(first, np.concatenate(loop.order(31, 4, 8, 2, rank=0, num_ranks=1)))


def test_no_batch_is_much_smaller_than_another():
    sizes = [len(rows) for rows in loop.order(33, 5, 0, 0, rank=0, num_ranks=1)]
    assert sizes == [7, 7, 7, 6, 6]


def test_the_rate_rises_linearly_and_falls_along_half_a_cosine():
    params = make_params(num_epochs=3, warmup_epochs=1)
    assert [loop.rate(step, 3, params) for step in range(3)] == [0.25, 0.5, 0.75]
    assert loop.rate(3, 3, params) == 1.0
    assert loop.rate(6, 3, params) == pytest.approx(0.5)
    assert loop.rate(8, 3, params) == pytest.approx(0.5 * (1 + math.cos(math.pi * 5 / 6)))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    torch.rand(5)  # what ran before must not matter
    first, second, other = train(seed=3)[0], train(seed=3)[0], train(seed=4)[0]
    assert weights(first) == weights(second) != weights(other)


def test_what_is_drawn_between_two_epochs_does_not_change_the_next():
    """Dropout depends on seed and epoch alone, so callers may measure with chance in between."""
    found = []
    for num_drawn in (0, 3):
        with deterministic(0, 1):
            module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 2))
            for _ in loop.epochs(module, make_data(), loss_fn, make_params(), seed=0):
                torch.rand(num_drawn)
        found.append(weights(module))
    assert found[0] == found[1]


def test_training_lowers_the_loss_and_its_row_says_so():
    _, fitted = train(num_epochs=12, patience=12)
    assert fitted.history[-1]["loss"] < 0.8 * fitted.history[0]["loss"]
    assert [row["epoch"] for row in fitted.history] == list(range(1, 13))
    assert set(fitted.history[0]) == {"epoch", "loss", "accuracy", "held_out_loss", "held_out_accuracy"}


def test_the_best_epoch_on_held_out_rows_is_kept():
    module, fitted = train(num_epochs=12, patience=12)
    rows = fitted.history
    best = max(rows, key=lambda row: (row["held_out_accuracy"], -row["held_out_loss"]))
    assert fitted.epoch == best["epoch"]
    again = loop.measure(module, make_data(10, 1), loss_fn, batch_size=4)
    assert again["loss"] == pytest.approx(best["held_out_loss"], rel=1e-5)


def test_training_stops_when_patience_is_spent():
    # Accuracy is at its best from the start and the loss only grows: the first epoch wins.
    params = make_params(num_epochs=9, patience=2, warmup_epochs=0)
    module = nn.Linear(1, 1)
    held_out = {"worth": torch.zeros(2)}
    calls = iter(range(100))

    def worsening(module, batch):
        loss = module(torch.ones(1, 1)).sum() * 0 + next(calls)
        return loss, {"accuracy": torch.ones(())}

    fitted = loop.fit(
        module, {"worth": torch.zeros(3)}, held_out, worsening, params, seed=0, watch="accuracy", what="t"
    )
    assert (fitted.epoch, len(fitted.history)) == (1, 3)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ({"name": "sgd", "lr": 0.5, "weight_decay": 0.0, "momentum": 0.9}, 1 - 0.5 * 2 * 1.9),  # Nesterov: g + m g
        ({"name": "adam", "lr": 0.5, "weight_decay": 0.0}, 0.5),
        ({"name": "adamw", "lr": 0.5, "weight_decay": 0.1}, 1 - 0.5 * 0.1 - 0.5),
    ],
)
def test_the_first_step_is_that_of_the_named_optimizer(optimizer, expected):
    module = nn.Linear(1, 1, bias=False)
    nn.init.ones_(module.weight)
    params = make_params(optimizer=optimizer, num_epochs=1, warmup_epochs=0)
    square = {"x": torch.ones(1, 1)}
    list(loop.epochs(module, square, lambda m, b: (m(b["x"]).square().sum(), {}), params, seed=0))
    assert module.weight.item() == pytest.approx(expected, abs=1e-6)


def test_means_weigh_batches_by_their_rows():
    data = {"value": torch.tensor([1.0, 2.0, 3.0, 10.0])}
    mean = loop.measure(nn.Linear(1, 1), data, lambda m, b: (b["value"].mean(), {}), batch_size=3)
    assert mean == {"loss": 4.0}


def test_bf16_computes_the_matrix_product_in_bf16():
    seen = []

    def spy(module, batch):
        logits = module(batch["x"])
        seen.append(module.module[0].weight.dtype)
        return logits.float().square().mean(), {"value": logits.float().sum()}

    def run(precision):
        params = make_params(
            precision=precision,
            num_epochs=1,
            optimizer={"name": "sgd", "lr": 1e-9, "weight_decay": 0.0, "momentum": 0.5},
        )
        with deterministic(0, 1):
            return next(loop.epochs(nn.Sequential(nn.Linear(3, 8)), make_data(), spy, params, seed=0))["value"]

    full, mixed = run("32"), run("bf16-mixed")
    assert full != mixed
    assert mixed == pytest.approx(full, abs=0.1)
    assert set(seen) == {torch.float32}  # the weights stay in full precision


def test_a_loss_that_is_not_finite_is_refused():
    with pytest.raises(DataError, match=r"not finite in epoch 1: lower optimizer\.lr"):
        list(loop.epochs(nn.Linear(3, 2), make_data(), lambda m, b: (m(b["x"]).sum() / 0, {}), make_params(), seed=0))


@pytest.mark.parametrize("data", [{"x": torch.zeros(2), "label": torch.zeros(3)}, {"x": torch.zeros(0)}, {}])
def test_rows_that_do_not_pair_are_refused(data):
    with pytest.raises(DataError, match="the same number of rows"):
        loop.measure(nn.Linear(1, 1), data, loss_fn, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "16"},
        {"patience": 0},
        {"optimizer": {"name": "adam", "lr": 0.1, "weight_decay": 0.0, "momentum": 0.9}},
        {"optimizer": {"name": "lion", "lr": 0.1, "weight_decay": 0.0}},
    ],
)
def test_params_that_mean_nothing_are_refused(change):
    with pytest.raises(ParamsError, match=r"section 'training' does not fit"):
        make_params(**change)


def test_a_deterministic_block_leaves_torch_as_it_was():
    torch.manual_seed(1)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with deterministic(5, 2):
        first = torch.rand(3)
        assert torch.get_num_threads() == 2
        assert torch.are_deterministic_algorithms_enabled()
    with deterministic(5, 1):
        assert torch.equal(first, torch.rand(3))
    assert torch.equal(state, torch.get_rng_state())
    assert (threads, False) == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())


def test_a_deterministic_block_imports_no_compiler():
    code = "import sys, torch; from pipeline.training.determinism import deterministic\n"
    code += "with deterministic(0, 1): torch.nn.Conv2d(1, 1, 3)(torch.rand(1, 1, 8, 8))\n"
    code += "sys.exit(bool({'torch._dynamo', 'torch._inductor'} & set(sys.modules)))"
    root = Path(loop.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0
