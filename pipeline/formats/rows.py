"""Tables from outside as rows of text: CSV and parquet, in bounded memory."""

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.core.errors import FormatError

_MOST_BYTES = 256 << 20
_MOST_ROWS = 10_000_000

Rows = list[dict[str, str]]


def read(path: Path, columns: tuple[str, ...]) -> Rows:
    """The rows of a `.csv` or `.parquet` file, every value as stripped text, an empty one as "".

    Raises FormatError if the file is no such table or lacks one of the columns.
    """
    return read_parquet(path, columns) if path.suffix == ".parquet" else read_csv(path, columns)


def read_csv(path: Path, columns: tuple[str, ...]) -> Rows:
    """The rows of a CSV file in UTF-8; its first line names the columns."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    found: Rows = []
    try:
        header = [name.strip() for name in next(reader, [])]
        _check(path, header, columns)
        for cells in reader:
            if len(cells) not in (0, len(header)):
                raise FormatError(
                    f"{path}: line {reader.line_num}: {len(cells)} columns, the first line names {len(header)}"
                )
            if cells:
                found.append({name: cell.strip() for name, cell in zip(header, cells, strict=True)})
    except csv.Error as error:
        raise FormatError(f"{path}: line {reader.line_num}: not CSV ({error}); mend the file") from None
    return found


def read_parquet(path: Path, columns: tuple[str, ...]) -> Rows:
    """The rows of a parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            _check(path, file.schema_arrow.names, columns)
            groups = [file.metadata.row_group(index) for index in range(file.metadata.num_row_groups)]
            if file.metadata.num_rows > _MOST_ROWS or sum(group.total_byte_size for group in groups) > _MOST_BYTES:
                raise FormatError(f"{path}: too large for a list of clips")
            rows = file.read(columns=list(columns)).to_pylist()
    except (pa.ArrowException, OSError) as error:
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"{path}: not a readable parquet file ({what}); mend the file") from None
    return [{name: _as_text(value) for name, value in row.items()} for row in rows]


def _as_text(value: object) -> str:
    """A value as a CSV file would say it; a column of numbers with gaps is often stored as floats."""
    if value is None or value != value:  # NaN alone differs from itself
        return ""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()


def _check(path: Path, header: list[str], columns: tuple[str, ...]) -> None:
    missing = [name for name in columns if name not in header]
    if missing or len(set(header)) < len(header):
        raise FormatError(f"{path}: expected the columns {', '.join(columns)}, each once, found {header[:12]}")


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise FormatError(f"{path}: larger than {_MOST_BYTES >> 20} MiB, too large for a list of clips")
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not a readable text file ({type(error).__name__}); replace the file") from None
