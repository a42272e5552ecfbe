"""Training that is counted in steps: rounds of so many steps, each on clips that are drawn anew, one state a round."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from pipeline.core import seeds
from pipeline.core.batches import Memory
from pipeline.models.descent import Course, followed
from pipeline.models.methods.shared import Rows


@dataclass(frozen=True)
class Rounds:
    """How the steps go."""

    num_rounds: int
    num_steps: int  # of a round
    batch_size: int
    rate: Callable[[int], float]  # the learning rate at a step of the training, from 0
    weight_decay: float  # decoupled, as in AdamW; with 0 it is Adam


def descend(
    module: nn.Module, loss_of: Callable[[Rows, int, int], Tensor], num_clips: int, rounds: Rounds, seed: int
) -> Iterator[float]:
    """Train in place; yields the mean loss of each round. `loss_of` takes a batch's row numbers, its round and step.

    Rounds and steps of a round count from 0. What the loss draws from torch depends on the seed and the round alone.
    Raises DataError when the loss is no longer a number.
    """
    data = _Draws({"rows": np.arange(num_clips)}, rounds.batch_size, num_steps=rounds.num_steps)
    course = Course("round", rounds.num_rounds, lambda step, _: rounds.rate(step), rounds.weight_decay)
    return followed(module, loss_of, data, course, seed)


@dataclass(frozen=True, kw_only=True)
class _Draws(Memory):
    """Row numbers of clips that a method holds as tensors itself; every step draws a batch from all of them."""

    num_steps: int

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        """Batches without a row twice; of all rows where there are fewer than a batch takes."""
        random, num_rows = seeds.generator(seed, "draws", epoch), len(self.arrays["rows"])
        # Copies: a slice keeps the whole permutation, of all rows, in memory for every step of the round.
        return [random.permutation(num_rows)[: self.batch_size].copy() for _ in range(self.num_steps)]
