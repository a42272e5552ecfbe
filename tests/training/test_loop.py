import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pipeline.core.batches import Memory, order
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import parse
from pipeline.core.readers import Readers
from pipeline.models.learning import LocalEngine
from pipeline.training import engines, loop
from pipeline.training.determinism import deterministic
from tests import toy


def make_params(**changes):
    adam = {"name": "adam", "lr": 0.05, "weight_decay": 0.0, "fused": False}
    values = {"optimizer": adam, "num_epochs": 4, "warmup_epochs": 1, "patience": 4, "batch_size": 8}
    return parse(loop.Params, {**toy.TRAINING, **values, **changes}, "training")


RUNNING = loop.Running(num_workers=0, queue_length=1, checkpoint_every=None)


def make_data(num_rows=30, seed=0, batch_size=8, shuffled=True):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(num_rows, 3)).astype(np.float32)
    return Memory({"x": x, "label": (x[:, 0] > 0).astype(np.int64)}, batch_size, shuffled)


def measured(module, data, loss_fn):
    with Readers((data, data), 0, 1) as readers:
        return loop.measure(module, data, loss_fn, readers, LocalEngine())


def loss_fn(module, batch):
    logits = module(batch["x"])
    accuracy = (logits.argmax(1) == batch["label"]).float().mean()
    return functional.cross_entropy(logits, batch["label"]), {"accuracy": accuracy}


def train(seed=0, **changes):
    params = make_params(**changes)
    with deterministic(seed, params.num_threads):
        module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 2))
        held_out = make_data(10, 1, shuffled=False)
        fitted = loop.fit(
            module, make_data(), held_out, loss_fn, params, RUNNING, seed=seed, watch="accuracy", what="test"
        )
    return module, fitted


def weights(module):
    return b"".join(tensor.numpy().tobytes() for tensor in module.state_dict().values())


def test_the_rate_rises_linearly_and_falls_along_half_a_cosine():
    params = make_params(num_epochs=3, warmup_epochs=1)
    assert [loop.rate(step, 3, params) for step in range(3)] == [0.25, 0.5, 0.75]
    assert loop.rate(3, 3, params) == 1.0
    assert loop.rate(6, 3, params) == pytest.approx(0.5)
    assert loop.rate(8, 3, params) == pytest.approx(0.5 * (1 + math.cos(math.pi * 5 / 6)))


def test_the_rate_stays_and_drops_after_the_epochs_that_are_told():
    params = make_params(num_epochs=6, warmup_epochs=1, schedule={"after_epochs": [2, 5], "factor": 0.1})
    rates = [loop.rate(step, 2, params) for step in range(12)]
    expected = [1 / 3, 2 / 3, 1, 1, *[0.1] * 6, 0.01, 0.01]
    assert rates == pytest.approx(expected)


def test_the_first_drop_is_where_the_usual_multi_step_schedule_has_it():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    usual = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5], gamma=0.5)
    params = make_params(num_epochs=7, warmup_epochs=0, schedule={"after_epochs": [3, 5], "factor": 0.5})
    for epoch in range(7):
        assert loop.rate(4 * epoch, 4, params) == loop.rate(4 * epoch + 3, 4, params) == usual.get_last_lr()[0]
        optimizer.step()
        usual.step()


def test_the_schedule_decides_what_is_learnt():
    dropping = {"after_epochs": [2], "factor": 0.1}
    assert weights(train(seed=3)[0]) != weights(train(seed=3, schedule=dropping)[0])


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
            drawing = {"watch": None, "probe": lambda _, num=num_drawn: {"drawn": float(torch.rand(num).sum())}}
            loop.fit(module, make_data(), None, loss_fn, make_params(), RUNNING, seed=0, what="t", **drawing)
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
    again = measured(module, make_data(10, 1, batch_size=4, shuffled=False), loss_fn)
    assert again["loss"] == pytest.approx(best["held_out_loss"], rel=1e-5)


def test_training_stops_when_patience_is_spent():
    # Accuracy is at its best from the start and the loss only grows: the first epoch wins.
    params = make_params(num_epochs=9, patience=2, warmup_epochs=0)
    module = nn.Linear(1, 1)
    held_out = Memory({"worth": np.zeros(2)}, 8, shuffled=False)
    calls = iter(range(100))

    def worsening(module, batch):
        loss = module(torch.ones(1, 1)).sum() * 0 + next(calls)
        return loss, {"accuracy": torch.ones(())}

    data = Memory({"worth": np.zeros(3)}, 8)
    fitted = loop.fit(module, data, held_out, worsening, params, RUNNING, seed=0, watch="accuracy", what="t")
    assert (fitted.epoch, len(fitted.history)) == (1, 3)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ({"name": "sgd", "lr": 0.5, "weight_decay": 0.0, "momentum": 0.9}, 1 - 0.5 * 2 * 1.9),  # Nesterov: g + m g
        ({"name": "adam", "lr": 0.5, "weight_decay": 0.0, "fused": False}, 0.5),
        ({"name": "adamw", "lr": 0.5, "weight_decay": 0.1, "fused": False}, 1 - 0.5 * 0.1 - 0.5),
    ],
)
def test_the_first_step_is_that_of_the_named_optimizer(optimizer, expected):
    module = nn.Linear(1, 1, bias=False)
    nn.init.ones_(module.weight)
    params = make_params(optimizer=optimizer, num_epochs=1, warmup_epochs=0)
    square = Memory({"x": np.ones((1, 1), np.float32)}, 8)

    def loss_fn(module, batch):
        return module(batch["x"]).square().sum(), {}

    loop.fit(module, square, None, loss_fn, params, RUNNING, seed=0, watch=None, what="t")
    assert module.weight.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_one_pass_over_all_weights_goes_the_same_way(name):
    module = nn.Linear(3, 2)
    kinds = [
        loop._optimizer(module, make_params(optimizer={"name": name, "lr": 0.1, "weight_decay": 0.1, "fused": fused}))
        for fused in (False, True)
    ]
    assert [kind.defaults["fused"] for kind in kinds] == [False, True]
    steps = []
    for kind in kinds:
        nn.init.constant_(module.weight, 0.3)
        module.weight.grad = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
        kind.step()
        steps.append(module.weight.detach().clone())
    assert torch.allclose(*steps, atol=1e-7)


def test_means_weigh_batches_by_their_rows():
    data = Memory({"value": np.array([1.0, 2.0, 3.0, 10.0])}, 3, shuffled=False)
    mean = measured(nn.Linear(1, 1), data, lambda m, b: (b["value"].mean(), {}))
    assert mean == {"loss": 4.0}


def test_bf16_computes_the_matrix_product_in_bf16():
    seen = []

    def spy(module, batch):
        logits = module(batch["x"])
        seen.append(next(module.parameters()).dtype)
        return logits.float().square().mean(), {"value": logits.float().sum()}

    def run(precision):
        params = make_params(
            precision=precision,
            num_epochs=1,
            optimizer={"name": "sgd", "lr": 1e-9, "weight_decay": 0.0, "momentum": 0.5},
        )
        with deterministic(0, 1):
            module = nn.Sequential(nn.Linear(3, 8))
            fitted = loop.fit(module, make_data(), None, spy, params, RUNNING, seed=0, watch=None, what="t")
        return fitted.history[0]["value"]

    full, mixed = run("32"), run("bf16-mixed")
    assert full != mixed
    assert mixed == pytest.approx(full, abs=0.1)
    assert set(seen) == {torch.float32}  # the weights stay in full precision


def test_a_loss_that_is_not_finite_stops_at_its_step_and_leaves_the_names_of_its_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    calls = []

    def failing(module, batch):
        calls.append(batch["x"])
        return module(batch["x"]).sum() / (0 if len(calls) == 6 else 1), {}

    module, data = nn.Linear(3, 2), make_data()
    with pytest.raises(
        DataError, match=r"t s0-0: .* not finite in epoch 2, step 2: lower optimizer\.lr .* listed in "
    ) as e:
        loop.fit(module, data, None, failing, make_params(), RUNNING, seed=0, watch=None, what="t s0-0")
    found = json.loads((tmp_path / str(e.value).split()[-1]).read_text())
    rows = order(30, 8, 0, 1)[1]
    assert found == {"epoch": 2, "step": 2, "rows": [f"row {row}" for row in rows]}
    assert torch.equal(calls[-1], torch.from_numpy(data.arrays["x"][rows]))
    assert len(calls) == 6
    assert all(weight.isfinite().all() for weight in module.parameters())


def test_a_held_out_loss_that_is_not_finite_is_refused():
    with pytest.raises(DataError, match="not finite on held-out rows"):
        measured(nn.Linear(3, 2), make_data(), lambda m, b: (m(b["x"]).sum() / 0, {}))


def square_error(module, batch):
    return (module(batch["x"]).squeeze(1) - batch["label"]).square().mean(), {}


def stepped(num_rows=10, **changes):
    """The weight after one epoch in float64, from a fixed start; SGD with nearly no momentum."""
    sgd = {"name": "sgd", "lr": 0.1, "weight_decay": 0.0, "momentum": 1e-9}
    params = make_params(optimizer=sgd, num_epochs=1, warmup_epochs=0, **changes)
    module = nn.Linear(3, 1, bias=False).double()
    nn.init.ones_(module.weight)
    data = make_data(num_rows)
    data = Memory({name: array.astype(np.float64) for name, array in data.arrays.items()}, params.batch_size)
    loop.fit(module, data, None, square_error, params, RUNNING, seed=0, watch=None, what="t")
    return module.weight.detach().numpy().ravel(), data.arrays


@pytest.mark.parametrize("accumulate", [2, 3])
def test_the_gradient_of_micro_batches_is_that_of_the_batch(accumulate):
    """Ten rows in three micro-batches of four, three and three."""
    whole, parts = stepped(batch_size=10)[0], stepped(batch_size=10, accumulate=accumulate)[0]
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_a_step_with_fewer_rows_than_micro_batches_is_refused():
    with pytest.raises(DataError, match="a step of 2 rows cannot be shared by 1 devices in 3 parts each"):
        stepped(num_rows=2, batch_size=3, accumulate=3)


def test_a_long_gradient_is_cut_to_the_norm():
    _, rows = stepped(batch_size=10)
    gradient = 2 * ((rows["x"].sum(axis=1) - rows["label"])[:, None] * rows["x"]).mean(axis=0)
    length = np.linalg.norm(gradient)
    for norm in (0.5 * length, 2 * length):
        expected = 1 - 0.1 * gradient * min(1, norm / length)
        np.testing.assert_allclose(stepped(batch_size=10, clip_norm=norm)[0], expected, rtol=1e-5)


def test_what_is_measured_and_kept_is_the_moving_average_of_the_weights():
    """Against the closed form, from the weights of each step of a training without one."""
    steps = []

    def spy(module, batch):
        if module.training:
            steps.append(module.weight.detach().clone())
        return square_error(module, batch)

    def run(ema, shown):
        torch.manual_seed(0)
        module = nn.Linear(3, 1)

        def show(module):
            shown.append(module.weight.detach().double().clone())
            return {}

        params = make_params(num_epochs=2, ema=ema)
        loop.fit(module, make_data(), None, spy, params, RUNNING, seed=0, watch=None, what="t", probe=show)

    plain, averaged = [], []
    run(None, plain)
    weights = [weight.double() for weight in steps[:8]] + [plain[-1]]  # before the first step, after each of eight
    steps.clear()
    run(0.7, averaged)
    for epoch, num_steps in enumerate((4, 8)):
        expected = 0.7**num_steps * weights[0]
        expected = expected + sum(0.3 * 0.7 ** (num_steps - i) * weights[i] for i in range(1, num_steps + 1))
        torch.testing.assert_close(averaged[epoch], expected, rtol=1e-5, atol=1e-7)
    assert torch.equal(torch.stack(steps[:8]).double(), torch.stack(weights[:8]))  # training itself goes on as without


def test_a_probe_is_asked_after_every_epoch_and_can_be_watched():
    scores = iter([0.1, 0.9, 0.5])
    fitted = loop.fit(
        nn.Linear(3, 2),
        make_data(),
        make_data(10, 1, shuffled=False),
        loss_fn,
        make_params(num_epochs=3),
        RUNNING,
        seed=0,
        watch="retention",
        what="t",
        probe=lambda module: {"retention": next(scores)},
    )
    assert [row["retention"] for row in fitted.history] == [0.1, 0.9, 0.5]
    assert fitted.epoch == 2


def test_fabric_and_plain_torch_give_the_same_bytes(monkeypatch):
    plain, _ = train(seed=5)
    monkeypatch.setattr(engines, "LocalEngine", lambda: engines.OnFabric(1, "32"))
    assert weights(train(seed=5)[0]) == weights(plain)


def test_one_process_cannot_be_several_devices():
    with pytest.raises(ParamsError, match="asks for devices: 2, but 1 processes train together; start `torchrun"):
        train(devices=2)


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "16"},
        {"accumulate": 3, "devices": 3},
        {"ema": 1.0},
        {"clip_norm": 0.0},
        {"patience": 0},
        {"schedule": "linear"},
        {"schedule": {"after_epochs": [], "factor": 0.1}},
        {"schedule": {"after_epochs": [2, 2], "factor": 0.1}},
        {"schedule": {"after_epochs": [2, 4], "factor": 0.1}},  # of 4 epochs
        {"schedule": {"after_epochs": [2], "factor": 1.0}},
        {"optimizer": {"name": "adam", "lr": 0.1, "weight_decay": 0.0, "fused": False, "momentum": 0.9}},
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
