"""Tables in the form of papers' tables: params lay them out, figures of evaluate and of the papers fill them.

A column of ours asks one question: one dataset, split table, label space and number of classes; a cell that answers
another one is refused. Printed figures of papers have columns of their own and are not compared with anything.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from pipeline.core.errors import ParamsError
from pipeline.core.params import Params
from pipeline.evaluation import metrics
from pipeline.reporting import published, result_cells
from pipeline.reporting.formatting import percent
from pipeline.reporting.result_cells import Cell, CellRequest, Figure, Measured, Results, Space

Heading = Annotated[list[str], Field(min_length=1, max_length=2)]  # what a group of columns shares comes first
_UNSTATED = "among how many classes the paper does not state"
_GUESSED = (
    "top1",
    "class_mean",
    "mean_of_batches",
    "top1_seen",
    "top1_unseen",
)  # figures of which a guess gives one in so many classes


class OurColumn(Params):
    """A column of our figures: the same figure of each row of evaluate; `splits: null` takes all splits of a row."""

    heading: Heading
    space: Space
    figure: Figure
    splits: list[str] | None = Field(min_length=1)

    def of(self, row: str) -> CellRequest:
        """The column's figure of one row of evaluate."""
        return CellRequest(
            row=row, space=self.space, figure=self.figure, splits=self.splits, oracle=False, inference=None
        )


class PaperColumn(Params):
    """A column of a paper's table, by its names in papers/published.csv, with the figures of one number of candidates.

    Figures whose number of candidates the paper does not state are shown too, and marked.
    """

    heading: Heading
    paper: str
    table: str
    column: str
    candidates: int = Field(ge=2)

    def figure(self, row: str | None) -> published.Figure | None:
        """The printed figure of a row, None if there is none or it has another number of candidates."""
        printed = published.figure(self.paper, self.table, row, self.column)
        return printed if printed and printed.candidates in (self.candidates, None) else None


def _kind(value: Any) -> str:
    return "printed" if isinstance(value, dict) and "paper" in value else "question"


Column = Annotated[Annotated[OurColumn, Tag("question")] | Annotated[PaperColumn, Tag("printed")], Discriminator(_kind)]


class TableLine(Params):
    """One line: rows of evaluate by column, and the row of the printed tables beside them, if any."""

    title: str
    cells: dict[str, str | CellRequest]
    published: str | None


class Table(Params):
    """One table of section `report.tables`."""

    title: str
    note: str
    columns: dict[str, Column] = Field(min_length=1)
    rows: list[TableLine] = Field(min_length=1)


@dataclass(frozen=True)
class ColumnHead:
    """The head of a column, in two levels; `chance` is per cents as text, None for figures without a chance level."""

    group: str  # empty for a column by itself
    name: str
    chance: str | None
    meaning: str  # the question that it answers, or what it quotes


@dataclass(frozen=True)
class ShownCell:
    """A cell: a figure of ours with its row of evaluate, or a printed one."""

    row: str | None
    measured: Measured | None
    printed: published.Figure | None
    marks: str  # letters of footnotes
    bold: bool


@dataclass(frozen=True)
class FilledTable:
    """A table ready to be drawn; an empty cell is None."""

    name: str
    title: str
    note: str
    heads: list[ColumnHead]
    lines: list[tuple[str, list[ShownCell | None]]]
    footnotes: list[tuple[str, str]]  # letter, text
    sources: list[str]  # of what is printed

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The upper level of the headings, each with the number of neighbouring columns that share it."""
        return [(group, len(list(heads))) for group, heads in groupby(self.heads, key=lambda head: head.group)]

    @property
    def any_bold(self) -> bool:
        """Whether any cell is bold, which a note must explain."""
        return any(cell is not None and cell.bold for _, cells in self.lines for cell in cells)


def fill(name: str, table: Table, results: Results) -> FilledTable:
    """Fill a table; `results` holds the rows of each row of evaluate, by its name.

    Raises ParamsError for names in params that do not exist, and DataError for figures that were not measured or that
    answer different questions in one column.
    """
    where = f"report.tables.{name}"
    _check_lines(where, table)
    marks: dict[str, str] = {}
    columns = [_column(f"{where}: column '{key}'", key, table, results, marks) for key in table.columns]
    across = zip(*(cells for _, cells in columns), strict=True)
    papers = dict.fromkeys(column.paper for column in table.columns.values() if isinstance(column, PaperColumn))
    return FilledTable(
        name=name,
        title=table.title,
        note=table.note,
        heads=[head for head, _ in columns],
        lines=[(line.title, list(cells)) for line, cells in zip(table.rows, across, strict=True)],
        footnotes=[(letter, text) for text, letter in marks.items()],
        sources=[published.PAPERS[paper].source for paper in papers],
    )


def _check_lines(where: str, table: Table) -> None:
    """Check that every cell is in a column of ours, and every published row in a table that a column quotes."""
    ours = [key for key, column in table.columns.items() if isinstance(column, OurColumn)]
    quoted = [column for column in table.columns.values() if isinstance(column, PaperColumn)]
    known = dict.fromkeys(row for column in quoted for row in published.rows(column.paper, column.table))
    for line in table.rows:
        if not line.cells and line.published is None:
            raise ParamsError(f"{where}: row '{line.title}' has neither cells nor a published row; leave it out")
        strangers = [key for key in line.cells if key not in ours]
        if strangers:
            raise ParamsError(
                f"{where}: row '{line.title}' has a cell in column '{strangers[0]}'; columns for figures of ours: "
                f"{', '.join(ours) or 'none'}"
            )
        if line.published is not None and not any(column.figure(line.published) for column in quoted):
            raise ParamsError(
                f"{where}: row '{line.title}': no column shows a published row '{line.published}'; the printed tables "
                f"that its columns quote have {', '.join(known) or 'none'}, some among other numbers of candidates"
            )


def _column(
    at: str, key: str, table: Table, results: Results, marks: dict[str, str]
) -> tuple[ColumnHead, list[ShownCell | None]]:
    column = table.columns[key]
    if isinstance(column, PaperColumn):
        return _printed(at, column, table.rows, marks)
    return _ours(at, key, column, table.rows, results, marks)


def _printed(
    at: str, column: PaperColumn, lines: Sequence[TableLine], marks: dict[str, str]
) -> tuple[ColumnHead, list[ShownCell | None]]:
    known = published.columns(column.paper, column.table)
    if column.column not in known:
        remedy = f"its columns: {', '.join(known)}" if known else f"the tables: {', '.join(published.tables())}"
        raise ParamsError(
            f"{at}: paper '{column.paper}', table '{column.table}': no column '{column.column}'; {remedy}"
        )
    cells: list[ShownCell | None] = []
    for line in lines:
        printed = column.figure(line.published)
        remarks = [printed.note] if printed and printed.note else []
        remarks += [_UNSTATED] if printed and printed.candidates is None else []
        cells.append(ShownCell(None, None, printed, _letters(remarks, marks), bold=False) if printed else None)
    meaning = f"Table {column.table} of the paper, {column.column}, among {column.candidates} classes"
    return ColumnHead(*_levels(column.heading), _per_cent(metrics.chance(column.candidates)), meaning), cells


def _ours(
    at: str, key: str, column: OurColumn, lines: Sequence[TableLine], results: Results, marks: dict[str, str]
) -> tuple[ColumnHead, list[ShownCell | None]]:
    cells: list[Cell | None] = []
    for line in lines:
        named = line.cells.get(key)
        usual = column.of(named if isinstance(named, str) else "")
        request = usual if isinstance(named, str) else named
        cells.append(
            result_cells.cell(f"{at}, row '{line.title}'", line.title, request, usual, results) if request else None
        )
    filled = [cell for cell in cells if cell]
    if not filled:
        raise ParamsError(f"{at}: no row has a cell in it; give it one or leave the column out")
    if column.figure not in result_cells.COSTS:
        result_cells.check_same_question(at, filled)
    best = result_cells.best(filled)
    shown = [
        ShownCell(cell.row, cell.measured, None, _letters(cell.remarks, marks), cell is best) if cell else None
        for cell in cells
    ]
    first = filled[0]
    chance = _per_cent(metrics.chance(first.num_classes)) if column.figure in _GUESSED else None
    meaning = result_cells.question(column.of(""), first.num_classes)
    if column.figure not in result_cells.COSTS:
        meaning = f"{first.dataset}, {first.split_table}: {meaning}"
    return ColumnHead(*_levels(column.heading), chance, meaning), shown


def _per_cent(chance: float) -> str:
    return percent(chance) if chance >= 0.01 else f"{100 * chance:.2g}"


def _levels(heading: Sequence[str]) -> tuple[str, str]:
    return (heading[0], heading[1]) if len(heading) > 1 else ("", heading[0])


def _letters(remarks: Sequence[str], marks: dict[str, str]) -> str:
    """The letters of footnotes, one for each text."""
    for text in remarks:
        turns, place = divmod(len(marks), len(string.ascii_lowercase))
        marks.setdefault(text, string.ascii_lowercase[place] * (turns + 1))
    return ", ".join(marks[text] for text in remarks)
