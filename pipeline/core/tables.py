"""Parquet tables: written sorted, unique and alike on every run; read only where name and version fit."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate, islice, starmap
from pathlib import Path
from typing import Any, Generic

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core.errors import DataError, FormatError
from pipeline.core.outputs import whole
from pipeline.core.schemas import Format, Row

_BATCH_ROWS = 2048


def write(path: Path, form: Format[Row], rows: Iterable[Row], meta: Mapping[str, Any] | None = None) -> None:
    """Write rows in key order under a format; `meta` is any JSON value that readers get back with `read_meta`.

    Raises DataError for a duplicate key and for a value that does not fit its column.
    """
    parts = list(_in_parts(path, form, rows)) or [form.schema.empty_table()]
    table = pa.concat_tables(parts).combine_chunks().sort_by([(name, "ascending") for name in form.key])
    del parts
    _check_unique(path, form, table)
    with whole(path) as scratch:
        pq.write_table(table.replace_schema_metadata(_header_of(form, meta or {})), scratch, compression="zstd")


class RowWriter(Generic[Row]):
    """A table in the making, for rows that come in key order and need not fit in memory; see `streamed`."""

    def __init__(self, path: Path, form: Format[Row], file: pq.ParquetWriter) -> None:
        self._path, self._form, self._file = path, form, file
        self._rows: list[dict[str, Any]] = []
        self._last: tuple[Any, ...] | None = None
        self.meta: dict[str, Any] = {}  # JSON, read back with `read_meta`; set before the block ends

    def add(self, row: Row) -> None:
        """Add one row. Raises DataError where its key is not after the key of the row before."""
        columns = _columns(row)
        key = tuple(columns[name] for name in self._form.key)
        if self._last is not None and key <= self._last:
            raise DataError(
                f"{self._path}: format '{self._form.name}' needs rows in key order: {key} after {self._last}"
            )
        self._last = key
        self._rows.append(columns)
        if len(self._rows) == _BATCH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows held so far as one row group."""
        if self._rows:
            self._file.write_table(_table(self._path, self._form, self._rows))
            self._rows = []


@contextmanager
def streamed(path: Path, form: Format[Row]) -> Iterator[RowWriter[Row]]:
    """Write a table row by row with bounded memory; it appears at `path` whole when the block ends."""
    with whole(path) as scratch, pq.ParquetWriter(scratch, form.schema, compression="zstd") as file:
        writer = RowWriter(path, form, file)
        yield writer
        writer.flush()
        file.add_key_value_metadata(_header_of(form, writer.meta))


def batches(path: Path, form: Format[Row]) -> Iterator[list[Row]]:
    """The rows of a table in key order, some thousand at a time; checked like `read`."""
    _header(path, form)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=form.schema.names):
            yield values(batch, form)


def part(path: Path, form: Format[Row], start: int, stop: int) -> list[Row]:
    """The rows from number `start` up to `stop`, in key order; memory holds the row groups that they lie in."""
    _header(path, form)
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        ends = list(accumulate(sizes))
        groups = [group for group, end in enumerate(ends) if end > start and end - sizes[group] < stop]
        if not groups:
            return []
        before = ends[groups[0]] - sizes[groups[0]]
        found = file.read_row_groups(groups, columns=form.schema.names)
    return values(found.slice(start - before, stop - start), form)


def read(path: Path, form: Format[Row]) -> list[Row]:
    """The rows of a table in key order; raises as `read_table`."""
    return values(read_table(path, form), form)


def read_table(path: Path, form: Format[Any], columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table of this format and version, in key order; else a FormatError that names the stage to rerun.

    Of `columns` alone, in their order, where not all are wanted.
    """
    _header(path, form)
    schema = form.schema if columns is None else pa.schema([form.schema.field(name) for name in columns])
    with pq.ParquetFile(path) as file:  # `read_table` of pyarrow would import pandas: a fifth of a second a stage
        return file.read(columns=schema.names).select(schema.names).cast(schema)


def read_meta(path: Path, form: Format[Any]) -> dict[str, Any]:
    """The JSON value that was written beside the rows."""
    meta: dict[str, Any] = json.loads(_header(path, form)[b"unseen.meta"])
    return meta


def values(table: pa.Table | pa.RecordBatch, form: Format[Row]) -> list[Row]:
    """The rows of a table, or of some of its rows, as `read_table` gives it."""
    columns = [table.column(name).to_pylist() for name in form.schema.names]
    return list(starmap(form.row, zip(*columns, strict=True)))  # the schema has checked the types


def _columns(row: msgspec.Struct) -> dict[str, Any]:
    columns: dict[str, Any] = msgspec.to_builtins(row)
    return columns


def _in_parts(path: Path, form: Format[Row], rows: Iterable[Row]) -> Iterator[pa.Table]:
    """Some thousand rows at a time as a table: as Python objects all of them would take ten times as much."""
    waiting = iter(rows)
    while part := [_columns(row) for row in islice(waiting, _BATCH_ROWS)]:
        yield _table(path, form, part)


def _table(path: Path, form: Format[Any], rows: list[dict[str, Any]]) -> pa.Table:
    try:
        table = pa.Table.from_pylist(rows, schema=form.schema)
        table.validate(full=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"{path}: rows do not fit format '{form.name}': {' '.join(str(error).split())}") from None
    _check_nulls(path, form, table)
    return table


def _header_of(form: Format[Any], meta: Mapping[str, Any]) -> dict[str, str]:
    header = {"unseen.format": form.name, "unseen.version": str(form.version)}
    return {**header, "unseen.meta": json.dumps(meta, sort_keys=True)}


def _header(path: Path, form: Format[Any]) -> dict[bytes, bytes]:
    remedy = f"run `dvc repro {form.stage}`"
    try:
        header = pq.read_metadata(path).metadata or {}
    except FileNotFoundError:
        raise FormatError(f"{path}: no such table; {remedy}") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise FormatError(f"{path}: not a parquet table ({str(error).splitlines()[0]}); {remedy}") from None
    name, version = (header.get(b"unseen." + key, b"?").decode() for key in (b"format", b"version"))
    if (name, version) != (form.name, str(form.version)):
        raise FormatError(
            f"{path}: holds {name!r} version {version}, expected {form.name!r} version {form.version}; {remedy}"
        )
    return dict(header)


def _check_nulls(path: Path, form: Format[Any], table: pa.Table) -> None:
    empty = [field.name for field in form.schema if not field.nullable and table[field.name].null_count]
    if empty:
        raise DataError(f"{path}: format '{form.name}' allows no empty value in {empty}")


def _check_unique(path: Path, form: Format[Any], table: pa.Table) -> None:
    if table.num_rows < 2:
        return
    same = [pc.equal(table[name][1:], table[name][:-1]) for name in form.key]
    twice = same[0]
    for column in same[1:]:
        twice = pc.and_(twice, column)
    if pc.any(twice).as_py():
        row = table.slice(pc.index(twice, True).as_py(), 1).select(list(form.key)).to_pylist()[0]
        raise DataError(f"{path}: format '{form.name}' needs a unique {form.key}, found twice: {row}")
