"""Class texts: a sentence from each class name, and the descriptions of a CSV file."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core import outside
from pipeline.core.errors import DataError, FormatError
from pipeline.datasets.shared import normalised

LABEL = "label"  # the prompt type that is made from the template

_MAX_BYTES = 16 << 20
_KEYS = ("class_id", "name")


@dataclass(frozen=True)
class Text:
    """One text of a class; `index` counts the texts of one type and class from 0."""

    class_id: int
    type: str
    index: int
    text: str


def from_template(template: str, names: Sequence[str]) -> list[Text]:
    """A `label` text for each class name, put where the template says {name}.

    >>> from_template("a person does: {name}", ["wave"])[0].text
    'a person does: wave'
    """
    return [Text(class_id, LABEL, 0, template.replace("{name}", name)) for class_id, name in enumerate(names)]


def from_csv(file: Path, names: Sequence[str]) -> list[Text]:
    """The texts of a CSV file: a row a class (or several: several texts), a column a prompt type.

    The columns `name` or `class_id`, or both, tell the class; a column without any text is left out. Raises
    FormatError for a file that is no such table, DataError for classes missing or unknown and for single empty texts.
    """
    header, rows = _table(file)
    number = {normalised(name): class_id for class_id, name in enumerate(names)}
    types = [name for name in header if name not in _KEYS and any(row[name].strip() for _, row in rows)]
    texts: list[Text] = []
    count = dict.fromkeys(range(len(names)), 0)
    for line, row in rows:
        class_id = _class_id(row, names, number, f"{file}: line {line}")
        for name in types:
            if not row[name].strip():
                raise DataError(f"{file}: line {line}: no text under '{name}' for class '{names[class_id]}'")
            texts.append(Text(class_id, name, count[class_id], " ".join(row[name].split())))
        count[class_id] += 1
    missing = [names[class_id] for class_id, found in count.items() if not found]
    if missing:
        raise DataError(f"{file}: no row for {len(missing)} of {len(names)} classes, first '{missing[0]}'")
    return texts


def _class_id(row: dict[str, str], names: Sequence[str], number: dict[str, int], where: str) -> int:
    """The class of a row, by its name, its number, or both if they agree."""
    found = set()
    if "name" in row:
        if normalised(row["name"]) not in number:
            raise DataError(f"{where}: no class is named '{row['name']}'")
        found.add(number[normalised(row["name"])])
    if "class_id" in row:
        text = row["class_id"].strip()
        if not (text.isdecimal() and text.isascii() and len(text) < 10 and int(text) < len(names)):
            raise DataError(f"{where}: class_id should be a number from 0 to {len(names) - 1}, found '{text}'")
        found.add(int(text))
    if len(found) > 1:
        raise DataError(f"{where}: class {row['class_id']} is '{names[int(row['class_id'])]}', not '{row['name']}'")
    return found.pop()


def _table(file: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Column names, and each row with its line number."""
    reader = csv.reader(io.StringIO(_content(file), newline=""), strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(file, header)
        for cells in reader:
            if cells and len(cells) != len(header):
                raise FormatError(
                    f"{file}: line {reader.line_num}: {len(cells)} columns, the first line names {len(header)}"
                )
            if cells:
                rows.append((reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise FormatError(f"{file}: line {reader.line_num}: not CSV ({error})") from None
    return header, rows


def _check_header(file: Path, header: list[str]) -> None:
    if not set(header) & set(_KEYS):
        raise FormatError(f"{file}: the first line should name a column 'name' or 'class_id', found {header[:8]}")
    if len(set(header)) < len(header) or "" in header:
        raise FormatError(f"{file}: the columns should have different names, found {header[:20]}")
    if LABEL in header:
        raise FormatError(f"{file}: column '{LABEL}' is made from the template; rename it")


def _content(file: Path) -> str:
    return outside.text(file, _MAX_BYTES, "a CSV file of descriptions", "utf-8-sig")
