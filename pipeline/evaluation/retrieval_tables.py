"""The rows of `reports/retrieve/<name>.json`: how well each sense finds the clips of each other, and against what.

A run is one split and seed. `rows` has a line a pair of senses, subset and run; `pairs` their means over runs; `kinds`
the means over all pairs that were trained (one of the two is the hub) and over all that never were. Intervals are
over performances, which are resampled with all their clips, alike for all pairs, and over splits where there are two or
more (a split's seeds are averaged first), else over seeds.
"""

# Shapes: N queries, B resamples, F figures.
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mean  # exact: a mean of equal shares is that share
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.bound import HUB
from pipeline.evaluation import clusters, retrieval
from pipeline.evaluation.metrics import as_list, interval_of_mean, interval_over_splits

Row = dict[str, Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Draw = Callable[[str, int], clusters.Counts]  # subset and number of performances -> how often each is in each resample

ALL = "all"
MEDIAN = "median_rank"
FIGURES = (*(f"r{depth}" for depth in retrieval.DEPTHS), MEDIAN)
_ANY = "any"  # sense of a line that is over several pairs


@dataclass(frozen=True, eq=False)
class Answers:
    """The ranks that clips of one sense give to those of another, in one run; N clips that both senses have."""

    query: str
    target: str
    subset: str  # a role, or ALL
    split: str
    seed: int
    rank_N: Ints
    num_candidates_N: Ints
    performance_N: Ints  # by a number that is the same in all answers

    @property
    def trained(self) -> bool:
        """Whether these two senses were bound to each other."""
        return HUB in (self.query, self.target)


@dataclass(frozen=True, eq=False)
class _Measured:
    answers: Answers
    value_F: Floats
    resampled_BF: Floats


def tables(answered: Sequence[Answers], draw: Draw) -> dict[str, list[Row]]:
    """`rows`, `pairs` and `kinds`, subset by subset."""
    subsets = dict.fromkeys(answers.subset for answers in answered)
    made: dict[str, list[Row]] = {"rows": [], "pairs": [], "kinds": []}
    for subset in subsets:
        of_subset = [answers for answers in answered if answers.subset == subset]
        performances = np.unique(np.concatenate([answers.performance_N for answers in of_subset]))
        measured = list(_measure(of_subset, performances, draw(subset, len(performances))))
        made["rows"] += [_of_run(run) for run in measured]
        made["pairs"] += [_mean(group) for group in _grouped(measured, lambda answers: (answers.query, answers.target))]
        kinds = _grouped(measured, lambda answers: answers.trained)
        made["kinds"] += sorted(map(_mean, kinds), key=lambda row: not row["trained"])
    return made


def headline(kinds: Sequence[Row], *, transductive: bool) -> dict[str, float]:
    """Recall over all test clips as a flat dict of numbers, which `dvc metrics show` prints as columns.

    Those of `transductive` rows, whose test clips were pairs of the training, have columns of their own.
    """
    numbers: dict[str, float] = {}
    whose = "transductive_" if transductive else ""
    for row in kinds:
        if row["subset"] == ALL:
            name = whose + ("trained" if row["trained"] else "never_trained")
            for depth in retrieval.DEPTHS:
                numbers[f"{name}_r{depth}"] = row[f"r{depth}"]
                numbers[f"{name}_chance_r{depth}"] = row[f"chance_r{depth}"]
    return numbers


def _measure(answered: Iterable[Answers], performances: Ints, drawn_BC: clusters.Counts) -> Iterable[_Measured]:
    for answers in answered:
        cluster_N = np.searchsorted(performances, answers.performance_N)
        yield _Measured(
            answers, retrieval.figures(answers.rank_N), retrieval.resampled(answers.rank_N, cluster_N, drawn_BC)
        )


def _grouped(measured: Sequence[_Measured], of: Callable[[Answers], object]) -> list[list[_Measured]]:
    groups: dict[object, list[_Measured]] = {}
    for run in measured:
        groups.setdefault(of(run.answers), []).append(run)
    return list(groups.values())


def _of_run(measured: _Measured) -> Row:
    answers = measured.answers
    return {**_question([answers]), "split": answers.split, "seed": answers.seed, **_figures([measured])}


def _mean(group: Sequence[_Measured]) -> Row:
    answered = [measured.answers for measured in group]
    return {
        **_question(answered),
        "runs": len({(answers.split, answers.seed) for answers in answered}),
        **_figures(group),
        **_over_runs(group),
    }


def _question(answered: Sequence[Answers]) -> Row:
    """The senses, chance, and the numbers of queries (`n`) and `candidates`, which are means over runs and pairs."""
    queries, targets = ({getattr(answers, name) for answers in answered} for name in ("query", "target"))
    return {
        "query": answered[0].query if len(queries) == 1 else _ANY,
        "target": answered[0].target if len(targets) == 1 else _ANY,
        "trained": answered[0].trained,
        "subset": answered[0].subset,
        "n": float(np.mean([len(answers.rank_N) for answers in answered])),
        "candidates": float(np.mean([answers.num_candidates_N.mean() for answers in answered])),
        **{
            f"chance_r{depth}": mean(retrieval.chance(answers.num_candidates_N, depth) for answers in answered)
            for depth in retrieval.DEPTHS
        },
    }


def _figures(group: Sequence[_Measured]) -> Row:
    """Means over runs and pairs, and their intervals over performances."""
    value_F = np.mean([measured.value_F for measured in group], axis=0)
    resampled_BF = np.mean([measured.resampled_BF for measured in group], axis=0)
    num_performances = len(np.unique(np.concatenate([measured.answers.performance_N for measured in group])))
    row: Row = {"performances": num_performances}
    for name, value, resampled_B in zip(FIGURES, value_F, resampled_BF.T, strict=True):
        row[name] = float(value)
        row[f"{name}_ci95"] = as_list(
            clusters.interval(resampled_B, num_performances, None if name == MEDIAN else float(value))
        )
    return row


def _over_runs(group: Sequence[_Measured]) -> Row:
    """Intervals over splits, else over seeds; None where there is one run."""
    values: dict[str, dict[int, list[Floats]]] = {}
    for measured in group:
        values.setdefault(measured.answers.split, {}).setdefault(measured.answers.seed, []).append(measured.value_F)
    of_seed = [[np.mean(pairs, axis=0) for pairs in seeds.values()] for seeds in values.values()]
    runs = [np.mean(seeds, axis=0) for seeds in of_seed] if len(values) > 1 else of_seed[0]
    over = "splits" if len(values) > 1 else "seeds" if len(runs) > 1 else None
    row: Row = {"over": over}
    for name, values_R in zip(FIGURES, np.stack(runs).T, strict=True):
        interval = interval_of_mean if name == MEDIAN else interval_over_splits
        row[f"{name}_runs_ci95"] = as_list(interval(values_R.tolist()))
    return row
