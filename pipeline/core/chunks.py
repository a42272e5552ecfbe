"""Epochs over a store that does not fit in memory: chunks straight from the shard files, mapped and checked.

Zarr's own reader copies a chunk three times on its way; an epoch over a store is faster without. Layout (zarr 3,
sharding codec, index at the end): chunks, each followed by its CRC-32C, then (offset, bytes) as u64 a chunk and a
CRC-32C of that index.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr

from pipeline.core.errors import FormatError
from pipeline.core.seeds import generator
from pipeline.core.store import Store

_CRC_BYTES = 4


def blocks(store: Store, group: str, name: str, seed: int | None) -> Iterator[npt.NDArray[Any]]:
    """The rows of a dense array a chunk at a time, in order or, with a seed, in a shuffled order of the chunks.

    Blocks are read-only views; single rows in random order would read a whole chunk each. Raises FormatError if a
    checksum does not fit.
    """
    array = _Array(store.path / group / name)
    order = np.arange(array.num_chunks)
    for chunk in order if seed is None else generator(seed, "blocks").permutation(order):
        yield array.chunk(int(chunk))


class _Array:
    """A dense array on disk; a shard is mapped, and its index checked, when it is first looked into."""

    def __init__(self, folder: Path) -> None:
        array: Any = zarr.open_array(folder, mode="r")
        self.folder, self.shape = folder, tuple(array.shape)
        self.dtype = np.dtype(array.dtype).newbyteorder("<")
        self.chunk_rows = int(array.chunks[0])
        self.chunks_in_shard = int(array.shards[0]) // self.chunk_rows
        self.num_chunks = -(-self.shape[0] // self.chunk_rows)
        self._shards: dict[int, tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64]]] = {}

    def chunk(self, number: int) -> npt.NDArray[Any]:
        """Rows of one chunk, a view of the file; fewer than others at the array's end."""
        mapped, index = self._shard(number // self.chunks_in_shard)
        offset, num_bytes = (int(value) for value in index[number % self.chunks_in_shard])
        if offset + num_bytes > len(mapped):
            raise FormatError(f"{self.folder}: chunk {number} lies outside its shard")
        values = _checked(self.folder, mapped[offset : offset + num_bytes]).view(self.dtype)
        rows = values.reshape(self.chunk_rows, *self.shape[1:])
        return np.asarray(rows[: self.shape[0] - number * self.chunk_rows])

    def _shard(self, number: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
        """The bytes of a shard, and (offset, bytes) of each of its chunks."""
        if number not in self._shards:
            name = "/".join(["c", str(number), *["0"] * (len(self.shape) - 1)])
            mapped = np.memmap(self.folder / name, np.uint8, mode="r")
            index = _checked(self.folder, mapped[-(16 * self.chunks_in_shard + _CRC_BYTES) :])
            self._shards[number] = np.asarray(mapped), index.view("<u8").reshape(-1, 2)
        return self._shards[number]


def _checked(folder: Path, part: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The bytes before the checksum."""
    content, checksum = part[:-_CRC_BYTES], int.from_bytes(part[-_CRC_BYTES:].tobytes(), "little")
    if google_crc32c.value(content) != checksum:
        raise FormatError(f"{folder}: a checksum does not fit: bytes have changed; rerun the stage that wrote it")
    return content
