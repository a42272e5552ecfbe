"""The one loop body: steps of gradient descent over the batches of a source, epoch by epoch.

`training.loop` runs encoders through it, with files, ranks and early stopping around; `descent` the zero-shot methods.
An engine decides where it computes: `LocalEngine` in this process, in full precision; `training.engines` has the other.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn, Protocol

import torch
from torch import Tensor, nn

from pipeline.core.batches import Arrays, Rows, Source
from pipeline.core.errors import DataError
from pipeline.core.seeds import derived_seed
from pipeline.models.averages import EpochTotals, WeightAverage

Batch = dict[str, Tensor]
LossFn = Callable[[nn.Module, Batch], tuple[Tensor, dict[str, Tensor]]]  # loss and metrics, means over the batch
Read = Callable[[Iterable[tuple[Rows, int]]], Generator[Arrays]]
Metrics = dict[str, float]
State = tuple[dict[str, Tensor], dict[str, Any]]  # tensors by name, and what is JSON


class Engine(Protocol):
    """Where a module is trained: device, precision and ranks. Every rank computes a share of each step."""

    rank: int
    num_ranks: int
    device: torch.device

    def set_up(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> nn.Module:
        """Move the module to the device; returns it in the form that loss functions call."""

    def seed(self, seed: int) -> None:
        """Seed torch's generators, on the device too."""

    def batch(self, arrays: Arrays) -> Batch:
        """Tensors on the device."""

    def joining(self, *, join: bool) -> AbstractContextManager[Any]:
        """A context for forward and backward; if `join`, gradients are averaged over the ranks."""

    def backward(self, loss: Tensor) -> None:
        """Add gradients."""

    def gathered(self, values: Tensor) -> list[Tensor]:
        """The tensors of all ranks, equally large, on the CPU; all ranks must call it."""

    def share_buffers(self, module: nn.Module) -> None:
        """Give every rank the buffers (running means of normalisation) of rank 0."""


class LocalEngine:
    """This process alone: on the CPU, in full precision."""

    rank, num_ranks, device = 0, 1, torch.device("cpu")

    def set_up(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> nn.Module:  # noqa: ARG002 - one interface
        """The module as it is."""
        return module

    def seed(self, seed: int) -> None:
        """Seed the CPU's generator alone: `torch.manual_seed` also records a stack trace for GPUs not yet started."""
        torch.default_generator.manual_seed(seed)

    def batch(self, arrays: Arrays) -> Batch:
        """Tensors over the same memory."""
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def joining(self, *, join: bool) -> AbstractContextManager[Any]:  # noqa: ARG002 - one interface
        """No other rank."""
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Add gradients."""
        loss.backward()  # type: ignore[no-untyped-call]

    def gathered(self, values: Tensor) -> list[Tensor]:
        """The tensor itself."""
        return [values]

    def share_buffers(self, module: nn.Module) -> None:
        """No other rank."""


@dataclass(frozen=True)
class TrainingPlan:
    """How many steps are taken, and how."""

    num_epochs: int
    rate: Callable[[int, int], float]  # learning rate at a step of the training, given the number of steps an epoch
    accumulate: int  # micro-batches a step; their gradients add up to that of the step's mean loss
    clip_norm: float | None  # maximum norm of the gradient of all weights
    ema: float | None  # decay of the moving average of the weights, which is then measured and saved
    refuse: Callable[
        [int, int, Rows], NoReturn
    ]  # called with epoch, step (both from 1) and rows of a loss that is not finite


class Learner:
    """Trains a module. Between epochs the caller may use, but not train, the module: it holds the moving average."""

    def __init__(
        self, module: nn.Module, optimizer: torch.optim.Optimizer, loss_fn: LossFn, plan: TrainingPlan, engine: Engine
    ) -> None:
        self.module, self.optimizer, self.plan, self.engine = module, optimizer, plan, engine
        self.loss_fn = loss_fn
        self.called = engine.set_up(module, optimizer)
        self.average = None if plan.ema is None else WeightAverage(module, plan.ema)
        self.epoch = 0  # finished epochs
        self.step = 0  # finished steps of the current epoch
        self.steps: Sequence[Rows] = ()  # of the current epoch
        self.totals = EpochTotals(engine.device)
        self.rate = 0.0

    def epochs(
        self, data: Source, read: Read, seed: int, after_step: Callable[[int], None] | None = None
    ) -> Generator[Metrics]:
        """Train to the end of the plan; yields `epoch` (from 1), `loss` and the metrics of the loss function.

        `read` gives the batches of requests in their order. `after_step` is called with the number of rows of a step.
        """
        while self.epoch < self.plan.num_epochs:
            self.steps = steps = data.steps(seed, self.epoch)
            if self.step == 0:  # else the state of an interrupted run, with its generator, has just been restored
                # Dropout, too, depends on seed, epoch and rank alone.
                self.engine.seed(derived_seed(seed, "epoch", self.epoch, self.engine.rank))
                self.totals = EpochTotals(self.engine.device)
            if self.average is not None:
                self.average.take_back()
            self.called.train()
            with closing(read(self._requests(steps, seed))) as arrays:
                for rows in islice(steps, self.step, None):
                    self._step(rows, len(steps), arrays)
                    if after_step is not None:
                        after_step(len(rows))
            self.check()
            self.epoch, self.step = self.epoch + 1, 0
            if self.average is not None:
                self.average.show()
            yield {"epoch": self.epoch, **self.means()}

    def means(self) -> Metrics:
        """Means over the rows of all ranks, of the epoch so far."""
        return self.totals.means(self.engine.gathered(self.totals.vector()))

    def check(self) -> None:
        """Refuse the first step whose loss was not finite; on a GPU this waits for the loss."""
        fault = self.totals.fault(wait=True)
        if fault is not None:
            self.plan.refuse(self.epoch + 1, fault + 1, self.steps[fault])

    def _requests(self, steps: Sequence[Rows], seed: int) -> Iterator[tuple[Rows, int]]:
        """What this rank reads for the remaining steps."""
        for step, rows in enumerate(islice(steps, self.step, None), self.step):
            for number, share in enumerate(self._shares(rows)):
                yield share, derived_seed(seed, "read", self.epoch, step, self.engine.rank, number)

    def _shares(self, rows: Rows) -> list[Rows]:
        """The micro-batches of this rank."""
        num_ranks, accumulate = self.engine.num_ranks, self.plan.accumulate
        if num_ranks == accumulate == 1:
            return [rows]
        if len(rows) < num_ranks * accumulate:
            raise DataError(
                f"a step of {len(rows)} rows cannot be shared by {num_ranks} devices in {accumulate} parts each: "
                "lower devices or accumulate in params.yaml, or give more rows"
            )
        # Strided shares: rows of one kind may be adjacent in a step, and losses are means over some of the rows.
        return [rows[self.engine.rank :: num_ranks][number::accumulate] for number in range(accumulate)]

    def _step(self, rows: Rows, steps_in_epoch: int, arrays: Iterator[Arrays]) -> None:
        self.rate = self.plan.rate(self.epoch * steps_in_epoch + self.step, steps_in_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.optimizer.zero_grad()
        shares = self._shares(rows)
        for number, share in enumerate(shares, 1):
            with self.engine.joining(join=number == len(shares)):
                loss, metrics = self.loss_fn(self.called, self.engine.batch(next(arrays)))
                self.totals.add(self.step, {"loss": loss, **metrics}, len(share))
                if self.totals.fault(wait=False) is not None:
                    self.check()  # before the gradients reach the weights, and other ranks
                # Ranks and micro-batches may differ by a row: each is weighted by its rows.
                weight = len(share) * self.engine.num_ranks / len(rows)
                self.engine.backward(loss if weight == 1 else loss * weight)
        if self.plan.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.module.parameters(), self.plan.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.add()
        self.step += 1

    def state(self) -> State:
        """All that the rest of the training depends on; every rank must call it."""
        tensors = {f"module.{name}": value for name, value in self.module.state_dict().items()}
        for number, values in self.optimizer.state_dict()["state"].items():
            tensors_of = {name: value for name, value in values.items() if isinstance(value, Tensor)}
            tensors |= {f"optimizer.{number}.{name}": value for name, value in tensors_of.items()}
        if self.average is not None:
            tensors |= {f"average.{name}": value for name, value in self.average.average.items()}
        for rank, vector in enumerate(self.engine.gathered(self.totals.vector())):
            tensors[f"totals.{rank}"] = vector
        for rank, random in enumerate(self.engine.gathered(self._random())):
            tensors[f"random.{rank}"] = random
        return tensors, {"epoch": self.epoch, "step": self.step, "totals": self.totals.names}

    def put_back(self, tensors: dict[str, Tensor], progress: dict[str, Any]) -> None:
        """Go on from the state of a learner of the same module and plan."""
        self.epoch, self.step = progress["epoch"], progress["step"]
        self.module.load_state_dict(with_prefix(tensors, "module."))
        held: dict[int, dict[str, Tensor]] = {}
        for name, value in with_prefix(tensors, "optimizer.").items():
            number, key = name.split(".", 1)
            held.setdefault(int(number), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": held, "param_groups": groups})
        if self.average is not None:
            self.average.put_back(with_prefix(tensors, "average."))
        self.totals.put_back(progress["totals"], tensors[f"totals.{self.engine.rank}"])
        random = tensors[f"random.{self.engine.rank}"]
        torch.set_rng_state(random[: torch.get_rng_state().numel()])
        if self.engine.device.type == "cuda":
            torch.cuda.set_rng_state(random[torch.get_rng_state().numel() :], self.engine.device)

    def _random(self) -> Tensor:
        """The states of the generators that dropout draws from: the CPU's, then the GPU's."""
        states = [torch.get_rng_state()]
        if self.engine.device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self.engine.device))
        return torch.cat(states)


def with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, under their names without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
