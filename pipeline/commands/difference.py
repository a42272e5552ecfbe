"""difference: two rows of evaluate, split by split: how far one is ahead of the other, and whether that is noise."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.errors import DataError
from pipeline.evaluation.intervals import Interval
from pipeline.evaluation.leakage import FLAGS
from pipeline.reporting import evidence, leads, views
from pipeline.reporting.formatting import percent, points
from pipeline.reporting.leads import Lead, PanelLeads
from pipeline.reporting.views import Line

LEGEND = (
    "percentage points, 95 %; over splits: Student's t, taking them for independent; corrected: knowing that they "
    "share classes and clips (Nadeau and Bengio, 2003), which decides; over cells: of subject and class of one split"
)


def difference(one: str, other: str, evaluate: Path) -> list[PanelLeads]:
    """The questions that both rows answer, from their figures in `evaluate`, without settings chosen on test clips.

    Raises DataError for a row that was not evaluated, for a row with itself, and where they share no split.
    """
    if one == other:
        raise DataError(f"'{one}' less itself is nothing; name two rows of evaluate")
    files = {name: evaluate / f"{name}.json" for name in (one, other)}
    for name, file in files.items():
        if not file.is_file():
            raise DataError(f"no {file}: '{name}' was not evaluated; {_remedy(name, evaluate)}")
    results = [evidence.result(file) for file in files.values()]
    compared = leads.between(views.panels(results), results, one, other)
    if not compared:
        raise DataError(
            f"'{one}' and '{other}' answer no question in common: dataset, split table, label space, number of classes "
            "and a split must be the same"
        )
    return compared


def _remedy(name: str, evaluate: Path) -> str:
    """Rows with similar names where there are some: a profile has more rows than fit in a line."""
    known = sorted(file.stem for file in evaluate.glob("*.json"))
    near = difflib.get_close_matches(name, known, n=5)
    if near:
        return f"did you mean {' or '.join(near)}? Else run `dvc repro evaluate`"
    return f"run `dvc repro evaluate`; found {', '.join(known) or 'none'}"


def lines(compared: Sequence[PanelLeads]) -> Iterator[str]:
    """The lines to print: for each question the rows, the mean difference with its intervals, and every split."""
    for panel_leads in compared:
        panel = panel_leads.panel
        chance = f" (chance {percent(panel.chance)})" if panel_leads.by == "top1" else ""
        yield (
            f"{panel.dataset}, {panel.split_table}: {panel_leads.figure}, {panel.num_classes} candidates, "
            f"{panel.candidates}{chance}"
        )
        for lead in panel_leads.leads:
            yield from _lead(lead)
    yield LEGEND


def _lead(lead: Lead) -> Iterator[str]:
    difference = lead.difference
    yield f"  {_named(lead.one)} less {_named(lead.other)}: {points(difference.mean)}, {lead.verdict}"
    over = "splits" if difference.num_splits > 1 else "cells"
    yield f"  over {over}: {_span(difference.ci95)}; corrected: {_span(difference.ci95_corrected)}"
    yield f"  ahead on {difference.num_ahead} of {difference.num_splits}: " + ", ".join(
        f"{split} {points(value)}" for split, value in difference.by_split.items()
    )


def _named(line: Line) -> str:
    """The row with how its setting was chosen, and what keeps it from being plain zero-shot."""
    return f"{line.result} ({', '.join([line.rows[0]['selection'], *(FLAGS[word] for word in line.leaks)])})"


def _span(interval: Interval | None) -> str:
    return f"{points(interval[0])} to {points(interval[1])}" if interval else "unknown"
