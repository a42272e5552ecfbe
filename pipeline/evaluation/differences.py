"""Differences of two methods, split by split: what one is ahead of the other where both answered the same questions.

Splits are easy or hard for all methods alike, so that two figures may lie within each other's intervals and yet differ
on every split; and two that look apart may not. A difference whose interval covers 0 is noise, whatever its size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.evaluation import intervals, metrics, tables
from pipeline.evaluation.metrics import Interval

Row = dict[str, Any]  # of reports/evaluate/<row>.json


@dataclass(frozen=True)
class Difference:
    """The figure of one method less that of another; fractions.

    `ci95` takes splits for independent, `ci95_corrected` knows that they share classes and clips; None where there are
    fewer than two, and the latter where no class is seen, so that nothing tells how much they share.
    """

    by_split: dict[str, float]
    mean: float
    ci95: Interval | None
    ci95_corrected: Interval | None

    @property
    def num_splits(self) -> int:
        """Splits on which both were measured."""
        return len(self.by_split)

    @property
    def num_ahead(self) -> int:
        """Splits on which the one is ahead."""
        return sum(value > 0 for value in self.by_split.values())

    @property
    def is_noise(self) -> bool | None:
        """Whether the widest interval known covers 0; None without any."""
        interval = self.ci95_corrected or self.ci95
        return None if interval is None else interval[0] <= 0 <= interval[1]


def paired(one: Sequence[Row], other: Sequence[Row], figure: str = "top1") -> Difference | None:
    """The difference over the splits that both have; None where they share none.

    Within a split, seeds that both have are paired, for they share their encoder; where none is, as of a method that
    draws nothing, all of each are averaged.
    """
    ours, theirs = _by_split(one, figure), _by_split(other, figure)
    found = {split: _difference(ours[split], theirs[split]) for split in sorted(ours) if split in theirs}
    if not found:
        return None
    values = list(found.values())
    ratio = tables.unseen_to_seen([row for row in one if row["split"] in found])
    corrected = intervals.corrected(values, ratio) if ratio is not None else None
    return Difference(found, float(np.mean(values)), metrics.interval_of_mean(values), corrected)


def _difference(ours: dict[int, float], theirs: dict[int, float]) -> float:
    both = [seed for seed in ours if seed in theirs]
    mine, other = (both, both) if both else (list(ours), list(theirs))
    return float(np.mean([ours[seed] for seed in mine]) - np.mean([theirs[seed] for seed in other]))


def _by_split(rows: Sequence[Row], figure: str) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        found.setdefault(row["split"], {})[row["seed"]] = row[figure]
    return found
