"""Rows of a store's array in any order, straight from its shard files: memory holds only the rows that are read.

A file is read, not mapped, so that what was read counts nowhere but in the system's cache. Each chunk's checksum is
checked when it is first touched. Layout of a shard (zarr 3, sharding codec, index at the end): chunks, each followed by
its CRC-32C, then (offset, bytes) as u64 a chunk and a CRC-32C of that index.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt
import zarr

from pipeline.core.errors import FormatError

_CRC_BYTES = 4
_MAX_SHARDS = 64  # open at a time


class RowReader:
    """An array on disk, of which stretches of rows are read. It can be pickled; the files are opened where it reads."""

    def __init__(self, folder: Path, remedy: str) -> None:
        array: Any = zarr.open_array(folder, mode="r")
        self.folder, self.shape = folder, tuple(array.shape)
        self.dtype = np.dtype(array.dtype).newbyteorder("<")
        self._remedy = remedy
        self._chunk_rows = int(array.chunks[0])
        self._chunks_in_shard = int(array.shards[0]) // self._chunk_rows
        self._row_bytes = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        self._forget()

    def _forget(self) -> None:
        self._files: dict[int, int] = {}
        self._starts: dict[int, npt.NDArray[np.int64]] = {}  # where each chunk of a shard begins
        self._checked: set[int] = set()  # chunks

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_files", "_starts", "_checked")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def __del__(self) -> None:
        for file in vars(self).get("_files", {}).values():
            os.close(file)

    def read(self, stretches: Iterable[tuple[int, npt.NDArray[Any]]]) -> None:
        """Fill each array with the rows that begin at its number. Raises FormatError where a checksum does not fit."""
        for first, rows in stretches:
            done = 0
            while done < len(rows):
                chunk, offset = divmod(first + done, self._chunk_rows)
                num_rows = min(self._chunk_rows - offset, len(rows) - done)
                self._fill(chunk, offset, rows[done : done + num_rows])
                done += num_rows

    def _fill(self, chunk: int, offset: int, rows: npt.NDArray[Any]) -> None:
        shard, place = divmod(chunk, self._chunks_in_shard)
        file = self._opened(shard)
        start = int(self._starts[shard][place])
        if chunk not in self._checked:
            self._content(shard, start, self._chunk_rows * self._row_bytes)
            self._checked.add(chunk)
        into: Any = rows.reshape(-1).view(np.uint8)
        if os.preadv(file, [into], start + offset * self._row_bytes) != rows.nbytes:
            raise self._damaged(shard, ": a shard is cut short")

    def _opened(self, shard: int) -> int:
        if shard not in self._files:
            if len(self._files) >= _MAX_SHARDS:
                os.close(self._files.pop(next(iter(self._files))))
            try:
                self._files[shard] = os.open(self.folder / self._name(shard), os.O_RDONLY)
            except FileNotFoundError:
                raise self._damaged(shard, " is missing") from None
        if shard not in self._starts:
            self._starts[shard] = self._index(shard)
        return self._files[shard]

    def _name(self, shard: int) -> str:
        return "/".join(["c", str(shard), *["0"] * (len(self.shape) - 1)])

    def _index(self, shard: int) -> npt.NDArray[np.int64]:
        num_bytes, size = 16 * self._chunks_in_shard, os.fstat(self._files[shard]).st_size
        index = np.frombuffer(self._content(shard, size - num_bytes - _CRC_BYTES, num_bytes), "<u8").reshape(-1, 2)
        there = index[:, 1] == self._chunk_rows * self._row_bytes + _CRC_BYTES
        if (index[there, 0] + index[there, 1] > size).any():
            raise self._damaged(shard, ": a chunk lies outside its shard")
        return np.where(there, index[:, 0], size).astype(np.int64)

    def _content(self, shard: int, start: int, num_bytes: int) -> bytes:
        """Bytes whose checksum, which follows them, fits."""
        data = os.pread(self._files[shard], num_bytes + _CRC_BYTES, start) if start >= 0 else b""
        content, checksum = data[:num_bytes], int.from_bytes(data[num_bytes:], "little")
        if len(data) != num_bytes + _CRC_BYTES or google_crc32c.value(content) != checksum:
            raise self._damaged(shard, ": a checksum does not fit: bytes have changed")
        return content

    def _damaged(self, shard: int, what: str) -> FormatError:
        return FormatError(f"{self.folder}: file '{self._name(shard)}'{what}; {self._remedy}")
