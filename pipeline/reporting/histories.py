"""Charts of the measurements of trainings, epoch by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.core import pages

LOSS = "Training loss"  # row_charts finds the loss curves by this title

History = Sequence[Mapping[str, Any]]  # a row an epoch


def lines(title: str, y_label: str, column: str, histories: Sequence[tuple[str, History]]) -> pages.Lines:
    """One named line for each training, over the epochs that measured the column; trainings without it have no line."""
    series = []
    for name, history in histories:
        points = [(row["epoch"], round(row[column], 6)) for row in history if column in row]
        if points:
            series.append(pages.Series(name=name, x=[x for x, _ in points], y=[y for _, y in points]))
    return pages.Lines(title=title, x_label="epoch", y_label=y_label, series=series)
