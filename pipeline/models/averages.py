"""Means over the rows of an epoch, and the moving average of weights."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class EpochTotals:
    """Sums of metrics over the rows of an epoch. On a GPU they stay there, so that no step waits for its loss."""

    def __init__(self, device: torch.device) -> None:
        self._stays = device.type == "cuda"
        self._num_rows = 0
        self._sums: dict[str, float | Tensor] = {}
        self._fault: int | Tensor = torch.tensor(-1, device=device) if self._stays else -1

    def add(self, step: int, metrics: dict[str, Tensor], num_rows: int) -> None:
        """Add means over some rows of a step; `loss` must be among them."""
        self._num_rows += num_rows
        for name, mean in metrics.items():
            value = mean.detach().double() if self._stays else mean.item()
            self._sums[name] = self._sums.get(name, 0.0) + value * num_rows
        if isinstance(self._fault, Tensor):
            loss = metrics["loss"].detach()
            fine = torch.isfinite(loss) | (self._fault >= 0)
            self._fault = torch.where(fine, self._fault, torch.full_like(self._fault, step))
        elif self._fault < 0 and not math.isfinite(float(self._sums["loss"])):
            self._fault = step

    def fault(self, *, wait: bool) -> int | None:
        """The first step whose loss was not finite; without `wait`, None while only the GPU knows it."""
        if isinstance(self._fault, Tensor) and not wait:
            return None
        fault = int(self._fault)
        return None if fault < 0 else fault

    def vector(self) -> Tensor:
        """Number of rows, then the sums by name: float64, on the CPU."""
        sums = [float(self._sums[name]) for name in self.names]
        return torch.tensor([float(self._num_rows), *sums], dtype=torch.float64)

    @property
    def names(self) -> list[str]:
        """The names of the sums, in order of appearance."""
        return list(self._sums)

    def put_back(self, names: Sequence[str], vector: Tensor) -> None:
        """Restore the sums that `vector` gave."""
        num_rows, *sums = vector.tolist()
        self._num_rows, self._sums = int(num_rows), dict(zip(names, sums, strict=True))

    def local_means(self) -> dict[str, float]:
        """Means over the rows of this rank so far, for display."""
        return self.means([self.vector()])

    def means(self, vectors: Sequence[Tensor]) -> dict[str, float]:
        """Means over all ranks, given the vector of each."""
        num_rows, *sums = torch.stack(list(vectors)).sum(dim=0).tolist()
        return {name: value / num_rows for name, value in zip(self.names, sums, strict=True)}


class WeightAverage:
    """The exponential moving average of a module's weights, from its first weights on; buffers are not averaged.

    After n steps it is decay^n w_0 + (1 - decay) sum_i decay^(n - i) w_i.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._weights = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
        self._decay = decay
        self.average = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._aside: dict[str, Tensor] = {}  # the weights themselves, while the module holds the average

    @torch.no_grad()
    def add(self) -> None:
        """Add the weights after a step."""
        for name, weight in self._weights.items():
            self.average[name].lerp_(weight, 1 - self._decay)

    @torch.no_grad()
    def show(self) -> None:
        """Put the average into the module."""
        self._aside = {name: weight.detach().clone() for name, weight in self._weights.items()}
        for name, weight in self._weights.items():
            weight.copy_(self.average[name])

    @torch.no_grad()
    def take_back(self) -> None:
        """Put the weights that `show` has set aside back into the module, if there are any."""
        for name, weight in self._aside.items():
            self._weights[name].copy_(weight)
        self._aside = {}

    @torch.no_grad()
    def put_back(self, average: dict[str, Tensor]) -> None:
        """Restore an average of the same weights."""
        for name, value in average.items():
            self.average[name].copy_(value)
