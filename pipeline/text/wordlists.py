"""The word lists below words/, which ship with the project: CSV files with a header line."""

import csv
from pathlib import Path

_FOLDER = Path(__file__).parent / "words"


def rows(name: str) -> list[dict[str, str]]:
    """The rows of words/<name>.csv under their column names."""
    with (_FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def groups(name: str, column: str, *, by: str) -> dict[str, frozenset[str]]:
    """The words of one column, grouped by the value of another.

    >>> "sky" in groups("forms", "word", by="form")["unique"]
    True
    """
    words_by: dict[str, set[str]] = {}
    for row in rows(name):
        words_by.setdefault(row[by], set()).add(row[column])
    return {value: frozenset(words) for value, words in words_by.items()}
