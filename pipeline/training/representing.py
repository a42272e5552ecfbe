"""Representations of recordings by a trained network: the mean of the unit representations of their clips."""

# Shapes: N recordings, K clips of each, D size of a representation.
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.core.batches import Source
from pipeline.core.readers import Readers
from pipeline.core.resume import Parts
from pipeline.core.store import Store, create
from pipeline.training import engines, loop
from pipeline.training.determinism import deterministic

Floats = npt.NDArray[np.float32]

BLOCK = 2048  # recordings whose representations are one part: what a killed run does again at most
_FILE = "pooled.zarr"  # in the folder of a part


class Representer(Protocol):
    """A module that represents clips without knowing their classes."""

    def represent(self, batch: dict[str, Tensor], /) -> Tensor:
        """visual_ND of a batch of clips."""


class ClipsToEncode(Protocol):
    """The clips of a dataset."""

    @property
    def ids(self) -> list[str]:
        """Ids of the clips, sorted."""

    def shown(self, ids: Sequence[str], seed: int, /) -> Source:
        """A source of the chosen clips of each recording, along axis 1."""

    def decided_by(self, ids: Sequence[str], /) -> str:
        """Digest of what is shown of some clips."""


@dataclass(frozen=True)
class Task:
    """How clips are encoded, and the name of the part."""

    name: str  # of the parts
    decided_by: Mapping[str, object]  # code and weights
    parts: Parts
    running: loop.Running
    precision: engines.Precision
    num_threads: int
    seed: int


def finished(module: Representer, clips: ClipsToEncode, task: Task) -> list[Path]:
    """The folders of the parts that hold the representations of all clips, a block of recordings each."""
    folders = []
    for number, start in enumerate(range(0, len(clips.ids), BLOCK)):
        ids = clips.ids[start : start + BLOCK]
        how = [task.precision, task.num_threads, task.seed]
        key = {**task.decided_by, "clips": clips.decided_by(ids), "how": how}

        def make(folder: Path, ids: Sequence[str] = ids) -> None:
            data = clips.shown(ids, task.seed)
            pooled_ND = represented(module, data, task.running, task.precision, task.num_threads)
            with create(folder / _FILE, {}) as writer:
                writer.group("all", ids).put("pooled", pooled_ND)

        folders.append(task.parts.finish(f"{task.name}-{number}", key, make))
    return folders


def pooled(parts: Sequence[Path]) -> Floats:
    """pooled_ND of finished parts, in the order of the clips."""
    return np.concatenate([Store(part / _FILE, "rest").read("all", "pooled") for part in parts])


def represented(
    module: Representer, data: Source, running: loop.Running, precision: engines.Precision, num_threads: int
) -> Floats:
    """pooled_ND: so the cosine of `pooled` with a vector is the mean of its clips' cosines, times one number a row.

    `data` gives arrays (N, K, ...), of which the axis K holds the clips of a recording. On an accelerator where there
    is one.
    """
    device = engines.own_device()
    requests = ((rows, 0) for rows in data.steps(0, 0))
    rounded = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16-mixed")
    reading = Readers((data,), running.num_workers, running.queue_length)
    with _at_rest(module, device, num_threads), rounded, reading as readers:
        return np.concatenate([_pooled(module, arrays, device) for arrays in readers.stream(0, requests)])


def _pooled(module: Representer, arrays: Mapping[str, npt.NDArray[Any]], device: torch.device) -> Floats:
    num_clips = next(iter(arrays.values())).shape[1]
    batch = {name: torch.from_numpy(array).to(device).flatten(0, 1) for name, array in arrays.items()}
    visual_MD = module.represent(batch).float()
    unit_MD = nn.functional.normalize(visual_MD, dim=1)
    pooled_ND: Floats = unit_MD.reshape(-1, num_clips, unit_MD.shape[1]).mean(dim=1).cpu().numpy()
    return pooled_ND


@contextmanager
def _at_rest(module: Representer, device: torch.device, num_threads: int) -> Iterator[None]:
    assert isinstance(module, nn.Module)
    with deterministic(0, num_threads), torch.inference_mode():
        module.to(device).eval()
        try:
            yield
        finally:
            module.to("cpu")
