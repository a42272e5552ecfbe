"""difference: two rows of evaluate, split by split: how far one is ahead of the other, and whether that is noise."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.errors import DataError
from pipeline.evaluation.metrics import Interval
from pipeline.reporting import evidence, leads, views
from pipeline.reporting.leads import Compared, Lead
from pipeline.reporting.site import percent

LEGEND = (
    "percentage points, 95 %; over splits: Student's t, taking them for independent; corrected: knowing that they "
    "share classes and clips (Nadeau and Bengio, 2003), which decides; over cells: of subject and class of one split"
)


def difference(one: str, other: str, evaluate: Path) -> list[Compared]:
    """The questions that both answered, by their figures below `evaluate`, without settings chosen on test clips.

    Raises DataError for a row that was not evaluated, for one and the same row, and where they share no split.
    """
    if one == other:
        raise DataError(f"'{one}' less itself is nothing; name two rows of evaluate")
    files = {name: evaluate / f"{name}.json" for name in (one, other)}
    for name, file in files.items():
        if not file.is_file():
            there = ", ".join(sorted(found.stem for found in evaluate.glob("*.json"))) or "none"
            raise DataError(f"no {file}: '{name}' was not evaluated; run `dvc repro evaluate`; found {there}")
    results = [evidence.result(file) for file in files.values()]
    found = leads.between(views.panels(results), results, one, other)
    if not found:
        raise DataError(
            f"'{one}' and '{other}' answer no question in common: dataset, split table, label space, number of classes "
            "and a split must be the same"
        )
    return found


def lines(found: Sequence[Compared]) -> Iterator[str]:
    """What a person reads: a question, the mean of each and of the differences, and every split."""
    for compared in found:
        panel = compared.panel
        yield (
            f"{panel.dataset}, {panel.split_table}: {compared.figure}, {panel.num_classes} candidates, "
            f"{panel.candidates} (chance {percent(panel.chance)})"
        )
        for lead in compared.leads:
            yield from _lead(lead)
    yield LEGEND


def _lead(lead: Lead) -> Iterator[str]:
    found = lead.difference
    one, other = (f"{line.result} ({line.rows[0]['selection']})" for line in (lead.one, lead.other))
    yield f"  {one} less {other}: {_points(found.mean)}, {lead.verdict}"
    over = "splits" if found.num_splits > 1 else "cells"
    yield f"  over {over}: {_span(found.ci95)}; corrected: {_span(found.ci95_corrected)}"
    yield f"  ahead on {found.num_ahead} of {found.num_splits}: " + ", ".join(
        f"{split} {_points(value)}" for split, value in found.by_split.items()
    )


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _span(interval: Interval | None) -> str:
    return f"{_points(interval[0])} to {_points(interval[1])}" if interval else "unknown"
