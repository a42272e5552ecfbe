"""Arrays handed from one process to another through shared memory, several times as fast as through a pipe."""

import shutil
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]

_MIN_BYTES = 1 << 18  # less goes through the pipe as it is
_ROOM = Path("/dev/shm")  # noqa: S108 - where Linux keeps shared memory; containers often have little of it


@dataclass(frozen=True)
class Shared:
    """Where arrays lie, end to end: name, type and shape of each."""

    memory: str
    layout: list[tuple[str, str, tuple[int, ...]]]


def put(arrays: Arrays) -> Arrays | Shared:
    """Lay arrays into shared memory, where they are large and there is room for them; else they are as they were."""
    num_bytes = sum(array.nbytes for array in arrays.values())
    if num_bytes < _MIN_BYTES or not _ROOM.is_dir() or shutil.disk_usage(_ROOM).free < 2 * num_bytes:
        return arrays
    memory = SharedMemory(create=True, size=num_bytes)
    layout = [(name, array.dtype.str, array.shape) for name, array in arrays.items()]
    for name, there in _views(memory, layout).items():
        there[...] = arrays[name]
    del there
    memory.close()
    return Shared(memory.name, layout)


def take(given: Arrays | Shared) -> Arrays:
    """Copies of what `put` was given; the shared memory is free again. To be called once."""
    if not isinstance(given, Shared):
        return given
    memory = SharedMemory(given.memory)
    arrays = {name: there.copy() for name, there in _views(memory, given.layout).items()}
    memory.close()
    memory.unlink()
    return arrays


def _views(memory: SharedMemory, layout: list[tuple[str, str, tuple[int, ...]]]) -> Arrays:
    views, start = {}, 0
    for name, dtype, shape in layout:
        views[name] = np.ndarray(shape, dtype, memory.buf, start)
        start += views[name].nbytes
    return views
