"""The loss of bound senses against eq. 5 in float64, temperatures, and two processes against one."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.models import checkpoint
from pipeline.models.bound import BoundEncoder
from pipeline.training.binding import (
    Arm,
    Binding,
    FixedTemperature,
    LearnedTemperature,
    batch_recall,
    left_out,
    loss_of,
)
from tests.training import joined_binding
from tests.training.joined_binding import CASES, arrays, learner
from tests.training.test_ranks import start


def batch(case: str) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays(case).items()}


def eq_5(hub: np.ndarray, sense: np.ndarray, temperature: float, keys: np.ndarray) -> tuple[float, float, float]:
    """Loss, recall and its chance by plain loops: q_i the hub's unit vectors, k_j the sense's."""
    q, k = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (hub, sense))
    losses, hits, chances = [], [], []
    for one, other in ((q, k), (k, q)):
        for i in range(len(one)):
            negatives = [j for j in range(len(one)) if j != i and not (keys[i] == keys[j]).any()]
            own = math.exp(one[i] @ other[i] / temperature)
            rest = [math.exp(one[i] @ other[j] / temperature) for j in negatives]
            losses.append(-math.log(own / (own + sum(rest))))
            hits.append(all(one[i] @ other[i] > one[i] @ other[j] for j in negatives))
            chances.append(1 / (1 + len(negatives)))
    return float(np.mean(losses)), float(np.mean(hits)), float(np.mean(chances))


@pytest.mark.parametrize("case", CASES)
def test_the_loss_is_the_mean_over_senses_and_directions_of_eq_5(case: str) -> None:
    some, module = batch(case), learner(case)
    loss, metrics = loss_of(module.names)(module, some)
    with torch.no_grad():
        seen = module(some)
    told = [
        eq_5(seen["hub"].numpy(), seen[name].numpy(), temperature, some["keys"].numpy())
        for name, temperature in (("one", 0.08), ("two", 0.8))
    ]
    assert loss.item() == pytest.approx((told[0][0] + told[1][0]) / 2, abs=1e-6)
    assert metrics["recall"].item() == pytest.approx((told[0][1] + told[1][1]) / 2, abs=1e-6)
    for name, (own_loss, recall, chance) in zip(("one", "two"), told, strict=True):
        assert metrics[f"{name}/loss"].item() == pytest.approx(own_loss, abs=1e-6)
        assert metrics[f"{name}/recall"].item() == pytest.approx(recall, abs=1e-6)
        assert metrics[f"{name}/chance"].item() == pytest.approx(chance, abs=1e-6)
    assert metrics["one/temperature"].item() == pytest.approx(0.08, abs=1e-7)


def test_clips_that_share_any_key_are_left_out() -> None:
    key_NK = torch.tensor([[0, 7], [0, 8], [1, 8]])
    assert left_out(key_NK).tolist() == [[True, True, False], [True, True, True], [False, True, True]]


def test_recall_knows_no_clip_that_is_left_out() -> None:
    hub, sense = torch.eye(3), torch.tensor([[0.1, 1, 0], [0, 1, 0], [0, 0, 1]])
    assert batch_recall(hub, sense, None)["recall"].item() == pytest.approx((2 / 3 + 1) / 2)
    views = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    told = batch_recall(hub, sense, views)
    assert told["recall"].item() == 1
    assert told["chance"].item() == pytest.approx((1 / 2 + 1 / 2 + 1 / 3) / 3)


def test_a_learned_temperature_is_bounded_as_clips_and_can_leave_its_bound() -> None:
    module, some = learner("no keys"), batch("no keys")
    scale = module.arm("one").log_scale
    with torch.no_grad():
        scale.fill_(9.0)
    loss_of(module.names)(module, some)[0].backward()
    assert module.arm("one").temperature == pytest.approx(0.01)
    assert scale.grad is not None
    assert scale.grad.abs().item() > 0
    assert module.arm("two").log_scale.grad is None


def test_a_fixed_temperature_may_be_any() -> None:
    arm = Arm(BoundEncoder(joined_binding.Mean(2), 5), FixedTemperature(kind="fixed", value=0.005))
    some = {"x/a": torch.ones(2, 2, 3), "x/hub": torch.eye(2, 5), "keys": torch.zeros(2, 0)}
    assert Binding({"a": arm}, None)(some)["scale/a"].item() == pytest.approx(200, rel=1e-5)
    assert (arm.temperature, arm.learned) == (pytest.approx(0.005), False)
    assert Arm(arm.bound, LearnedTemperature(kind="learned", start=0.08)).learned


def test_two_processes_bind_as_one_does(tmp_path: Path) -> None:
    """Of seven clips one rank has four; clips of one performance lie on both."""
    ended = start(tmp_path, 2, *CASES, module="joined_binding")
    assert {each.returncode for each in ended} == {0}, [each.told for each in ended]
    for case in CASES:
        told, before = checkpoint.load(tmp_path / f"{case}.safetensors")[0], learner(case).state_dict()
        for name, weight in joined_binding.stepped(case).state_dict().items():
            torch.testing.assert_close(told[name] - before[name], weight - before[name], rtol=1e-7, atol=1e-10)
        learnt = {name for name in before if not torch.equal(before[name], told[name])}
        assert {"arms.0.log_scale", "arms.0.bound.projection.weight", "arms.1.bound.encoder.layer.weight"} <= learnt
        assert ("hub.layer.weight" in learnt) == CASES[case][1]
        assert "arms.1.log_scale" not in learnt
