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
    folder = store.path / group / name
    array: Any = zarr.open_array(folder, mode="r")
    sizes = (int(array.chunks[0]), int(array.shards[0]))
    order = np.arange(-(-array.shape[0] // sizes[0]))
    for chunk in order if seed is None else generator(seed, "blocks").permutation(order):
        yield _read(folder, int(chunk), shape=array.shape, rows=sizes, dtype=array.dtype)


def _read(folder: Path, chunk: int, *, shape: tuple[int, ...], rows: tuple[int, int], dtype: Any) -> npt.NDArray[Any]:
    """Chunk number `chunk` of an array of a shape whose chunks and shards have (chunk rows, shard rows).

    Read-only view of the file; fewer rows at the array's end. Raises FormatError if a checksum does not fit.
    """
    chunk_rows, shard_rows = rows
    chunks_in_shard = shard_rows // chunk_rows
    name = "/".join(["c", str(chunk // chunks_in_shard), *["0"] * (len(shape) - 1)])
    mapped = np.memmap(folder / name, np.uint8, mode="r")
    index = _checked(folder, mapped[-(16 * chunks_in_shard + _CRC_BYTES) :]).view("<u8").reshape(-1, 2)
    offset, num_bytes = (int(value) for value in index[chunk % chunks_in_shard])
    if offset + num_bytes > len(mapped):
        raise FormatError(f"{folder}: chunk {chunk} lies outside its shard")
    values = _checked(folder, mapped[offset : offset + num_bytes]).view(np.dtype(dtype).newbyteorder("<"))
    return np.asarray(values.reshape(chunk_rows, *shape[1:])[: shape[0] - chunk * chunk_rows])


def _checked(folder: Path, part: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The bytes before the checksum."""
    content, checksum = part[:-_CRC_BYTES], int.from_bytes(part[-_CRC_BYTES:].tobytes(), "little")
    if google_crc32c.value(content) != checksum:
        raise FormatError(f"{folder}: a checksum does not fit: bytes have changed; rerun the stage that wrote it")
    return content
