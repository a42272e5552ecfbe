"""table: a table of params.yaml, filled from reports/evaluate, as text, Markdown or CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core import params
from pipeline.core.errors import ParamsError
from pipeline.reporting import evidence, result_tables
from pipeline.reporting.formatting import plain_span
from pipeline.reporting.result_tables import FilledTable, ShownCell
from pipeline.steps.report import Report

if TYPE_CHECKING:
    from rich.table import Table as RichTable

LEGEND = (
    "per cents (95 % interval) splits x seeds; an interval is over splits, after ';' knowing what the splits share, "
    "over the seeds of a single split, or over the cells of subject and class of a single seed"
)
BOLD = (
    "*: ahead of all other cells of the column, marked ones aside: by paired differences over splits, or by an "
    "interval over cells above all others"
)
_CSV = (
    *("table", "row", "group", "column", "source", "value", "low", "high", "low_corrected", "high_corrected"),
    *("interval_over", "num_splits", "num_seeds", "chance", "question", "evaluate_row", "marks", "printed_row"),
    *("dataset", "modality", "candidates", "protocol", "printed_gain"),
)


def listed() -> Iterator[str]:
    """Name and title of every table of params.yaml."""
    tables = _asked().tables
    width = max(map(len, tables), default=0)
    yield from (f"{name:{width}}  {table.title}" for name, table in tables.items())


def filled(name: str, evaluate: Path) -> FilledTable:
    """A table with the figures below `evaluate`; raises ParamsError for a name that is no table's."""
    tables = _asked().tables
    if name not in tables:
        raise ParamsError(f"params.yaml: no table '{name}' under report.tables; found {', '.join(tables) or 'none'}")
    results = {file.stem: evidence.figures(file)["rows"] for file in sorted(evaluate.glob("*.json"))}
    return result_tables.fill(name, tables[name], results)


def plain(table: FilledTable) -> Iterator[str]:
    """The lines of the table as aligned text, with its notes."""
    body = [["", *(head.name for head in table.heads)], *_body(table)]
    groups = ["", *(head.group for head in table.heads)]
    if any(groups):
        body.insert(0, groups)
    widths = [max(len(line[place]) for line in body) for place in range(len(groups))]
    yield table.title
    for line in body:
        yield "  ".join(f"{text:{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
    yield from notes(table)


def rich(table: FilledTable) -> "RichTable":
    """The table as a terminal shows it."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=Text(table.title), title_justify="left")
    drawn.add_column("")
    for head in table.heads:
        drawn.add_column(Text(f"{head.group}\n{head.name}".strip()))
    for line in _body(table):
        drawn.add_row(*map(Text, line))  # no markup: the brackets of marks are meant
    return drawn


def markdown(table: FilledTable) -> Iterator[str]:
    """The table for a README."""
    heads = [", ".join(part for part in (head.group, head.name) if part) for head in table.heads]
    lines = [["", *heads], ["---"] * (1 + len(heads)), *_body(table)]
    yield from ("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines)
    yield ""
    yield from (f"{note}  " for note in notes(table))


def as_csv(table: FilledTable) -> str:
    """One line for each cell: ours with interval and row of evaluate, a paper's as printed."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV, restval="", lineterminator="\n")
    writer.writeheader()
    for title, cells in table.lines:
        for head, cell in zip(table.heads, cells, strict=True):
            if cell is not None:
                place = {"table": table.name, "row": title, "group": head.group, "column": head.name}
                question = {"chance": head.chance or "", "question": head.meaning, "marks": cell.marks}
                writer.writerow(place | question | _fields(cell))
    return text.getvalue()


def notes(table: FilledTable) -> Iterator[str]:
    """The notes below the table."""
    yield LEGEND
    if table.any_bold:
        yield BOLD
    if table.note:
        yield table.note
    yield from (f"{letter}: {text}" for letter, text in table.footnotes)
    yield from (
        f"{', '.join(part for part in (head.group, head.name) if part)}: {head.meaning}" for head in table.heads
    )
    yield from table.sources


def _asked() -> Report:
    return params.load(Report, "report")


def _body(table: FilledTable) -> list[list[str]]:
    guesses = ["Guessing", *(head.chance or "-" for head in table.heads)]
    return [guesses, *([title, *map(_text, cells)] for title, cells in table.lines)]


def _text(cell: ShownCell | None) -> str:
    if cell is None:
        return "-"
    marks = f" [{cell.marks}]" if cell.marks else ""
    if cell.measured is None:
        return f"{cell.printed.value if cell.printed else ''} (paper){marks}"
    measured = cell.measured
    if measured.is_cost:
        return measured.shown + marks
    spans = [plain_span(ci95) for ci95 in (measured.ci95, measured.ci95_corrected) if ci95]
    interval = f" ({'; '.join(spans)})" if spans else ""
    return f"{measured.shown}{'*' * cell.bold}{interval} {measured.num_splits}x{measured.num_seeds}{marks}"


def _fields(cell: ShownCell) -> dict[str, object]:
    """Per cents in full precision, counts, or as printed."""
    if cell.measured is not None:
        measured = cell.measured
        low, high = _per_cents(measured.ci95) if measured.ci95 else ("", "")
        low_corrected, high_corrected = _per_cents(measured.ci95_corrected) if measured.ci95_corrected else ("", "")
        return {
            "source": "ours",
            "value": measured.value if measured.is_cost else _per_cents([measured.value])[0],
            "low": low,
            "high": high,
            "low_corrected": low_corrected,
            "high_corrected": high_corrected,
            "interval_over": measured.over if measured.ci95 else "",
            "num_splits": "" if measured.is_cost else measured.num_splits,
            "num_seeds": "" if measured.is_cost else measured.num_seeds,
            "evaluate_row": cell.row,
        }
    one_printed = cell.printed
    assert one_printed is not None
    return {
        "source": f"paper {one_printed.paper}, table {one_printed.table}",
        "value": one_printed.value,
        "printed_row": one_printed.row,
        "dataset": one_printed.dataset,
        "modality": one_printed.modality,
        "candidates": one_printed.candidates or "",
        "protocol": one_printed.protocol,
        "printed_gain": one_printed.gain or "",
    }


def _per_cents(fractions: Sequence[float]) -> list[str]:
    return [f"{100 * fraction:.6g}" for fraction in fractions]
