"""Cells of result tables: a figure with its interval from rows of evaluate, and checks of what fits one column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.evaluation import differences, metrics, tables
from pipeline.evaluation.leakage import LEAKS
from pipeline.reporting.formatting import percent

Row = dict[str, Any]  # of reports/evaluate/<row>.json
Results = Mapping[str, Sequence[Row]]  # by name of the row of evaluate
Space = Literal["unseen", "all", "gzsl"]
Figure = Literal[
    "top1",
    "top5",
    "class_mean",
    "mean_of_batches",
    "top1_seen",
    "top1_unseen",
    "harmonic_mean",
    "top1_seen_calibrated",
    "top1_unseen_calibrated",
    "harmonic_mean_calibrated",
    "top1_seen_gated",
    "top1_unseen_gated",
    "harmonic_mean_gated",
    "ausuc",
    "macs",
    "params",
]

_SEEN, _UNSEEN = (f"top-1 of the clips of {side} classes" for side in ("seen", "unseen"))
_HARMONIC = "harmonic mean of the top-1 of seen and of unseen classes"
FIGURES = {
    "top1": "top-1",
    "top5": "top-5",
    "class_mean": "class mean",
    "mean_of_batches": "mean of batches of 64 clips (as public code averages)",
    "top1_seen": _SEEN,
    "top1_unseen": _UNSEEN,
    "harmonic_mean": _HARMONIC,
    **{
        name + way: f"{figure}, {after}"
        for way, after in (
            ("_calibrated", "a number taken from the scores of seen classes"),
            ("_gated", "the side of each clip decided first"),
        )
        for name, figure in (("top1_seen", _SEEN), ("top1_unseen", _UNSEEN), ("harmonic_mean", _HARMONIC))
    },
    "ausuc": "area under the curve of seen and unseen accuracy",
    "macs": "multiply-accumulates of one clip, through the encoder where that is counted, else in the method",
    "params": "parameters that the method trains",
}
COSTS = {"macs": "macs", "params": "num_params"}  # figures that are no answers, with their key in a row
_PREFIXES = ("", "k", "M", "G", "T", "P")  # of thousands
SPACES = {
    "unseen": "unseen classes",
    "all": "classes, seen and unseen",
    "gzsl": "classes, seen and unseen, for test clips of both",
}

_LEAKY = "its setting was chosen by its accuracy on the test clips (an oracle): for comparison with such papers only"
_KEPT = "overlapping classes kept ({}): the weights were taught classes that are tested, so it is no zero-shot figure"
_TRANSDUCTIVE = "transductive: clips of unseen classes, without their labels, took part in training or in scores"


class CellRequest(Params):
    """A cell that shows another figure than its column; the difference is marked.

    `oracle` takes the setting that is best on the test clips. `inference: null` takes the only mode of the row, and
    `splits: null` all its splits.
    """

    row: str
    space: Space
    figure: Figure
    splits: list[str] | None = Field(min_length=1)
    oracle: bool
    inference: str | None


@dataclass(frozen=True)
class Measured:
    """A figure of ours: the mean over splits, after that over the seeds of each; `over` is the kind of interval.

    `ci95_corrected` is the interval over splits that allows for what they share. The value is a share, or a cost, which
    has neither intervals nor splits.
    """

    value: float
    ci95: Sequence[float] | None
    over: tables.Over
    num_splits: int
    num_seeds: int
    ci95_corrected: Sequence[float] | None = None
    is_cost: bool = False

    @property
    def shown(self) -> str:
        """As text: per cents, or for costs a count with an SI prefix.

        >>> Measured(0.5417, None, "cells", 1, 1).shown, Measured(30.83e9, None, "cells", 1, 1, is_cost=True).shown
        ('54.2', '30.8 G')
        """
        return _counted(self.value) if self.is_cost else percent(self.value)


@dataclass(frozen=True)
class Cell:
    """A figure with the question that it answers. Cells with remarks are not compared with others."""

    title: str  # of its line
    row: str
    measured: Measured
    dataset: str
    split_table: str
    num_classes: int
    remarks: list[str]
    figure: Figure
    rows: Sequence[Row]  # that it is the mean of


def cell(at: str, title: str, request: CellRequest, usual: CellRequest, results: Results) -> Cell:
    """The cell of a request; `usual` is the request of its column. Raises DataError where it was not measured."""
    rows = _rows(at, request, results)
    first = rows[0]
    if {request.figure, usual.figure} & set(COSTS):
        if request.figure != usual.figure:
            raise DataError(
                f"{at}: {FIGURES[request.figure]} in a column of {FIGURES[usual.figure]}; give it a column of its own"
            )
        return _cost(title, request, rows)
    remarks = [_LEAKY] * request.oracle + [_TRANSDUCTIVE] * (first["inference"] == "transductive")
    if num_kept := max(row["num_kept_overlap"] for row in rows):
        remarks.append(_KEPT.format(num_kept))
    unknown = "training_clips_unknown"
    remarks += [LEAKS[unknown]] * any(unknown in row["leaks"] for row in rows)
    if (request.space, request.figure, request.splits) != (usual.space, usual.figure, usual.splits):
        remarks.append(f"another question than its column's: {question(request, first['num_classes'])}")
    measured = _measured(request.figure, rows)
    return _cell(title, request, measured, rows, remarks)


def _counted(count: float) -> str:
    """Three digits and an SI prefix, the next one where they would round to 1000."""
    thousands = 0
    while float(f"{count:.3g}") >= 1000 and thousands < len(_PREFIXES) - 1:
        count, thousands = count / 1000, thousands + 1
    return f"{count:.3g} {_PREFIXES[thousands]}".rstrip()


def _cost(title: str, request: CellRequest, rows: Sequence[Row]) -> Cell:
    """The cost of a clip, the same for all classes and selections."""
    measured = Measured(rows[0][COSTS[request.figure]], None, "cells", 1, 1, is_cost=True)
    return _cell(title, request, measured, rows, [])


def _cell(title: str, request: CellRequest, measured: Measured, rows: Sequence[Row], remarks: list[str]) -> Cell:
    first = rows[0]
    answer_to = (first["dataset"], first["split_table"], first["num_classes"])
    return Cell(title, request.row, measured, *answer_to, remarks, request.figure, rows)


def question(request: CellRequest, num_classes: int) -> str:
    """The question in words."""
    if request.figure in COSTS:
        return FIGURES[request.figure]
    text = f"{FIGURES[request.figure]} among {num_classes} {SPACES[request.space]}"
    return text + (f", of {', '.join(request.splits)}" if request.splits else "")


def check_same_question(at: str, cells: Sequence[Cell]) -> None:
    """Refuse a column whose cells have different clips or numbers of classes."""
    first = cells[0]
    for other in cells[1:]:
        questions = [
            f"'{cell.title}' is of {cell.dataset}, {cell.split_table}, {cell.num_classes} classes "
            f"(chance {percent(metrics.chance(cell.num_classes))} %)"
            for cell in (first, other)
        ]
        if questions[0].partition("is of")[2] != questions[1].partition("is of")[2]:
            raise DataError(
                f"{at} mixes questions: {', '.join(questions)}; give them columns of their own in params.yaml"
            )


def best(cells: Sequence[Cell]) -> Cell | None:
    """The cell that is certainly ahead of all others; None without others or with intervals of different kinds.

    Over splits it must be ahead of each by a paired difference that is not noise. Over cells its interval must lie
    above those of all others; an interval without width does not count. Over the seeds of a single split no cell is
    ahead, since such intervals do not cover other clips.
    """
    comparable = [cell for cell in cells if not cell.remarks]
    over = {_drawn_over(cell) for cell in comparable}
    if len(comparable) < 2 or len(over) > 1 or over == {"seeds"}:
        return None
    highest = max(comparable, key=lambda cell: cell.measured.value)
    return highest if all(_is_ahead(highest, cell) for cell in comparable if cell is not highest) else None


def _drawn_over(cell: Cell) -> tables.Over:
    """What the interval is over, or would be if the figure were neither 0 nor 1."""
    if cell.measured.num_splits > 1:
        return "splits"
    return "seeds" if cell.measured.num_seeds > 1 else "cells"


def _is_ahead(cell: Cell, other: Cell) -> bool:
    if _drawn_over(cell) == "splits":
        difference = differences.paired(cell.rows, other.rows, cell.figure)
        return difference is not None and difference.mean > 0 and difference.is_noise is False
    own_span, other_span = _span(cell), _span(other)
    return own_span is not None and other_span is not None and other_span[1] < own_span[0]


def _span(cell: Cell) -> Sequence[float] | None:
    """The interval of a cell, None where it has no width."""
    span = cell.measured.ci95
    return span if span and span[0] < span[1] else None


def _rows(at: str, request: CellRequest, results: Results) -> list[Row]:
    """The rows (splits x seeds) that a cell averages."""
    if request.row not in results:
        raise DataError(
            f"{at}: no reports/evaluate/{request.row}.json; name a row of evaluate and run `dvc repro evaluate`"
        )
    wanted = {"label_space": request.space, "inference": request.inference}
    wanted = {key: value for key, value in wanted.items() if value is not None}
    rows = [row for row in results[request.row] if all(row[key] == value for key, value in wanted.items())]
    rows = [row for row in rows if (row["selection"] == "oracle") == request.oracle]
    rows = [row for row in rows if request.splits is None or row["split"] in request.splits]
    if not rows or (request.splits and {row["split"] for row in rows} != set(request.splits)):
        criteria = [f"{key} {value}" for key, value in wanted.items()] + ["the oracle's selection"] * request.oracle
        criteria += [f"splits {', '.join(request.splits)}"] if request.splits else []
        raise DataError(f"{at}: '{request.row}' was not evaluated for {', '.join(criteria)}; mend params.yaml")
    for key, remedy in (
        ("inference", "name one in the cell"),
        ("num_classes", "name splits that have the same number"),
    ):
        values = sorted({row[key] for row in rows})
        if len(values) > 1 and request.figure not in COSTS:
            raise DataError(f"{at}: '{request.row}' has {key} {' and '.join(map(str, values))}; {remedy}")
    key = COSTS.get(request.figure, request.figure)
    if key not in rows[0]:
        raise DataError(
            f"{at}: '{request.row}' has no {request.figure} for label space {request.space}; mend params.yaml"
        )
    if rows[0][key] is None:
        raise DataError(
            f"{at}: {FIGURES[request.figure]} among {rows[0]['num_classes']} classes cannot be wrong; "
            "name another figure"
        )
    return rows


def _measured(figure: str, rows: Sequence[Row]) -> Measured:
    mean = tables.mean(rows, figure)
    return Measured(mean.value, mean.ci95, mean.over, mean.num_splits, mean.num_seeds, mean.ci95_corrected)
