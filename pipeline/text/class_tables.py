"""CSV files about classes: one or more rows a class, which is named by the column `name`, `class_id` or both."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core import outside
from pipeline.core.errors import DataError, FormatError
from pipeline.datasets.shared import normalised
from pipeline.formats.rows import parsed_csv

LABEL = "label"  # the prompt type that is made from the templates

_MAX_BYTES = 16 << 20
_KEYS = ("class_id", "name")


@dataclass(frozen=True)
class ClassRow:
    """One row: the line it ends in, its class, and its other columns."""

    line: int
    class_id: int
    cells: dict[str, str]


def read(file: Path, names: Sequence[str]) -> list[ClassRow]:
    """The rows of a file, in its order.

    Raises FormatError for a file that is no such table, DataError for classes missing or unknown.
    """
    text = outside.text(file, _MAX_BYTES, "a CSV file of descriptions", "utf-8-sig")
    rows = list(parsed_csv(text, file, lambda header: _check_header(file, header)))
    number = {normalised(name): class_id for class_id, name in enumerate(names)}
    class_rows = [
        ClassRow(
            line,
            _class_id(row, names, number, f"{file}: line {line}"),
            {name: cell for name, cell in row.items() if name not in _KEYS},
        )
        for line, row in rows
    ]
    known = {row.class_id for row in class_rows}
    missing = [name for class_id, name in enumerate(names) if class_id not in known]
    if missing:
        raise DataError(f"{file}: no row for {len(missing)} of {len(names)} classes, first '{missing[0]}'")
    return class_rows


def _class_id(row: dict[str, str], names: Sequence[str], number: dict[str, int], where: str) -> int:
    """The class of a row, by its name, its number, or both if they agree."""
    class_ids = set()
    if "name" in row:
        if normalised(row["name"]) not in number:
            raise DataError(f"{where}: no class is named '{row['name']}'")
        class_ids.add(number[normalised(row["name"])])
    if "class_id" in row:
        text = row["class_id"].strip()
        if not (text.isdecimal() and text.isascii() and len(text) < 10 and int(text) < len(names)):
            raise DataError(f"{where}: class_id should be a number from 0 to {len(names) - 1}, found '{text}'")
        class_ids.add(int(text))
    if len(class_ids) > 1:
        raise DataError(f"{where}: class {row['class_id']} is '{names[int(row['class_id'])]}', not '{row['name']}'")
    return class_ids.pop()


def _check_header(file: Path, header: list[str]) -> None:
    if not set(header) & set(_KEYS):
        raise FormatError(f"{file}: the first line should name a column 'name' or 'class_id', found {header[:8]}")
    if len(set(header)) < len(header) or "" in header:
        raise FormatError(f"{file}: the columns should have different names, found {header[:20]}")
    if LABEL in header:
        raise FormatError(f"{file}: column '{LABEL}' is made from the templates; rename it")
