"""Senses by methods: one table of all methods of a question, a column for each modality."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pipeline.reporting.views import Line, Panel, told

# What may tell two lines of one method and modality apart, in the order in which it is named.
_DETAILS = ("encoder", "variant", "embeddings", "inference", "refit", "selection", "source", "num_kept_overlap")


@dataclass(frozen=True)
class MatrixRow:
    """A method with its line of each modality, None where it was not measured."""

    method: str
    detail: str  # what distinguishes it from other rows of the method
    lines: list[Line | None]


@dataclass(frozen=True)
class Matrix:
    """The lines of a panel, but for settings chosen on the test clips."""

    panel: Panel
    modalities: list[str]
    rows: list[MatrixRow]

    def is_best(self, line: Line) -> bool:
        """Whether no plain zero-shot line of its modality, on the most splits of any there, has more right."""
        rivals = [other for other in self.panel.honest if _modality(other) == _modality(line)]
        most = max((other.num_splits for other in rivals), default=0)
        rivals = [other for other in rivals if other.num_splits == most]
        return line in rivals and len(rivals) > 1 and line.value == max(other.value for other in rivals)


def matrices(panels: Sequence[Panel]) -> list[Matrix]:
    """One for each question over unseen classes that several modalities answered; else that of the first question."""
    made = [_matrix(panel) for panel in panels if panel.space == "unseen"]
    made = [matrix for matrix in made if matrix.rows]
    return [matrix for matrix in made if len(matrix.modalities) > 1] or made[:1]


def _matrix(panel: Panel) -> Matrix:
    lines = [line for line in panel.lines if not line.leaky]
    modalities = sorted({_modality(line) for line in lines}, key=lambda name: (name.count("+"), name))
    by_method = sorted(lines, key=lambda line: line.method)
    rows = [
        row for _, of_method in groupby(by_method, key=lambda line: line.method) for row in _rows(of_method, modalities)
    ]
    return Matrix(panel, modalities, rows)


def _rows(of_method: Iterator[Line], modalities: Sequence[str]) -> Iterator[MatrixRow]:
    """The rows of a method: several only where a modality has several lines of it."""
    lines = list(of_method)
    groups = [[line for line in lines if _modality(line) == modality] for modality in modalities]
    telling = [key for key in _DETAILS if any(len({line.rows[0][key] for line in group}) > 1 for group in groups)]
    details: dict[str, list[Line]] = {}
    for line in lines:
        details.setdefault(told(line.rows[0], telling), []).append(line)
    for detail, alike in details.items():
        if len({_modality(line) for line in alike}) == len(alike):
            yield _row(detail, alike, modalities)
        else:  # rows of evaluate that differ in nothing that they tell
            yield from (_row(line.result, [line], modalities) for line in alike)


def _row(detail: str, lines: Sequence[Line], modalities: Sequence[str]) -> MatrixRow:
    of_modality = {_modality(line): line for line in lines}
    return MatrixRow(lines[0].method, detail, [of_modality.get(modality) for modality in modalities])


def _modality(line: Line) -> str:
    modality: str = line.rows[0]["modality"]
    return modality
