"""Rows that do not fit in memory: written once as an Arrow file, then mapped by every process that reads them."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.core.outputs import whole

_BATCH_ROWS = 2048


def write(path: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows in their order with bounded memory; returns their number."""
    num_rows = 0
    with whole(path) as scratch, pa.ipc.new_file(str(scratch), schema) as file:
        held: list[Mapping[str, Any]] = []
        for row in rows:
            held.append(row)
            num_rows += 1
            if len(held) == _BATCH_ROWS:
                file.write_batch(pa.RecordBatch.from_pylist(held, schema=schema))
                held = []
        if held:
            file.write_batch(pa.RecordBatch.from_pylist(held, schema=schema))
    return num_rows


class Mapped:
    """The rows of such a file by their numbers. Pickled it is its path; the file is mapped where it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mapped: tuple[list[pa.RecordBatch], list[int]] | None = None  # batches, and the row that each ends before

    def __reduce__(self) -> tuple[type["Mapped"], tuple[Path]]:
        return Mapped, (self.path,)

    def __len__(self) -> int:
        _, ends = self._open()
        return ends[-1] if ends else 0

    def row(self, number: int) -> dict[str, Any]:
        """One row, from 0."""
        batches, ends = self._open()
        place = bisect_right(ends, number)
        first = ends[place - 1] if place else 0
        found: dict[str, Any] = batches[place].slice(number - first, 1).to_pylist()[0]
        return found

    def _open(self) -> tuple[list[pa.RecordBatch], list[int]]:
        if self._mapped is None:
            file = pa.ipc.open_file(pa.memory_map(str(self.path)))
            batches = [file.get_batch(number) for number in range(file.num_record_batches)]
            self._mapped = batches, list(accumulate(batch.num_rows for batch in batches))
        return self._mapped
