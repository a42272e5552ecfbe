"""Selects (K, rho, theta) on seen classes alone: folds of them, or the val classes, act as unseen.

Shapes: U unseen classes, N clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np

from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.core.seeds import generator
from pipeline.transfer.prototypes import Setting
from pipeline.transfer.recognise import Inference, Knowledge, Scheme, scores
from pipeline.transfer.relatedness import unit_rows

Constraints = Literal["none", "I", "II+III", "all"]


class Grid(Params):
    """The values of K, rho and theta to try; the list of a constraint that is off is ignored."""

    num_neighbours: list[int]
    rho: list[int]
    theta: list[float]


@dataclass(frozen=True)
class Trial:
    """One setting, and how many of the pseudo-unseen clips it recognised."""

    setting: Setting
    num_right: int
    num_clips: int

    @property
    def top1(self) -> float:
        """The share of the clips that were recognised."""
        return self.num_right / self.num_clips


def settings(grid: Grid, constraints: Constraints, inference: Inference) -> list[Setting]:
    """The grid's settings in order; only values that the constraints and the inference mode use are varied."""
    if inference == "seen_label_then_text":
        return [Setting(None, None, 0.0)]
    first = constraints in ("I", "all")
    others = constraints in ("II+III", "all") and inference == "visual_prototypes"
    num_neighbours: list[int | None] = [*grid.num_neighbours] if first else [None]
    rho: list[int | None] = [*grid.rho] if others else [None]
    theta = grid.theta if others else [0.0]
    grid_settings = [Setting(*values) for values in product(num_neighbours, rho, theta)]
    if not grid_settings:
        raise DataError(f"constraints {constraints!r} need values of K, rho and theta, the grid has an empty list")
    return grid_settings


def class_folds(class_ids: Sequence[int], num_folds: int, seed: int) -> list[list[int]]:
    """The classes at random in folds of nearly equal size, each sorted; drawn from the seed."""
    if not 2 <= num_folds <= len(class_ids):
        raise DataError(f"{num_folds} folds of {len(class_ids)} seen classes: expected 2 to {len(class_ids)} folds")
    shuffled = generator(seed, "transfer", "folds").permutation(sorted(class_ids))
    return [sorted(int(c) for c in shuffled[start::num_folds]) for start in range(num_folds)]


def grid_search(
    known: Knowledge, targets: Sequence[Sequence[int]], sources: Sequence[int], grid: Sequence[Setting], scheme: Scheme
) -> list[Trial]:
    """Every setting of the grid, scored on clips of pseudo-unseen classes.

    Each group of `targets` in turn is unseen, and the `sources` without it are seen; clips are counted over all groups.
    """
    trials = []
    for setting in grid:
        hits = [_hits(known, target, sorted(set(sources) - set(target)), setting, scheme) for target in targets]
        trials.append(Trial(setting, sum(h.sum() for h in hits), sum(len(h) for h in hits)))
    return trials


def pooled(trials: Sequence[Trial]) -> Trial:
    """The trials of one setting on several sets of pseudo-unseen classes as one, their clips counted together."""
    num_right, num_clips = sum(trial.num_right for trial in trials), sum(trial.num_clips for trial in trials)
    return Trial(trials[0].setting, num_right, num_clips)


def best_trial(trials: Sequence[Trial]) -> int:
    """The index of the best trial; of equal ones the first."""
    return int(np.argmax([trial.top1 for trial in trials]))


def _hits(
    known: Knowledge, unseen: Sequence[int], seen: Sequence[int], setting: Setting, scheme: Scheme
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    features_NF, class_N = known.clips(unseen)
    if not class_N:
        raise DataError("the pseudo-unseen classes have no clip to select on; use selection: folds, or another split")
    clips_NF = unit_rows(features_NF, [str(row) for row in range(len(class_N))], "training clip")
    against_NU = scores(known, seen, unseen, clips_NF, setting, scheme).values_NC[:, len(seen) :]
    return np.asarray(np.asarray(unseen)[against_NU.argmax(axis=1)] == np.asarray(class_N))
