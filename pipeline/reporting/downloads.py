"""Tables of a page as files to keep: CSV and JSON in full precision, LaTeX in per cents. They lie inside the page.

A link holds its file as a `data:` address, so that a page stays whole without a network and without its neighbours.
"""

import base64
import csv
import io
import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pipeline.reporting.formatting import number, percent
from pipeline.reporting.result_tables import FilledTable, ShownCell
from pipeline.reporting.views import QUESTION, Panel

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "\u00a0": "~",
    "\n": " ",
    "\r": " ",
}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")  # in a file's name
PANEL_HEADER = (
    *QUESTION,
    *("row", "method", "detail", "leaks", "num_splits", "num_seeds", "chance", "top1", "low", "high"),
    *("low_corrected", "high_corrected", "interval_over"),
)
PANEL_SHARES = ("chance", "top1", "low", "high", "low_corrected", "high_corrected")


@dataclass(frozen=True)
class Download:
    """One file: its name, what a link calls it, and its address."""

    file: str
    label: str
    href: str
    text: str


def links(
    header: Sequence[str], rows: Iterable[Sequence[object]], name: str, shares: Collection[str] = ()
) -> list[Download]:
    """A table as LaTeX, CSV and JSON; `name` is the files' stem.

    Cells are text, numbers or None. `shares` are the columns of fractions, which LaTeX prints as per cents. Raises
    ValueError where two columns have one name, which JSON could not hold, and where a row has another length.
    """
    body = [list(row) for row in rows]
    if len(set(header)) < len(header) or any(len(row) != len(header) for row in body):
        raise ValueError(f"{name}: a table has a name for each column, and a cell in each row; found {list(header)}")
    stem = _UNSAFE.sub("-", name)
    texts = {
        "LaTeX": ("tex", "application/x-tex", latex(header, body, shares)),
        "CSV": ("csv", "text/csv", _csv(header, body)),
        "JSON": ("json", "application/json", _json(header, body)),
    }
    return [
        Download(f"{stem}.{ending}", label, _address(media, text), text)
        for label, (ending, media, text) in texts.items()
    ]


def of_panel(panel: Panel) -> list[Download]:
    """The lines of a panel as downloads, fractions with their intervals."""
    name = "-".join([panel.dataset, panel.split_table, panel.space, str(panel.num_classes)])
    return links(PANEL_HEADER, panel_rows(panel), name, PANEL_SHARES)


def of_table(table: FilledTable) -> list[Download]:
    """A result table as downloads: ours as fractions with their interval, a paper's figures as printed."""
    header, shares, columns = ["row"], list[str](), []
    for place, head in enumerate(table.heads):
        name = ": ".join(part for part in (head.group, head.name) if part)
        header += [name, f"{name} (low)", f"{name} (high)"]
        column = [cells[place] for _, cells in table.lines]
        if not any(cell and cell.measured and cell.measured.is_cost for cell in column):
            shares += header[-3:]
        columns.append([_figures(cell) for cell in column])
    titles = [title for title, _ in table.lines]
    rows = [[title, *sum(cells, ())] for title, *cells in zip(titles, *columns, strict=True)]
    return links(header, rows, f"table-{table.name}", shares)


def _figures(cell: ShownCell | None) -> tuple[object, ...]:
    """Value, low and high of a cell."""
    if cell is None:
        return None, None, None
    if cell.measured is None:
        return (cell.printed.value if cell.printed else None), None, None
    return cell.measured.value, *(cell.measured.ci95 or (None, None))


def panel_rows(panel: Panel) -> list[list[object]]:
    """The lines of a panel under PANEL_HEADER."""
    return [
        [
            *(*panel.question, line.result, line.method, line.detail, " ".join(line.leaks), line.num_splits),
            *(len({row["seed"] for row in line.rows}), panel.chance, line.value),
            *(*(line.ci95 or (None, None)), *(line.ci95_corrected or (None, None)), line.over),
        ]
        for line in panel.lines
    ]


def latex(header: Sequence[str], rows: Sequence[Sequence[object]], shares: Collection[str] = ()) -> str:
    """A tabular in the style of booktabs; numbers to the right.

    >>> print(latex(["method", "top1"], [["r_1", 0.5417]], ["top1"]))
    % \\usepackage{booktabs}; shares in per cent
    \\begin{tabular}{lr}
    \\toprule
    method & top1 \\\\
    \\midrule
    r\\_1 & 54.2 \\\\
    \\bottomrule
    \\end{tabular}
    <BLANKLINE>
    """
    is_number = [any(isinstance(row[place], int | float) for row in rows) for place in range(len(header))]
    lines = [[escaped(name) for name in header]]
    lines += [[_cell(value, name in shares) for name, value in zip(header, row, strict=True)] for row in rows]
    head, *body = (" & ".join(line) + r" \\" for line in lines)
    columns = "".join("r" if numeric else "l" for numeric in is_number)
    return "\n".join(
        [
            "% \\usepackage{booktabs}" + ("; shares in per cent" if shares else ""),
            rf"\begin{{tabular}}{{{columns}}}",
            *(r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", ""),
        ]
    )


def escaped(text: str) -> str:
    """Text that LaTeX prints as it stands.

    >>> escaped("50 % of {a_b}")
    '50 \\\\% of \\\\{a\\\\_b\\\\}'
    """
    return "".join(_LATEX.get(character, character) for character in text)


def _cell(value: object, is_share: bool) -> str:
    if is_share and isinstance(value, float):
        return percent(value)
    return escaped(number(value))


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *rows])
    return text.getvalue()


def _json(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [dict(zip(header, row, strict=True)) for row in rows]
    return json.dumps(lines, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _address(media: str, text: str) -> str:
    return f"data:{media};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"
