"""Labels as a user gives them: `drink water,wave hand`, or a file with one label a line and perhaps its prompts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.core import outside
from pipeline.core.errors import DataError, FormatError
from pipeline.datasets.shared import normalised
from pipeline.recognition import files

_MAX_BYTES = 1 << 20
_WHAT = "a list of labels: a line each, such as `drink water` or `drink water: a person drinks | someone drinks water`"

Labels = Sequence[str] | Mapping[str, Sequence[str]]  # a label is its own prompt unless others are given


def read(text: str) -> dict[str, list[str]]:
    """The prompts of every label, from labels between commas or from the path of a file.

    A text is a path if it ends in `.txt` or names a file. FormatError for a file that cannot be read, DataError for
    labels that `checked` refuses and for a label whose prompts are missing.
    """
    file, existing = Path(text), files.existing(text)
    if file.suffix != ".txt" and not (existing and existing.is_file()):
        return checked([label.strip() for label in text.split(",")], "--labels")
    if existing is None:
        raise FormatError(f"{text}: no such file; expected {_WHAT}")
    return _lines(outside.text(file, _MAX_BYTES, _WHAT), str(file))


def typed(text: str) -> dict[str, list[str]]:
    """The prompts of every label, from labels between commas or, where there are several lines, a line each.

    No file is opened, whatever the text says. Raises as `read` does.
    """
    if "\n" in text.strip():
        return _lines(text, "labels")
    return checked([label.strip() for label in text.split(",")])


def checked(labels: Labels, where: str = "labels") -> dict[str, list[str]]:
    """The prompts of every label. DataError for no label, an empty one, or one that is given twice."""
    if isinstance(labels, str):
        raise DataError(f"{where}: one text, expected a list of labels; put it in brackets")
    prompts_of = labels if isinstance(labels, Mapping) else {label: [label] for label in labels}
    _check(list(labels), where)
    for label, prompts in prompts_of.items():
        if isinstance(prompts, str) or not prompts or not all(prompt.strip() for prompt in prompts):
            raise DataError(f"{where}: label '{label}': expected a list of prompts, none of them empty")
    return {label: list(prompts) for label, prompts in prompts_of.items()}


def _lines(text: str, where: str) -> dict[str, list[str]]:
    lines = enumerate(text.splitlines(), 1)
    labels = [_line(line, f"{where}, line {number}") for number, line in lines if line.strip()]
    _check([label for label, _ in labels], where)
    return checked(dict(labels), where)


def _line(line: str, where: str) -> tuple[str, list[str]]:
    label, colon, rest = line.partition(":")
    if colon and not rest.strip():
        raise DataError(f"{where}: no prompts behind the colon; write `label: prompt | prompt`, or the label alone")
    prompts = [prompt.strip() for prompt in rest.split("|")] if colon else [label.strip()]
    return label.strip(), prompts


def _check(labels: Sequence[str], where: str) -> None:
    if not any(label.strip() for label in labels):
        raise DataError(f"{where}: no labels; give at least one, such as 'drink water'")
    seen: set[str] = set()
    for label in labels:
        if not label.strip():
            raise DataError(f"{where}: an empty label among {len(labels)}; take it out")
        if normalised(label) in seen:
            raise DataError(f"{where}: the label '{label}' is given twice; give each once, with all of its prompts")
        seen.add(normalised(label))
