"""The loop: rows of a source -> a trained module and the metrics of each epoch.

    data = Memory({"x": x_NCTVM, "label": label_N}, batch_size=16)     # or any other Source
    def loss_fn(module, batch): ...                          # -> loss, {"accuracy": ...}, means over the batch
    with deterministic(seed, params.num_threads):
        fitted = fit(module, data, held_out, loss_fn, params, running, seed=seed, watch="accuracy", what="encoder s0-0")

`fit` stops early and leaves the best epoch's weights in the module. With several devices a loss function reaches the
weights by calling the module, once a batch. The steps themselves stand in `models.learning`.
"""

import copy
import math
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.batches import Rows, Source
from pipeline.core.errors import DataError
from pipeline.core.outputs import write_json
from pipeline.core.progress import live, say
from pipeline.core.readers import Readers
from pipeline.core.runs import CACHE
from pipeline.core.seeds import derived_seed
from pipeline.models.averages import EpochTotals
from pipeline.models.learning import Batch, Engine, Learner, LossFn, Metrics, State, TrainingPlan
from pipeline.training import engines, ranks, unfinished

__all__ = ["Batch", "Fitted", "LossFn", "Metrics", "Params", "Running", "Task", "fit", "measure"]

Probe = Callable[[nn.Module], Metrics]


class Adam(core_params.Params):
    """Adam (weight decay added to the gradient) or AdamW (decoupled)."""

    name: Literal["adam", "adamw"]
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    fused: bool  # one pass over all weights: other last bits, and of millions of weights ten times as fast


class Sgd(core_params.Params):
    """Stochastic gradient descent with Nesterov momentum."""

    name: Literal["sgd"]
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    momentum: float = Field(gt=0, lt=1)


class Drops(core_params.Params):
    """The learning rate is constant, but multiplied by a factor after some epochs: the "multi-step" schedule."""

    after_epochs: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)
    factor: float = Field(gt=0, lt=1)


class Params(core_params.Params):
    """How a module is trained: all that decides its bytes."""

    optimizer: Annotated[Adam | Sgd, Field(discriminator="name")]
    schedule: Literal["cosine"] | Drops  # of the learning rate after the warm-up; cosine: half of one, down to 0
    num_epochs: int = Field(ge=1)  # the schedule ends here, early stopping may end sooner
    warmup_epochs: int = Field(ge=0)  # the learning rate rises linearly over these
    patience: int = Field(ge=1)  # epochs without a better held-out metric before stopping
    batch_size: int = Field(ge=1)  # of a step, all devices and micro-batches together
    accumulate: int = Field(ge=1)  # micro-batches a step, one after the other on each device, for want of memory
    clip_norm: float | None = Field(gt=0)  # most length of a step's gradient; null = as it is
    ema: float | None = Field(gt=0, lt=1)  # decay a step of the moving average that is measured and kept; null = none
    precision: engines.Precision
    num_threads: int = Field(ge=1)  # of each device's process
    devices: int = Field(ge=1)  # processes, each on a GPU of its own where there are any

    @model_validator(mode="after")
    def _every_device_has_rows(self) -> Self:
        if self.batch_size < self.accumulate * self.devices:
            raise ValueError("batch_size is less than accumulate times devices")
        return self

    @model_validator(mode="after")
    def _drops_in_order(self) -> Self:
        if isinstance(self.schedule, Drops):
            epochs = self.schedule.after_epochs
            if any(epoch >= next_epoch for epoch, next_epoch in pairwise([*epochs, self.num_epochs])):
                raise ValueError("schedule.after_epochs do not rise, or do not all end before num_epochs")
        return self


class Running(core_params.Params):
    """How a training is run; the weights do not depend on it."""

    num_workers: int = Field(ge=0)  # processes that read batches ahead, for each device; 0 = the loop reads
    queue_length: int = Field(ge=1)  # batches that may lie ready
    checkpoint_every: int | None = Field(ge=1)  # steps after which a killed run can go on; null = from the start


@dataclass(frozen=True)
class Task:
    """What one training is called and how it runs; none of it changes the weights."""

    what: str  # names progress
    running: Running
    resume: Path | None  # where the state of an unfinished training is kept


@dataclass(frozen=True)
class Fitted:
    """The chosen epoch (from 1), one row of metrics for every epoch that was run, and for the run log how it went."""

    epoch: int
    history: list[Metrics]
    facts: dict[str, object]


class _Chosen:
    """The best epoch so far; of equal ones that with the least held-out loss. With nothing to watch, the last one."""

    def __init__(self, module: nn.Module, watch: str | None) -> None:
        self.history: list[Metrics] = []
        self.epoch, self.merit = 0, (-math.inf, -math.inf)
        self._module, self._watch = module, watch
        self.weights = None if watch is None else copy.deepcopy(module.state_dict())

    def add(self, row: Metrics, held_out: Metrics) -> None:
        self.history.append({**row, **{f"held_out_{name}": value for name, value in held_out.items()}})
        if self._watch is None:
            self.epoch = len(self.history)
            return
        merit = ({**row, **held_out}[self._watch], -held_out["loss"])
        if merit > self.merit:
            self.epoch, self.merit = len(self.history), merit
            self.weights = copy.deepcopy(self._module.state_dict())

    def state(self) -> State:
        if self.epoch == 0 or self.weights is None:
            return {}, {"history": self.history, "epoch": self.epoch, "merit": None}
        return dict(self.weights), {"history": self.history, "epoch": self.epoch, "merit": self.merit}

    def put_back(self, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
        self.history, self.epoch = header["history"], header["epoch"]
        if self.epoch and self._watch is not None:
            self.merit, self.weights = tuple(header["merit"]), tensors


def fit(  # noqa: PLR0913 - what is trained, how, and by keyword what this training is called
    module: nn.Module,
    data: Source,
    held_out: Source | None,
    loss_fn: LossFn,
    params: Params,
    running: Running,
    *,
    seed: int,
    watch: str | None,
    what: str,
    resume: Path | None = None,
    probe: Probe | None = None,
) -> Fitted:
    """Train until `watch` (higher is better) has not risen on the held-out rows for `patience` epochs.

    The module ends with the weights of the best epoch; of equal ones that with the least held-out loss. History rows
    hold `epoch`, the means over the training rows, what `probe` finds and, as `held_out_...`, the means over the
    held-out rows. Without held-out rows and anything to watch all epochs are run and the last one is kept. A killed run
    goes on from the file `resume`, which the caller removes when all is done.
    """
    chosen = _Chosen(module, watch)
    with ExitStack() as stack:
        sources = (data,) if held_out is None else (data, held_out)
        readers = stack.enter_context(Readers(sources, running.num_workers, running.queue_length))
        training = _Training(module, data, loss_fn, params, seed, what)
        training.keep(resume, running.checkpoint_every, chosen)
        for row in stack.enter_context(closing(training.run(readers))):
            measured = {} if held_out is None else measure(module, held_out, loss_fn, readers, training.engine)
            chosen.add({**row, **(probe(module) if probe else {})}, measured)
            if len(chosen.history) - chosen.epoch >= params.patience:
                break
    if chosen.weights is not None:
        module.load_state_dict(chosen.weights)
    module.to("cpu")
    if watch is not None and ranks.leads():
        say(f"{what}: epoch {chosen.epoch} of {len(chosen.history)} is best, held-out {watch} {chosen.merit[0]:.3f}")
    return Fitted(chosen.epoch, chosen.history, training.facts(readers))


class _Training:
    """A module in training, with what surrounds the steps: progress, the file to resume from, figures for the log."""

    def __init__(self, module: nn.Module, data: Source, loss_fn: LossFn, params: Params, seed: int, what: str) -> None:
        self._data, self._params, self._seed, self._what = data, params, seed, what
        self.engine: Engine = engines.engine(params.devices, params.precision)
        # No method of this object: with a cycle, weights and moments would outlive the training until Python looks.
        plan = _plan(params, partial(_refuse, data, what, self.engine.rank))
        self.learner = Learner(module, _optimizer(module, params), loss_fn, plan, self.engine)
        self._kept: unfinished.ResumeFile | None = None
        self._num_rows, self._start = 0, time.perf_counter()

    def keep(self, file: Path | None, every: int | None, chosen: _Chosen) -> None:
        """Resume from a file if it exists, and write it every so many steps."""
        if file is not None:
            self._kept = unfinished.ResumeFile(file, every, self.learner, chosen)

    def run(self, readers: Readers) -> Generator[Metrics]:
        """Train, and yield the metrics of each epoch."""
        num_steps = len(self._data.steps(self._seed, 0))
        done = self.learner.epoch * num_steps + self.learner.step
        with live(self._params.num_epochs * num_steps, f"{self._what}, steps", done, shown=ranks.leads()) as advance:

            def after_step(num_rows: int) -> None:
                self._num_rows += num_rows
                if self._kept is not None:
                    self._kept.after_step()
                advance(self._progress)

            yield from self.learner.epochs(self._data, partial(readers.stream, 0), self._seed, after_step)

    def facts(self, readers: Readers) -> dict[str, object]:
        """For the run log: rates and the share of time in which the loop waited for data."""
        seconds = time.perf_counter() - self._start
        return {
            "rows_per_second": round(self._num_rows / seconds, 1),
            "waiting_for_data": round(readers.seconds_waited / seconds, 4),
            "device": str(self.engine.device),
            "devices": self.engine.num_ranks,
        }

    def _progress(self) -> str:
        losses = ", ".join(f"{name} {value:.3f}" for name, value in self.learner.totals.local_means().items())
        rate = self._num_rows / (time.perf_counter() - self._start)
        epoch = min(self.learner.epoch + 1, self._params.num_epochs)
        return f"epoch {epoch}, {losses}, lr {self.learner.rate:.2e}, {rate:.0f} rows/s"


def _plan(params: Params, refuse: Callable[[int, int, Rows], NoReturn]) -> TrainingPlan:
    return TrainingPlan(
        num_epochs=params.num_epochs,
        rate=lambda step, steps_in_epoch: params.optimizer.lr * rate(step, steps_in_epoch, params),
        accumulate=params.accumulate,
        clip_norm=params.clip_norm,
        ema=params.ema,
        refuse=refuse,
    )


def _refuse(data: Source, what: str, rank: int, epoch: int, step: int, rows: Rows) -> NoReturn:
    name = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in what)
    file = CACHE / "faults" / f"{name}-{rank}.json"
    write_json(file, {"epoch": epoch, "step": step, "rows": data.names(rows)})
    raise DataError(
        f"{what}: the loss is not finite in epoch {epoch}, step {step}: lower optimizer.lr in params.yaml or check the "
        f"rows listed in {file}"
    )


def measure(module: nn.Module, data: Source, loss_fn: LossFn, readers: Readers, engine: Engine) -> Metrics:
    """Means of `loss` and loss_fn's metrics over rows the module does not learn from, the readers' second source.

    Each rank has whole steps, so that a loss over a batch is that of one device.
    """
    engine.share_buffers(module)
    steps = data.steps(0, 0)
    # Where there are fewer steps than ranks every rank takes all of them, and the means are the same.
    mine = range(len(steps)) if len(steps) < engine.num_ranks else range(engine.rank, len(steps), engine.num_ranks)
    requests = ((steps[step], derived_seed(0, "held-out", step)) for step in mine)
    totals = EpochTotals(engine.device)
    module.eval()
    with torch.no_grad(), ranks.alone(), closing(readers.stream(1, requests)) as batches:
        for step, arrays in zip(mine, batches, strict=True):
            loss, metrics = loss_fn(module, engine.batch(arrays))
            totals.add(step, {"loss": loss, **metrics}, len(steps[step]))
    means = totals.means(engine.gathered(totals.vector()))
    if not math.isfinite(means["loss"]):
        raise DataError("the loss is not finite on held-out rows: lower optimizer.lr in params.yaml or check the input")
    return means


def rate(step: int, steps_in_epoch: int, params: Params) -> float:
    """Factor of the learning rate at a step: linear to 1 in the warm-up, then as scheduled."""
    warmup, total = params.warmup_epochs * steps_in_epoch, params.num_epochs * steps_in_epoch
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if isinstance(params.schedule, Drops):
        return params.schedule.factor ** sum(step >= epoch * steps_in_epoch for epoch in params.schedule.after_epochs)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def _optimizer(module: nn.Module, params: Params) -> torch.optim.Optimizer:
    weights, chosen = [weight for weight in module.parameters() if weight.requires_grad], params.optimizer
    if isinstance(chosen, Sgd):
        return torch.optim.SGD(
            weights, lr=chosen.lr, weight_decay=chosen.weight_decay, momentum=chosen.momentum, nesterov=True
        )
    kind = torch.optim.AdamW if chosen.name == "adamw" else torch.optim.Adam
    return kind(weights, lr=chosen.lr, weight_decay=chosen.weight_decay, fused=chosen.fused)
