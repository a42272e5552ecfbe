"""difference: two rows of evaluate, split by split: how far one is ahead of the other, and whether that is noise."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.errors import DataError
from pipeline.evaluation.leakage import FLAGS
from pipeline.evaluation.metrics import Interval
from pipeline.reporting import evidence, leads, views
from pipeline.reporting.formatting import percent, points
from pipeline.reporting.leads import Lead, PanelLeads
from pipeline.reporting.views import Line

LEGEND = (
    "percentage points, 95 %; over splits: Student's t, taking them for independent; corrected: knowing that they "
    "share classes and clips (Nadeau and Bengio, 2003), which decides; over cells: of subject and class of one split"
)


def difference(one: str, other: str, evaluate: Path) -> list[PanelLeads]:
    """The questions that both answered, by their figures below `evaluate`, without settings chosen on test clips.

    Raises DataError for a row that was not evaluated, for one and the same row, and where they share no split.
    """
    if one == other:
        raise DataError(f"'{one}' less itself is nothing; name two rows of evaluate")
    files = {name: evaluate / f"{name}.json" for name in (one, other)}
    for name, file in files.items():
        if not file.is_file():
            raise DataError(f"no {file}: '{name}' was not evaluated; {_remedy(name, evaluate)}")
    results = [evidence.result(file) for file in files.values()]
    found = leads.between(views.panels(results), results, one, other)
    if not found:
        raise DataError(
            f"'{one}' and '{other}' answer no question in common: dataset, split table, label space, number of classes "
            "and a split must be the same"
        )
    return found


def _remedy(name: str, evaluate: Path) -> str:
    """Rows named alike where there are some, for profiles have more rows than a line holds."""
    there = sorted(found.stem for found in evaluate.glob("*.json"))
    near = difflib.get_close_matches(name, there, n=5)
    if near:
        return f"did you mean {' or '.join(near)}? Else run `dvc repro evaluate`"
    return f"run `dvc repro evaluate`; found {', '.join(there) or 'none'}"


def lines(found: Sequence[PanelLeads]) -> Iterator[str]:
    """What a person reads: a question, the mean of each and of the differences, and every split."""
    for compared in found:
        panel = compared.panel
        chance = f" (chance {percent(panel.chance)})" if compared.by == "top1" else ""
        yield (
            f"{panel.dataset}, {panel.split_table}: {compared.figure}, {panel.num_classes} candidates, "
            f"{panel.candidates}{chance}"
        )
        for lead in compared.leads:
            yield from _lead(lead)
    yield LEGEND


def _lead(lead: Lead) -> Iterator[str]:
    found = lead.difference
    yield f"  {_named(lead.one)} less {_named(lead.other)}: {points(found.mean)}, {lead.verdict}"
    over = "splits" if found.num_splits > 1 else "cells"
    yield f"  over {over}: {_span(found.ci95)}; corrected: {_span(found.ci95_corrected)}"
    yield f"  ahead on {found.num_ahead} of {found.num_splits}: " + ", ".join(
        f"{split} {points(value)}" for split, value in found.by_split.items()
    )


def _named(line: Line) -> str:
    """The row with how its setting was chosen, and what keeps it from being plain zero-shot."""
    return f"{line.result} ({', '.join([line.rows[0]['selection'], *(FLAGS[word] for word in line.leaks)])})"


def _span(interval: Interval | None) -> str:
    return f"{points(interval[0])} to {points(interval[1])}" if interval else "unknown"
