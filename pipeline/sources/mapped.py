"""Rows that do not fit in memory: written once as an Arrow file, then mapped by every process that reads them."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate, islice
from pathlib import Path
from typing import Generic

import msgspec
import pyarrow as pa

from pipeline.core.outputs import whole
from pipeline.core.schemas import Row, schema_of

_BATCH_ROWS = 2048


def write(path: Path, row_type: type[Row], rows: Iterable[Row]) -> int:
    """Write rows in their order with bounded memory; returns their number."""
    schema, remaining, num_rows = schema_of(row_type), iter(rows), 0
    with whole(path) as scratch, pa.ipc.new_file(str(scratch), schema) as file:
        while batch := [msgspec.to_builtins(row) for row in islice(remaining, _BATCH_ROWS)]:
            file.write_batch(pa.RecordBatch.from_pylist(batch, schema=schema))
            num_rows += len(batch)
    return num_rows


class MappedRows(Generic[Row]):
    """The rows of such a file by their numbers. Only its path is pickled; each process maps the file when it reads."""

    def __init__(self, path: Path, row_type: type[Row]) -> None:
        self.path, self.row_type = path, row_type
        self._mapped: tuple[list[pa.RecordBatch], list[int]] | None = None  # batches, and the row that each ends before

    def __reduce__(self) -> tuple[type["MappedRows[Row]"], tuple[Path, type[Row]]]:
        return MappedRows, (self.path, self.row_type)

    def __len__(self) -> int:
        _, ends = self._open()
        return ends[-1] if ends else 0

    def row(self, number: int) -> Row:
        """One row, from 0."""
        batches, ends = self._open()
        place = bisect_right(ends, number)
        first = ends[place - 1] if place else 0
        columns = batches[place].slice(number - first, 1).to_pylist()[0]
        return self.row_type(**columns)

    def _open(self) -> tuple[list[pa.RecordBatch], list[int]]:
        if self._mapped is None:
            file = pa.ipc.open_file(pa.memory_map(str(self.path)))
            batches = [file.get_batch(number) for number in range(file.num_record_batches)]
            self._mapped = batches, list(accumulate(batch.num_rows for batch in batches))
        return self._mapped
