"""Training of the methods that learn by gradients: parameters, their course, draws, and a linear map to start from."""

# Shapes: N clips, D feature size, K classes, T text size.
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import seeds
from pipeline.core.batches import Memory, in_batches
from pipeline.core.errors import DataError
from pipeline.models import learning
from pipeline.models.methods.shared import Array, MethodParams, Rows, standardisation


class LinearMap(nn.Module):
    """A clip's features, standardised on the training clips, mapped linearly to the text space.

    A feature that is constant in training has scale 0 and says nothing.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features_ND: Array, text_dim: int) -> None:
        super().__init__()
        mean_D, scale_D = standardisation(features_ND)
        self.register_buffer("mean", torch.from_numpy(mean_D))
        self.register_buffer("scale", torch.from_numpy(scale_D))
        self.linear = nn.Linear(len(scale_D), text_dim, bias=False)

    def standardised(self, features_ND: Tensor) -> Tensor:
        """Features with mean 0 and deviation 1 on the training clips."""
        return (features_ND - self.mean) * self.scale

    def forward(self, features_ND: Tensor) -> Tensor:
        """Vectors (N, T) in the text space, of any length."""
        mapped_NT: Tensor = self.linear(self.standardised(features_ND))
        return mapped_NT

    def vectors(self, features_ND: Array) -> Array:
        """Unit vectors (N, T) in the text space."""
        with torch.no_grad():
            unit_NT = nn.functional.normalize(self(torch.from_numpy(features_ND)), dim=1)
        return np.asarray(unit_NT.numpy(), dtype=np.float32)

    def cosines(self, features_ND: Array, target_KT: Array) -> Array:
        """Cosine of each clip's vector with unit vectors, (N, K)."""
        unit_NT = torch.from_numpy(self.vectors(features_ND))
        return np.asarray((unit_NT @ torch.from_numpy(target_KT).T).numpy(), dtype=np.float32)


@contextmanager
def drawn_from(seed: int, *names: str | int) -> Iterator[None]:
    """In the block torch draws from the named seed; outside its generator goes on as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derived_seed(seed, *names))
        yield


class Descent(MethodParams):
    """Parameters of the methods that are trained by gradients: Adam, cosine annealing to 0 over the epochs."""

    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)  # decoupled, as in AdamW; with 0 it is Adam
    batch_size: int = Field(ge=2)
    epochs: int = Field(ge=1)
    keep_every: int = Field(ge=1)  # epochs between two candidates; the last epoch is always one

    @property
    def rates(self) -> list[float]:
        """The learning rate of each epoch."""
        return annealed(self.lr, self.epochs)

    @property
    def settings(self) -> list[str]:
        """The kept epochs, from 1."""
        return [str(n) for n in range(1, self.epochs + 1) if n % self.keep_every == 0 or n == self.epochs]

    @property
    def setting_name(self) -> str:
        """They are epochs."""
        return "epoch"


def descend(
    module: nn.Module, loss_of: Callable[[Rows], Tensor], num_clips: int, params: Descent, seed: int
) -> Iterator[tuple[str, float]]:
    """Train in place; yields each kept epoch with its mean loss. `loss_of` takes the row numbers of a batch.

    Raises DataError when the loss is no longer a number.
    """
    data, rates = _Numbers({"rows": np.arange(num_clips)}, params.batch_size), params.rates
    kept = set(params.settings)
    course = Course("epoch", params.epochs, lambda step, in_epoch: rates[step // in_epoch], params.weight_decay)
    for epoch, loss in enumerate(followed(module, lambda rows, *_: loss_of(rows), data, course, seed), 1):
        if str(epoch) in kept:
            yield str(epoch), loss


@dataclass(frozen=True)
class Course:
    """How long a training by AdamW goes, and how fast."""

    word: Literal["epoch", "round"]  # of what it has so many
    num_epochs: int
    rate: Callable[[int, int], float]  # the learning rate at a step of the training, given the number of steps an epoch
    weight_decay: float


def followed(
    module: nn.Module, loss_of: Callable[[Rows, int, int], Tensor], data: Memory, course: Course, seed: int
) -> Iterator[float]:
    """Train in place; yields the mean loss of each epoch. `loss_of` takes a batch's row numbers, its epoch and step.

    Epochs and steps of an epoch count from 0. What the loss draws from torch depends on the seed and the epoch alone.
    Raises DataError when the loss is no longer a number.
    """

    def loss_fn(_: nn.Module, batch: learning.Batch) -> tuple[Tensor, dict[str, Tensor]]:
        return loss_of(batch["rows"].numpy(), learner.epoch, learner.step), {}

    def refuse(epoch: int, step: int, rows: Rows) -> NoReturn:  # noqa: ARG001 - one interface; a clip has no name here
        raise DataError(
            f"the loss is not finite in {course.word} {epoch}, step {step}: lower lr in params.yaml or check the "
            "features"
        )

    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=course.weight_decay)  # every step sets its rate
    whole = learning.Course(course.num_epochs, course.rate, accumulate=1, clip_norm=None, ema=None, refuse=refuse)
    learner = learning.Learner(module, optimizer, loss_fn, whole, learning.Here())
    for row in learner.epochs(data, lambda requests: (data.read(*request) for request in requests), seed):
        yield row["loss"]


def annealed(lr: float, num_epochs: int) -> list[float]:
    """The learning rate of each epoch, along half a cosine down to 0.

    Each from the one before, as torch's CosineAnnealingLR has it: the closed form differs in the last bits.
    """
    rates = [lr]
    for epoch in range(1, num_epochs):
        now, before = (1 + math.cos(math.pi * each / num_epochs) for each in (epoch, epoch - 1))
        rates.append(now / before * rates[-1])
    return rates


def warmed_up(lr: float, num_epochs: int, num_warm: int) -> list[float]:
    """The learning rate of each epoch: up from 0 in equal steps, then along half a cosine towards 0.

    As DVTA's and SMIE's released code have it: nothing is learnt in the first epoch, and the last is not quite at 0.
    """
    cold = num_epochs - num_warm
    return [lr * epoch / num_warm for epoch in range(num_warm)] + [
        lr * (1 + math.cos(math.pi * epoch / cold)) / 2 for epoch in range(cold)
    ]


class _Numbers(Memory):
    """Row numbers of clips that a method holds as tensors itself."""

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        """Shuffled batches that differ by at most one row, so that none is too small to contrast."""
        shuffled = seeds.generator(seed, "batches", epoch + 1).permutation(len(self.arrays["rows"]))
        return in_batches(shuffled, self.batch_size)
