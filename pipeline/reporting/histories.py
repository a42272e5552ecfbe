"""Charts of what trainings measured, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core import pages

LOSS = "Training loss"  # the title that a chart over several rows looks for

History = Sequence[Mapping[str, Any]]  # a row an epoch


def lines(title: str, y_label: str, column: str, histories: Sequence[tuple[str, History]]) -> pages.Lines:
    """One line a training, by name, over the epochs that measured the column; one that never did has no line."""
    series = []
    for name, history in histories:
        points = [(row["epoch"], round(row[column], 6)) for row in history if column in row]
        if points:
            series.append(pages.Series(name=name, x=[x for x, _ in points], y=[y for _, y in points]))
    return pages.Lines(title=title, x_label="epoch", y_label=y_label, series=series)
