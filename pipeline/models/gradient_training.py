"""Training of the methods that learn by gradients, in epochs or in rounds of a fixed number of steps, by AdamW."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NoReturn, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from pipeline.core import seeds
from pipeline.core.batches import Memory, in_batches
from pipeline.core.errors import DataError
from pipeline.models import learning
from pipeline.models.methods.shared import MethodParams, Rows


@contextmanager
def torch_seeded(seed: int, *names: str | int) -> Iterator[None]:
    """Inside the block torch draws from the named seed; outside, its generator goes on as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derived_seed(seed, *names))
        yield


class GradientParams(MethodParams):
    """Parameters of methods trained by gradients: Adam, and a rate that falls along half a cosine over the epochs."""

    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)  # decoupled, as in AdamW; with 0 it is Adam
    batch_size: int = Field(ge=2)
    epochs: int = Field(ge=1)
    keep_every: int = Field(ge=1)  # epochs between two candidate models; the last epoch is always one

    @property
    def rates(self) -> list[float]:
        """The learning rate of each epoch."""
        return cosine_rates(self.lr, self.epochs)

    @property
    def settings(self) -> list[str]:
        """The kept epochs, from 1."""
        return [str(n) for n in range(1, self.epochs + 1) if n % self.keep_every == 0 or n == self.epochs]

    @property
    def setting_name(self) -> str:
        """Settings are epochs."""
        return "epoch"


class WarmupParams(GradientParams):
    """The same, with epochs in which the learning rate first rises."""

    warmup_epochs: int = Field(ge=0)  # from lr 0 in the first epoch

    @model_validator(mode="after")
    def _warms_up_and_goes_on(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError("expected fewer warmup_epochs than epochs")
        return self

    @property
    def rates(self) -> list[float]:
        """The learning rate of each epoch."""
        if self.warmup_epochs == 0:
            return super().rates
        return warmup_rates(self.lr, self.epochs, self.warmup_epochs)


def train_epochs(
    module: nn.Module, loss_of: Callable[[Rows], Tensor], num_clips: int, params: GradientParams, seed: int
) -> Iterator[tuple[str, float]]:
    """Train in place; yields each kept epoch with its mean loss. `loss_of` takes the row numbers of a batch.

    Raises DataError when the loss is no longer a number.
    """
    data, rates = _ShuffledRows({"rows": np.arange(num_clips)}, params.batch_size), params.rates
    kept_epochs = set(params.settings)
    schedule = _Schedule("epoch", params.epochs, lambda step, in_epoch: rates[step // in_epoch], params.weight_decay)
    for epoch, loss in enumerate(_train(module, lambda rows, *_: loss_of(rows), data, schedule, seed), 1):
        if str(epoch) in kept_epochs:
            yield str(epoch), loss


@dataclass(frozen=True)
class RoundSchedule:
    """Training in rounds of so many steps, each on clips drawn anew; the state after a round is kept."""

    num_rounds: int
    num_steps: int  # of a round
    batch_size: int
    rate: Callable[[int], float]  # the learning rate at a step of the training, from 0
    weight_decay: float  # decoupled, as in AdamW; with 0 it is Adam


def train_rounds(
    module: nn.Module, loss_of: Callable[[Rows, int, int], Tensor], num_clips: int, schedule: RoundSchedule, seed: int
) -> Iterator[float]:
    """Train in place; yields the mean loss of each round. `loss_of` takes a batch's row numbers, its round and step.

    Rounds and steps of a round count from 0. What the loss draws from torch depends on the seed and the round alone.
    Raises DataError when the loss is no longer a number.
    """
    data = _DrawnRows({"rows": np.arange(num_clips)}, schedule.batch_size, num_steps=schedule.num_steps)
    whole = _Schedule("round", schedule.num_rounds, lambda step, _: schedule.rate(step), schedule.weight_decay)
    return _train(module, loss_of, data, whole, seed)


@dataclass(frozen=True)
class _Schedule:
    """How long the training goes, and how fast."""

    unit: Literal["epoch", "round"]  # as messages call it
    num_epochs: int  # or rounds
    rate: Callable[[int, int], float]  # the learning rate at a step of the training, given the number of steps an epoch
    weight_decay: float


def _train(
    module: nn.Module, loss_of: Callable[[Rows, int, int], Tensor], data: Memory, schedule: _Schedule, seed: int
) -> Iterator[float]:
    """Train in place; yields the mean loss of each epoch. `loss_of` takes a batch's row numbers, its epoch and step."""

    def loss_fn(_: nn.Module, batch: learning.Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return loss_of(batch["rows"].numpy(), learner.epoch, learner.step), {}

    def refuse(epoch: int, step: int, rows: Rows) -> NoReturn:  # noqa: ARG001 - one interface; a clip has no name here
        raise DataError(
            f"the loss is not finite in {schedule.unit} {epoch}, step {step}: lower lr in params.yaml or check the "
            "features"
        )

    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=schedule.weight_decay)  # every step sets its rate
    whole = learning.TrainingPlan(
        schedule.num_epochs, schedule.rate, accumulate=1, clip_norm=None, ema=None, refuse=refuse
    )
    learner = learning.Learner(module, optimizer, loss_fn, whole, learning.LocalEngine())
    for row in learner.epochs(data, lambda requests: (data.read(*request) for request in requests), seed):
        yield row["loss"]


def cosine_rates(lr: float, num_epochs: int) -> list[float]:
    """The learning rate of each epoch, along half a cosine down to 0.

    Each from the one before, as torch's CosineAnnealingLR has it: the closed form differs in the last bits.
    """
    rates = [lr]
    for epoch in range(1, num_epochs):
        this_height, last_height = (1 + math.cos(math.pi * n / num_epochs) for n in (epoch, epoch - 1))
        rates.append(this_height / last_height * rates[-1])
    return rates


def warmup_rates(lr: float, num_epochs: int, num_warm: int) -> list[float]:
    """The learning rate of each epoch: up from 0 in equal steps, then along half a cosine towards 0.

    As DVTA's and SMIE's released code have it: nothing is learnt in the first epoch, and the last is not quite at 0.
    """
    cold = num_epochs - num_warm
    return [lr * epoch / num_warm for epoch in range(num_warm)] + [
        lr * (1 + math.cos(math.pi * epoch / cold)) / 2 for epoch in range(cold)
    ]


class _ShuffledRows(Memory):
    """Row numbers of clips that a method holds as tensors itself."""

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        """Shuffled batches that differ by at most one row, so that none is too small to contrast."""
        shuffled = seeds.generator(seed, "batches", epoch + 1).permutation(len(self.arrays["rows"]))
        return in_batches(shuffled, self.batch_size)


@dataclass(frozen=True, kw_only=True)
class _DrawnRows(Memory):
    """Row numbers of clips that a method holds as tensors; every step draws a batch from all of them."""

    num_steps: int

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        """Batches without a row twice; of all rows where there are fewer than a batch takes."""
        random, num_rows = seeds.generator(seed, "draws", epoch), len(self.arrays["rows"])
        # Copies: a slice keeps the whole permutation, of all rows, in memory for every step of the round.
        return [random.permutation(num_rows)[: self.batch_size].copy() for _ in range(self.num_steps)]
