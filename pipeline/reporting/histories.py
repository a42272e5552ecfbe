"""Charts of the measurements of trainings, epoch by epoch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.core import pages

LOSS = "Training loss"  # row_charts finds the loss curves by this title

History = Sequence[Mapping[str, Any]]  # a row an epoch


def lines(
    title: str,
    y_label: str,
    column: str,
    histories: Sequence[tuple[str, History]],
    *,
    chosen: Sequence[int | None] = (),
    chance: float | None = None,
) -> pages.Lines:
    """One named line for each training, over the epochs that measured the column; trainings without it have no line.

    `chosen` is the epoch that each training kept, where it kept one; `chance` what guessing would give.
    """
    series = []
    for (name, history), kept in zip(histories, chosen or [None] * len(histories), strict=True):
        points = [(row["epoch"], round(row[column], 6)) for row in history if column in row]
        if points:
            x = [x for x, _ in points]
            marked = kept if kept in x else None
            series.append(pages.Series(name=name, x=x, y=[y for _, y in points], chosen=marked))
    return pages.Lines(title=title, x_label="epoch", y_label=y_label, series=series, chance=chance)


def common(chances: Iterable[float]) -> float | None:
    """The chance of several trainings where it is one and the same; None where one line would be wrong for some."""
    found = {round(chance, 6) for chance in chances}
    return found.pop() if len(found) == 1 else None
