"""Where a module is trained: in this process on the CPU, or through Fabric: a GPU, mixed precision, several devices.

Both give the same bytes where both can run (one device, CPU, "32"), which is what the tests and small worlds do: there
Fabric, whose import costs two seconds, stays out.
"""

import logging
import os
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any, Literal

import torch
from torch import Tensor, distributed, nn

from pipeline.core.batches import Arrays
from pipeline.core.errors import ParamsError
from pipeline.models.learning import Batch, Engine, LocalEngine
from pipeline.training import ranks

_PATIENCE = timedelta(hours=24)  # of ranks that wait while the first encodes what was held out

Precision = Literal["32", "bf16-mixed"]


def engine(devices: int, precision: Precision) -> Engine:
    """The engine for the number of devices in params. Raises ParamsError where another number trains together."""
    if ranks.num_ranks() != devices:
        raise ParamsError(
            f"params.yaml asks for devices: {devices}, but {ranks.num_ranks()} processes train together; start "
            f"`torchrun --nproc-per-node {devices}`, or set devices to {ranks.num_ranks()}"
        )
    if devices == 1 and precision == "32" and not torch.accelerator.is_available():
        return LocalEngine()
    return OnFabric(devices, precision)


def own_device() -> torch.device:
    """Where this process computes: its accelerator, or the CPU."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    return torch.device("cpu") if accelerator is None else torch.device(accelerator.type, ranks.local_rank())


class OnFabric:
    """The process's own device, with the other ranks' by distributed data parallelism."""

    def __init__(self, devices: int, precision: Precision) -> None:
        from lightning_fabric import Fabric  # 2 s to import: only who needs it pays
        from lightning_fabric.strategies.ddp import DDPStrategy

        for chatty in ("lightning_fabric", "lightning_utilities"):  # they tell what params say
            logging.getLogger(chatty).setLevel(logging.WARNING)
        on_this_machine = int(os.environ["LOCAL_WORLD_SIZE"]) if devices > 1 else 1
        self._fabric = Fabric(
            accelerator="auto",
            strategy=DDPStrategy(timeout=_PATIENCE) if devices > 1 else "auto",
            devices=on_this_machine,
            num_nodes=devices // on_this_machine,
            precision=precision,
        )
        # Of what a module is given autocast alone says what is rounded: boxes are not to be.
        setattr(self._fabric.strategy.precision, "convert_input", _as_it_is)  # noqa: B010 - a method, to mypy
        if devices > 1:
            self._fabric.launch()
        self.rank, self.num_ranks = self._fabric.global_rank, self._fabric.world_size
        self.device: torch.device = self._fabric.device

    def set_up(self, module: nn.Module, optimizer: torch.optim.Optimizer) -> nn.Module:
        """Move the module to the device, where the optimiser keeps its weights, and wrap it."""
        self._called, _ = self._fabric.setup(module, optimizer)
        called: nn.Module = self._called
        return called

    def seed(self, seed: int) -> None:
        """Seed the generators of the CPU and of every GPU."""
        torch.manual_seed(seed)

    def batch(self, arrays: Arrays) -> Batch:
        """Tensors on the device."""
        moved: Batch = self._fabric.to_device({name: torch.from_numpy(array) for name, array in arrays.items()})
        return moved

    def joining(self, *, join: bool) -> AbstractContextManager[Any]:
        """Micro-batches but the last add up their gradients on each rank; the last takes the mean over ranks."""
        if self.num_ranks == 1:
            return nullcontext()
        context: AbstractContextManager[Any] = self._fabric.no_backward_sync(self._called, enabled=not join)
        return context

    def backward(self, loss: Tensor) -> None:
        """Add gradients."""
        self._fabric.backward(loss)

    def gathered(self, values: Tensor) -> list[Tensor]:
        """A tensor of one size of each rank, on the CPU; all ranks ask at once."""
        if self.num_ranks == 1:
            return [values]
        there = values.to(self.device)
        parts = [torch.empty_like(there) for _ in range(self.num_ranks)]
        distributed.all_gather(parts, there)
        return [part.cpu() for part in parts]

    def share_buffers(self, module: nn.Module) -> None:
        """Give every rank the buffers (running means of normalisation) of rank 0."""
        if self.num_ranks > 1:
            for buffer in module.buffers():
                distributed.broadcast(buffer, 0)


def _as_it_is(data: Any) -> Any:
    return data
