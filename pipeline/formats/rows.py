"""Tables from outside as rows of text: CSV and parquet, in bounded memory."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.core import outside
from pipeline.core.errors import FormatError

_MAX_BYTES = 256 << 20
_MAX_VALUES = 16_000_000  # some 100 bytes each in memory; Kinetics-700 has 3 million
_CLIPS = "a list of clips"

Row = dict[str, str]
Rows = list[Row]


def read(path: Path, columns: tuple[str, ...]) -> Rows:
    """The rows of a `.csv` or `.parquet` file, every value as stripped text, an empty one as "".

    Raises FormatError if the file is no such table or lacks one of the columns.
    """
    return read_parquet(path, columns) if path.suffix == ".parquet" else read_csv(path, columns)


def read_csv(path: Path, columns: tuple[str, ...], what: str = _CLIPS) -> Rows:
    """The rows of a CSV file in UTF-8; its first line names the columns. `what` is expected, for messages."""
    return [row for _, row in numbered_csv(path, columns, what)]


def numbered_csv(path: Path, columns: tuple[str, ...], what: str = _CLIPS) -> list[tuple[int, Row]]:
    """The rows of a CSV file, each with the number of the line that it ends in, from 1; empty lines are no rows."""
    rows: list[tuple[int, Row]] = []
    for line, row in parsed_csv(_text(path, what), path, lambda header: _check(path, header, columns)):
        rows.append((line, {name: cell.strip() for name, cell in row.items()}))
        _check_size(path, len(rows) * len(row), what=what)
    return rows


def parsed_csv(text: str, path: Path, check_header: Callable[[list[str]], None]) -> Iterator[tuple[int, Row]]:
    """As `numbered_csv`, of a file's text and with cells as they stand; `check_header` raises for unfit columns."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        check_header(header)
        for cells in reader:
            if len(cells) not in (0, len(header)):
                raise FormatError(
                    f"{path}: line {reader.line_num}: {len(cells)} columns, the first line names {len(header)}"
                )
            if cells:
                yield reader.line_num, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise FormatError(f"{path}: line {reader.line_num}: not CSV ({error}); mend the file") from None


def read_parquet(path: Path, columns: tuple[str, ...]) -> Rows:
    """The rows of a parquet file."""
    outside.check_file(path, "a parquet table")
    try:
        schema = pq.read_schema(path)
        _check(path, schema.names, columns)
        _check_types(path, schema, columns)
        # As a dictionary, a text that a million rows share stays one text until its size is known.
        with pq.ParquetFile(path, read_dictionary=list(columns)) as file:
            groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
            num_bytes = sum(group.total_byte_size for group in groups)
            _check_size(path, file.metadata.num_rows * len(columns), num_bytes)
            table = file.read(columns=list(columns))
        _check_size(path, 0, sum(_text_bytes(column) for column in table.columns))
        rows = table.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"{path}: not a readable parquet file ({what}); mend the file") from None
    return [{name: _as_text(value) for name, value in row.items()} for row in rows]


def _as_text(value: object) -> str:
    """A value as a CSV file would say it; a column of numbers with gaps is often stored as floats."""
    if value is None or value != value:  # NaN alone differs from itself
        return ""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def _check_types(path: Path, schema: pa.Schema, columns: tuple[str, ...]) -> None:
    """Refuse lists, structs and bytes, which could be of any size."""
    for name in columns:
        kind = schema.field(name).type
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        fits = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating)
        if not any(is_it(plain) for is_it in (*fits, pa.types.is_boolean, pa.types.is_null)):
            raise FormatError(f"{path}: column '{name}' should hold text or numbers, found {plain}")


def _text_bytes(column: pa.ChunkedArray) -> int:
    """What the texts of a column take when each row has its own."""
    total = 0
    for chunk in column.chunks:
        if isinstance(chunk, pa.DictionaryArray) and len(chunk.dictionary):
            lengths = pc.binary_length(chunk.dictionary)
            total += pc.sum(pc.cast(pc.take(lengths, chunk.indices), pa.int64())).as_py() or 0
    return total


def _check_size(path: Path, num_values: int, num_bytes: int = 0, what: str = _CLIPS) -> None:
    if num_values > _MAX_VALUES or num_bytes > _MAX_BYTES:
        limits = f"{_MAX_VALUES} values and {_MAX_BYTES >> 20} MiB"
        raise FormatError(f"{path}: too large for {what}, at most {limits} are read")


def _check(path: Path, header: list[str], columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in header]
    if missing or len(set(header)) < len(header):
        raise FormatError(f"{path}: expected the columns {', '.join(columns)}, each once, found {header[:12]}")


def _text(path: Path, what: str) -> str:
    return outside.text(path, _MAX_BYTES, what, "utf-8-sig")
