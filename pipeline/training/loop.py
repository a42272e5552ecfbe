"""The loop: rows in memory -> a trained module and what happened at each epoch.

    data = {"x": x_NCTVM, "label": label_N}                  # every tensor has the same number of rows
    def loss_fn(module, batch): ...                          # -> loss, {"accuracy": ...}, means over the batch
    with deterministic(seed, params.num_threads):
        fitted = fit(module, data, held_out, loss_fn, params, seed=seed, watch="accuracy", what="encoder s0-0")

`fit` stops early and leaves the best epoch's weights in the module; `epochs` is the bare loop for callers that look at
every epoch themselves.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.errors import DataError
from pipeline.core.progress import say, track
from pipeline.core.seeds import derived_seed, generator

Batch = dict[str, Tensor]
LossFn = Callable[[nn.Module, Batch], tuple[Tensor, dict[str, Tensor]]]
Metrics = dict[str, float]


class Adam(core_params.Params):
    """Adam (weight decay added to the gradient) or AdamW (decoupled)."""

    name: Literal["adam", "adamw"]
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)


class Sgd(core_params.Params):
    """Stochastic gradient descent with Nesterov momentum."""

    name: Literal["sgd"]
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    momentum: float = Field(gt=0, lt=1)


class Params(core_params.Params):
    """How a module is trained."""

    optimizer: Annotated[Adam | Sgd, Field(discriminator="name")]
    num_epochs: int = Field(ge=1)  # the cosine schedule ends here, early stopping may end sooner
    warmup_epochs: int = Field(ge=0)  # the learning rate rises linearly over these
    patience: int = Field(ge=1)  # epochs without a better held-out metric before stopping
    batch_size: int = Field(ge=1)
    precision: Literal["32", "bf16-mixed"]
    num_threads: int = Field(ge=1)


@dataclass(frozen=True)
class Fitted:
    """The chosen epoch (from 1) and one row of metrics for every epoch that was run."""

    epoch: int
    history: list[Metrics]


def fit(
    module: nn.Module,
    data: Batch,
    held_out: Batch,
    loss_fn: LossFn,
    params: Params,
    *,
    seed: int,
    watch: str,
    what: str,
) -> Fitted:
    """Train until `watch` (higher is better) has not risen on the held-out rows for `patience` epochs.

    The module ends with the weights of the best epoch; of equal ones that with the least held-out loss. History rows
    hold `epoch`, the means over the training rows and, as `held_out_...`, those over the held-out rows.
    """
    history: list[Metrics] = []
    best, best_merit, best_state = 0, (-math.inf, -math.inf), copy.deepcopy(module.state_dict())
    for row in track(epochs(module, data, loss_fn, params, seed=seed), total=params.num_epochs, what=f"{what}, epochs"):
        measured = measure(module, held_out, loss_fn, params.batch_size)
        history.append({**row, **{f"held_out_{name}": value for name, value in measured.items()}})
        merit = (measured[watch], -measured["loss"])
        if merit > best_merit:
            best, best_merit, best_state = len(history), merit, copy.deepcopy(module.state_dict())
        if len(history) - best >= params.patience:
            break
    module.load_state_dict(best_state)
    module.to("cpu")
    say(f"{what}: epoch {best} of {len(history)} is best, held-out {watch} {best_merit[0]:.3f}")
    return Fitted(best, history)


def epochs(module: nn.Module, data: Batch, loss_fn: LossFn, params: Params, *, seed: int) -> Iterator[Metrics]:
    """Train epoch by epoch and yield `epoch` (from 1), `loss` and what loss_fn names: means over the rows.

    To be run within `deterministic`. Between two epochs the caller may do with the module what it likes but train it.
    """
    from lightning_fabric import Fabric  # 2 s to import: only who trains pays

    fabric = Fabric(accelerator="auto", devices=1, precision=params.precision)
    optimizer = _optimizer(module, params)
    wrapped, wrapped_optimizer = fabric.setup(module, optimizer)
    num_rows = _num_rows(data)
    num_steps = -(-num_rows // params.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, num_steps, params))
    for epoch in range(params.num_epochs):
        # Dropout too depends on seed, epoch and rank alone.
        torch.manual_seed(derived_seed(seed, "epoch", epoch, fabric.global_rank))
        wrapped.train()
        totals: dict[str, Tensor] = {}
        for rows in order(num_rows, num_steps, seed, epoch, rank=fabric.global_rank, num_ranks=fabric.world_size):
            batch = fabric.to_device({name: tensor[torch.from_numpy(rows)] for name, tensor in data.items()})
            wrapped_optimizer.zero_grad()
            loss, metrics = loss_fn(wrapped, batch)
            fabric.backward(loss)
            wrapped_optimizer.step()
            schedule.step()
            _add(totals, {"loss": loss, **metrics}, len(rows))
        yield {"epoch": epoch + 1, **_means(totals, epoch)}


def measure(module: nn.Module, data: Batch, loss_fn: LossFn, batch_size: int) -> Metrics:
    """Means of `loss` and loss_fn's metrics over rows the module does not learn from."""
    device = next(module.parameters()).device
    totals: dict[str, Tensor] = {}
    module.eval()
    with torch.no_grad():
        for start in range(0, _num_rows(data), batch_size):
            batch = {name: tensor[start : start + batch_size].to(device) for name, tensor in data.items()}
            loss, metrics = loss_fn(module, batch)
            _add(totals, {"loss": loss, **metrics}, _num_rows(batch))
    return _means(totals, None)


def order(
    num_rows: int, num_steps: int, seed: int, epoch: int, *, rank: int, num_ranks: int
) -> list[npt.NDArray[np.int64]]:
    """Row numbers of each step of an epoch on one rank: a function of seed, epoch, step and rank alone.

    All ranks together see every row once; batches differ by at most one row, so none is too small to normalise.
    """
    shuffled = generator(seed, "order", epoch).permutation(num_rows)
    return [batch[rank::num_ranks] for batch in np.array_split(shuffled, num_steps)]


def rate(step: int, steps_in_epoch: int, params: Params) -> float:
    """Factor of the learning rate at a step: linear to 1 in the warm-up, then half a cosine down to 0."""
    warmup, total = params.warmup_epochs * steps_in_epoch, params.num_epochs * steps_in_epoch
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def _optimizer(module: nn.Module, params: Params) -> torch.optim.Optimizer:
    weights, chosen = module.parameters(), params.optimizer
    if isinstance(chosen, Sgd):
        return torch.optim.SGD(
            weights, lr=chosen.lr, weight_decay=chosen.weight_decay, momentum=chosen.momentum, nesterov=True
        )
    kind = torch.optim.AdamW if chosen.name == "adamw" else torch.optim.Adam
    return kind(weights, lr=chosen.lr, weight_decay=chosen.weight_decay)


def _num_rows(data: Batch) -> int:
    counts = {name: len(tensor) for name, tensor in data.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise DataError(f"training needs the same number of rows, at least one, in every tensor; found {counts}")
    return next(iter(counts.values()))


def _add(totals: dict[str, Tensor], metrics: dict[str, Tensor], num_rows: int) -> None:
    for name, value in {"rows": torch.ones(()), **metrics}.items():
        totals[name] = totals.get(name, torch.zeros((), dtype=torch.float64)) + value.detach().cpu().double() * num_rows


def _means(totals: dict[str, Tensor], epoch: int | None) -> Metrics:
    means = {name: float(total / totals["rows"]) for name, total in totals.items() if name != "rows"}
    if not math.isfinite(means["loss"]):
        where = "on held-out rows" if epoch is None else f"in epoch {epoch + 1}"
        raise DataError(f"the loss is not finite {where}: lower optimizer.lr in params.yaml or check the input")
    return means
