"""Differences of two methods on the same splits, with intervals of the difference itself.

A split is easy or hard for all methods. Two figures can therefore lie within each other's intervals and still differ on
every split, and two that look different may not. A difference whose interval covers 0 is noise, whatever its size.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.core.schemas import PredictionRow
from pipeline.evaluation import intervals, metrics, tables
from pipeline.evaluation.intervals import Interval

Row = dict[str, Any]  # of reports/evaluate/<row>.json
Answers = Sequence[PredictionRow]  # of reports/evaluate/<row>.parquet, of one question

_Clips = dict[str, tuple[tuple[Any, ...], float]]  # cell and share of right answers, by clip id

_POINT = 1e-9


@dataclass(frozen=True)
class Difference:
    """The figure of one method less that of another; fractions.

    `ci95` takes splits as independent, `ci95_corrected` allows for the classes and clips that they share. Both are None
    for fewer than two splits; the corrected one also where no class is seen, since it needs the ratio of unseen to
    seen classes. Of a single split `ci95` is over its cells of subject and class, where its answers are known.
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
        """Splits on which the first method is ahead."""
        return sum(value > 0 for value in self.by_split.values())

    @property
    def is_noise(self) -> bool | None:
        """Whether the widest interval known covers 0; None without any, or where it is a point beside 0.

        A lead that is the same everywhere has an interval without width, which is not certainty.
        """
        interval = self.ci95_corrected or self.ci95
        if interval is None:
            return None
        if interval[1] - interval[0] < _POINT:
            return True if abs(self.mean) < _POINT else None
        return interval[0] <= 0 <= interval[1]


def paired(one: Sequence[Row], other: Sequence[Row], figure: str = "top1") -> Difference | None:
    """The difference over the splits that both have; None where they share none.

    Within a split, seeds that both have are paired, because they share their encoder. Where they have none in common,
    as with a method that has no randomness, the means over all seeds are compared.
    """
    ours, theirs = _by_split(one, figure), _by_split(other, figure)
    by_split = {split: _difference(ours[split], theirs[split]) for split in sorted(ours) if split in theirs}
    if not by_split:
        return None
    values = list(by_split.values())
    ratio = tables.unseen_to_seen([row for row in one if row["split"] in by_split])
    corrected = intervals.corrected(values, ratio) if ratio is not None else None
    return Difference(by_split, float(np.mean(values)), metrics.interval_of_mean(values), corrected)


def with_cells(difference: Difference, ours: Answers, theirs: Answers) -> Difference:
    """The difference of a single split with its interval over cells; that of several as it is."""
    return difference if difference.num_splits > 1 else replace(difference, ci95=over_cells(ours, theirs))


def over_cells(ours_all: Answers, theirs_all: Answers) -> Interval | None:
    """95 % interval of the difference in top-1 accuracy over (subject, class) cells of the clips that both answered.

    The clips of a cell stand or fall together: the variance is that of the cells' sums of differences about the mean
    (Cochran, 1977, equation 6.13), with Student's t. Seeds are taken as `paired` takes them. None for fewer than two
    cells.
    """
    both = {line.seed for line in ours_all} & {line.seed for line in theirs_all}
    ours, theirs = ([line for line in answers if not both or line.seed in both] for answers in (ours_all, theirs_all))
    return _over_cells(_by_clip(ours), _by_clip(theirs))


def _over_cells(ours: _Clips, theirs: _Clips) -> Interval | None:
    sums: dict[tuple[Any, ...], list[float]] = {}
    for clip_id in sorted(ours.keys() & theirs.keys()):
        (cell, our_share), (_, their_share) = ours[clip_id], theirs[clip_id]
        sums.setdefault(cell, []).append(our_share - their_share)
    num_cells, num_clips = len(sums), sum(map(len, sums.values()))
    if num_cells < 2:
        return None
    mean = sum(map(sum, sums.values())) / num_clips
    squares = sum((sum(values) - len(values) * mean) ** 2 for values in sums.values())
    return intervals.around(mean, squares * num_cells / (num_cells - 1) / num_clips**2, num_cells - 1)


def _by_clip(answers: Answers) -> _Clips:
    """Cell and share of right answers over seeds of each clip; a clip of an unknown subject is its own cell."""
    right: dict[str, list[bool]] = {}
    cells: dict[str, tuple[Any, ...]] = {}
    for line in answers:
        right.setdefault(line.clip_id, []).append(line.rank == 1)
        cell = (line.clip_id,) if line.subject is None else (line.subject, line.class_id)
        cells[line.clip_id] = cell
    return {clip_id: (cells[clip_id], sum(values) / len(values)) for clip_id, values in right.items()}


def _difference(ours: dict[int, float], theirs: dict[int, float]) -> float:
    both = [seed for seed in ours if seed in theirs]
    our_seeds, their_seeds = (both, both) if both else (list(ours), list(theirs))
    return float(np.mean([ours[seed] for seed in our_seeds]) - np.mean([theirs[seed] for seed in their_seeds]))


def _by_split(rows: Sequence[Row], figure: str) -> dict[str, dict[int, float]]:
    by_split: dict[str, dict[int, float]] = {}
    for row in rows:
        by_split.setdefault(row["split"], {})[row["seed"]] = row[figure]
    return by_split
