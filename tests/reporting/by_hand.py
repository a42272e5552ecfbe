"""The figures of evaluate once more, from predictions alone, in plain Python: shares, means, intervals, differences."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, variance

from scipy.stats import norm
from scipy.stats import t as student

from pipeline.core.schemas import PredictionRow

_RESAMPLES = 1_500
_SLACK = 0.0006  # of printed per cents, as a share
Bounds = tuple[tuple[float, float], tuple[float, float]]  # between what the lower end may be, and the upper


@dataclass(frozen=True, eq=False)
class Run:
    """The answers of one split and seed; `unseen` are the split's unseen classes."""

    split: str
    seed: int
    num_classes: int
    test_to_train: float  # unseen classes to seen ones; infinite where none is seen
    unseen: frozenset[int]
    answers: tuple[PredictionRow, ...]

    @property
    def cells(self) -> list[list[PredictionRow]]:
        """Clips of one subject and class; a clip of nobody known by itself."""
        found: dict[object, list[PredictionRow]] = {}
        for one in self.answers:
            who = one.clip_id if one.subject is None else (one.subject,)
            found.setdefault((one.class_id, who), []).append(one)
        return list(found.values())

    def figure(self, name: str) -> float:
        """A figure of all answers."""
        return figure(name, self.answers, self.unseen)

    def interval(self, name: str) -> Bounds | None:
        """Where a bootstrap over cells may end; exactly Wilson's interval at 0 and 1."""
        return _interval(self, name)

    def _drawn(self, name: str) -> Bounds | None:
        value, cells = self.figure(name), self.cells
        if name == "harmonic_mean" and value in (0.0, 1.0):
            sides = [self.interval(f"top1_{side}") for side in ("seen", "unseen")]
            assert sides[0] is not None
            assert sides[1] is not None
            ends = [[harmonic(sides[0][end][place], sides[1][end][place]) for place in (0, 1)] for end in (0, 1)]
            return (ends[0][0], ends[0][1]), (ends[1][0], ends[1][1])
        if value in (0.0, 1.0):
            return _point(wilson(value, self.effective(name)))
        if len(cells) < 2:
            return None
        draw = random.Random(11)
        values = sorted(
            again
            for _ in range(_RESAMPLES)
            if not math.isnan(
                again := figure(name, [one for cell in draw.choices(cells, k=len(cells)) for one in cell], self.unseen)
            )
        )
        at = [values[min(len(values) - 1, int(len(values) * part))] for part in (0.001, 0.075, 0.925, 0.999)]
        return (at[0], at[1]), (at[2], at[3])

    def effective(self, name: str) -> float:
        """How many independent clips a figure of 0 or 1 is of."""
        counts: dict[int, int] = {}
        for cell in self.cells:
            counts[cell[0].class_id] = counts.get(cell[0].class_id, 0) + 1
        if name == "class_mean":
            return len(counts) ** 2 / math.fsum(1 / count for count in counts.values())
        if name in ("top1_seen", "top1_unseen"):
            return sum(count for c, count in counts.items() if (c in self.unseen) == (name == "top1_unseen"))
        return sum(counts.values())


@cache  # a report shows the same interval in many places
def _interval(run: Run, name: str) -> Bounds | None:
    return run._drawn(name)


def figure(name: str, answers: Sequence[PredictionRow], unseen: frozenset[int]) -> float:
    """One figure; NaN where no clip is of its kind."""
    if name == "top5":
        return _share([one.rank <= 5 for one in answers])
    if name == "class_mean":
        classes = {one.class_id for one in answers}
        return fmean(_share([one.predicted == c for one in answers if one.class_id == c]) for c in classes)
    if name == "mean_of_batches":
        ordered = sorted(answers, key=lambda one: one.clip_id)
        starts = range(0, len(ordered), 64)
        return fmean(_share([one.predicted == one.class_id for one in ordered[at : at + 64]]) for at in starts)
    if name == "harmonic_mean":
        return harmonic(*(figure(f"top1_{side}", answers, unseen) for side in ("seen", "unseen")))
    if name in ("top1_seen", "top1_unseen"):
        answers = [one for one in answers if (one.class_id in unseen) == (name == "top1_unseen")]
    return _share([one.predicted == one.class_id for one in answers])


def harmonic(seen: float, unseen: float) -> float:
    """Two over the sum of the inverses."""
    return 0.0 if 0.0 in (seen, unseen) else 2 / (1 / seen + 1 / unseen)


def wilson(share: float, num: float) -> tuple[float, float]:
    """The two shares from which `share` is as far as the normal quantile allows, by the quadratic formula."""
    z2 = norm.ppf(0.975) ** 2
    a, b, c = 1 + z2 / num, -(2 * share + z2 / num), share**2
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def by_split(runs: Sequence[Run], name: str) -> dict[str, dict[int, float]]:
    """A figure of each split and seed."""
    found: dict[str, dict[int, float]] = {}
    for run in runs:
        found.setdefault(run.split, {})[run.seed] = run.figure(name)
    return found


def mean(runs: Sequence[Run], name: str) -> float:
    """Seeds first, then splits."""
    return fmean(fmean(seeds.values()) for seeds in by_split(runs, name).values())


def kind(runs: Sequence[Run], name: str) -> str:
    """What the interval of the mean is over."""
    if mean(runs, name) in (0.0, 1.0):
        return "exact"
    if len({run.split for run in runs}) > 1:
        return "splits"
    return "seeds" if len(runs) > 1 else "cells"


def interval(runs: Sequence[Run], name: str, *, is_corrected: bool = False) -> Bounds | None:
    """The interval of the mean, of its kind; that corrected for what splits share is None of a single split."""
    is_over = kind(runs, name)
    if is_corrected and (is_over != "splits" or math.inf in {run.test_to_train for run in runs}):
        return None
    if is_over == "exact":
        known = [ends for run in runs if (ends := run.interval(name)) is not None]
        return min(known, key=lambda ends: ends[1][1] - ends[0][0])
    if is_over == "cells":
        return runs[0].interval(name)
    splits = by_split(runs, name)
    values = [fmean(seeds.values()) for seeds in splits.values()] if is_over == "splits" else [
        run.figure(name) for run in runs
    ]  # fmt: skip
    ratio = fmean(run.test_to_train for run in runs) if is_corrected else 0.0
    return _point(clipped(student_interval(values, ratio)))


def over_seeds(runs: Sequence[Run], name: str) -> Bounds | None:
    """Only other seeds: their variance is pooled over splits."""
    splits = [list(seeds.values()) for seeds in by_split(runs, name).values()]
    freedom = sum(len(seeds) - 1 for seeds in splits)
    if not freedom or kind(runs, name) == "exact":
        return None
    pooled = math.fsum((value - fmean(seeds)) ** 2 for seeds in splits for value in seeds) / freedom
    deviation = math.sqrt(pooled * math.fsum(1 / len(seeds) for seeds in splits)) / len(splits)
    half, middle = student.ppf(0.975, freedom) * deviation, mean(runs, name)
    return _point(clipped((middle - half, middle + half)))


def difference(one: Sequence[Run], other: Sequence[Run], name: str) -> tuple[dict[str, float], float | None]:
    """That of each split, and the ratio of unseen to seen classes; seeds that both have are paired."""
    ours, theirs = by_split(one, name), by_split(other, name)
    found = {}
    for split in sorted(ours.keys() & theirs.keys()):
        both = ours[split].keys() & theirs[split].keys()
        first, second = ([v for s, v in runs[split].items() if not both or s in both] for runs in (ours, theirs))
        found[split] = fmean(first) - fmean(second)
    return found, fmean(run.test_to_train for run in one if run.split in found)


def over_cells(one: Sequence[Run], other: Sequence[Run]) -> tuple[float, float] | None:
    """The interval of the difference on a single split: the residuals of cells' sums (a ratio estimator)."""
    both = {run.seed for run in one} & {run.seed for run in other}
    shares: list[dict[str, list[bool]]] = [{}, {}]
    cell_of: dict[str, object] = {}
    for found, runs in zip(shares, (one, other), strict=True):
        for answer in (a for run in runs if not both or run.seed in both for a in run.answers):
            found.setdefault(answer.clip_id, []).append(answer.predicted == answer.class_id)
            cell_of[answer.clip_id] = answer.clip_id if answer.subject is None else (answer.subject, answer.class_id)
    gains = {clip: _share(shares[0][clip]) - _share(shares[1][clip]) for clip in shares[0].keys() & shares[1].keys()}
    middle = fmean(gains.values())
    residuals: dict[object, float] = {}
    for clip, gain in gains.items():
        residuals[cell_of[clip]] = residuals.get(cell_of[clip], 0.0) + gain - middle
    if len(residuals) < 2:
        return None
    deviation = math.sqrt(len(residuals) * variance(residuals.values(), 0.0)) / len(gains)
    half = student.ppf(0.975, len(residuals) - 1) * deviation
    return middle - half, middle + half


def student_interval(values: Sequence[float], ratio: float) -> tuple[float, float]:
    """Student's interval of a mean; `ratio` of test to training widens it as Nadeau and Bengio do."""
    half = student.ppf(0.975, len(values) - 1) * math.sqrt(variance(values) * (1 / len(values) + ratio))
    return fmean(values) - half, fmean(values) + half


def clipped(ends: tuple[float, float]) -> tuple[float, float]:
    """Within 0 and 1."""
    return max(0.0, ends[0]), min(1.0, ends[1])


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else math.nan


def _point(ends: tuple[float, float]) -> Bounds:
    return (ends[0], ends[0]), (ends[1], ends[1])


def fits(low: float, high: float, bounds: Bounds) -> bool:
    """Whether a printed interval (shares) may be that of the bounds."""
    ends = zip((low, high), bounds, strict=True)
    return all(least - _SLACK <= end <= most + _SLACK for end, (least, most) in ends)
