"""The rows and summaries of `reports/evaluate/<row>.json`: flat objects for people, DVC and the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pipeline.core.scores import Provenance
from pipeline.evaluation import intervals, leakage, metrics
from pipeline.evaluation.generalised import AREA, TRIPLE, WAYS
from pipeline.evaluation.metrics import Accuracy, as_list

Row = dict[str, Any]
Over = Literal["splits", "seeds", "cells", "exact"]

FIGURES = ("top1", "top5", "class_mean")  # with an interval in every row
BATCHES = "mean_of_batches"
_ENDS = (0.0, 1.0)  # shares of which resamples, splits and seeds show no spread
# Of rows over all test clips and classes alone; calibrated and gated where the method's stage chose how.
GENERALISED = (*(name + way for way in WAYS for name in TRIPLE), AREA)
_METHOD = ("dataset", "split_table", "protocol", "modality", "encoder", "method", "variant", "embeddings")
_COSTS = ("macs", "num_params")
# One summary for each combination of these; the splits and seeds below it are averaged.
_SUMMARY = (*_METHOD, "selection", "inference", "refit", "label_space", "num_classes", "source", "num_kept_overlap")


@dataclass(frozen=True)
class Mean:
    """A figure over splits, the seeds of each averaged first, with its 95 % interval and what that is over.

    The interval is over splits where there are several, else over the seeds of the single split (which says nothing
    about other classes), else over the cells of subject and class of the single row. Of a figure of 0 or 1 it is exact
    (Wilson), as the row with most cells has it: other splits share clips with that one, other seeds all of them.
    `ci95_corrected` is the interval over splits that allows for what they share.
    """

    value: float
    ci95: Sequence[float] | None
    ci95_corrected: Sequence[float] | None
    over: Over
    num_splits: int
    num_seeds: int  # of the split that has most


def row(
    method: Mapping[str, Any], provenance: Provenance, selection: str, setting: str, counts: Mapping[str, int]
) -> Row:
    """A row without its figures: method, split, seed, selection, and numbers of clips and classes.

    `macs` and `num_params`, the cost of one clip, are there if the method's scores declare them.
    """
    return {
        **{key: method[key] for key in _METHOD},
        **{key: method[key] for key in _COSTS if key in method},
        "split": provenance.split,
        "seed": provenance.seed,
        "inference": provenance.inference,
        "selection": selection,
        "setting": setting,
        "leaky": selection == "oracle",
        "leaks": leakage.leaks(provenance, selection),
        "refit": provenance.refit,
        "pairs": provenance.pairs,
        "scored_together": provenance.scored_together,
        "pretrained": provenance.pretrained,
        "training_clips": provenance.training_clips,
        "source": provenance.source,
        "num_kept_overlap": len(provenance.kept_overlap),
        "label_space": provenance.label_space,
        "num_classes": len(provenance.class_ids),
        "chance": metrics.chance(len(provenance.class_ids)),
        **counts,
    }


def figures(accuracy: Accuracy) -> Row:
    """The figures of one row, each beside its interval over cells of subject and class."""
    row: Row = {BATCHES: accuracy.mean_of_batches, "num_cells": accuracy.num_cells}
    for name in FIGURES:
        row[name] = getattr(accuracy, name)
        row[f"{name}_ci95"] = as_list(getattr(accuracy, f"{name}_ci95"))
    return row


def summaries(rows: Sequence[Row]) -> list[Row]:
    """One summary per dataset, split table, method, selection, inference and label space, in the order of first rows.

    `mean`, `ci95` and `n` are of top-1 over splits; a split's seeds are averaged first, since they share its classes.
    `ci95_corrected` allows for the classes and clips that splits share; `ci95_seeds` is for other seeds on the same
    splits.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((*(row[key] for key in _SUMMARY), *row["leaks"]), []).append(row)
    return [_summary(group) for group in groups.values()]


def headline(summaries: Sequence[Row]) -> dict[str, float | int]:
    """The honest summaries as a flat dict of numbers, which `dvc metrics show` prints as columns.

    Left out are settings chosen on the test clips, and weights that were taught the tested classes.
    """
    numbers: dict[str, float | int] = {}
    honest = [summary for summary in summaries if not summary["leaky"] and not summary["num_kept_overlap"]]
    for summary in honest:
        space = summary["label_space"]
        if len({other["num_classes"] for other in honest if other["label_space"] == space}) > 1:
            space += f"_of_{summary['num_classes']}"  # halves beside full: questions of unlike difficulty
        num_splits = "num_splits" if len({other["n"] for other in honest}) == 1 else f"{space}_num_splits"
        numbers |= {f"{space}_top1": summary["mean"], f"{space}_chance": summary["chance"], num_splits: summary["n"]}
        numbers |= {f"{space}_{name}": summary[name] for name in GENERALISED if name in summary}
    return numbers


def mean(rows: Sequence[Row], name: str) -> Mean:
    """The mean of a figure over rows of one question."""
    by_split = of_splits(rows, name)
    means = [float(np.mean(seeds)) for seeds in by_split]
    value, num_seeds = float(np.mean(means)), max(map(len, by_split))
    if value in _ENDS:
        return Mean(value, _narrowest(rows, name), None, "exact", len(means), num_seeds)
    if len(means) > 1:
        ratio = unseen_to_seen(rows)
        corrected = metrics.within_unit(intervals.corrected(means, ratio)) if ratio is not None else None
        return Mean(value, metrics.interval_over_splits(means), corrected, "splits", len(means), num_seeds)
    over, ci95 = _within_split(rows, name)
    return Mean(value, ci95, None, over, 1, num_seeds)


def rows_of(summary: Mapping[str, Any], rows: Sequence[Row]) -> list[Row]:
    """The rows that a summary of `summaries` averages."""
    return [row for row in rows if all(row[key] == summary[key] for key in (*_SUMMARY, "leaks"))]


def of_summary(summary: Mapping[str, Any], rows: Sequence[Row], name: str) -> Mean:
    """Top-1 or a figure of GENERALISED as the summary of these rows has it; equal to `mean` of them.

    Summaries hold intervals of several splits alone. That of a single split is its row's own, or over its seeds.
    """
    is_top1 = name == "top1"
    value, num_splits, num_seeds = summary["mean" if is_top1 else name], summary["n"], summary["num_seeds"]
    if value in _ENDS:
        return Mean(value, _narrowest(rows, name), None, "exact", num_splits, num_seeds)
    if num_splits > 1:
        corrected = summary["ci95_corrected"] if is_top1 else None
        return Mean(value, summary["ci95" if is_top1 else f"{name}_ci95"], corrected, "splits", num_splits, num_seeds)
    over, ci95 = _within_split(rows, name)
    return Mean(value, ci95, None, over, 1, num_seeds)


def unseen_to_seen(rows: Sequence[Row]) -> float | None:
    """The ratio of unseen to seen classes, for the corrected interval over splits; None where no class is seen."""
    if not all(row["num_seen_classes"] for row in rows):
        return None
    return float(np.mean([row["num_unseen_classes"] / row["num_seen_classes"] for row in rows]))


def of_splits(rows: Sequence[Row], name: str) -> list[list[float]]:
    """The values of a figure, seed by seed, of each split."""
    by_split: dict[str, list[float]] = {}
    for row in rows:
        by_split.setdefault(row["split"], []).append(row[name])
    return list(by_split.values())


def _summary(rows: Sequence[Row]) -> Row:
    seeds = of_splits(rows, "top1")
    summary: Row = {key: rows[0][key] for key in _SUMMARY}
    summary |= {"leaky": rows[0]["leaky"], "leaks": rows[0]["leaks"], "n": len(seeds), "num_rows": len(rows)}
    summary["num_seeds"] = max(map(len, seeds))
    summary["chance"] = _mean_of_splits(rows, "chance")[0]
    for name in FIGURES:
        value, interval = _mean_of_splits(rows, name)
        keys = ("mean", "ci95") if name == "top1" else (name, f"{name}_ci95")
        summary |= dict(zip(keys, (value, interval), strict=True))
    summary["ci95_corrected"] = as_list(mean(rows, "top1").ci95_corrected)
    over_seeds = None if summary["mean"] in _ENDS else intervals.over_seeds(seeds)  # which would have no width
    summary["ci95_seeds"] = as_list(metrics.within_unit(over_seeds))
    summary[BATCHES] = _mean_of_splits(rows, BATCHES)[0]
    for name in (name for name in GENERALISED if name in rows[0]):
        summary[name], summary[f"{name}_ci95"] = _mean_of_splits(rows, name)
    return summary


def _within_split(rows: Sequence[Row], name: str) -> tuple[Over, Sequence[float] | None]:
    """The interval of a figure of a single split, and what it is over."""
    if len(rows) > 1:
        return "seeds", metrics.interval_over_splits([row[name] for row in rows])
    return "cells", rows[0].get(f"{name}_ci95")


def _narrowest(rows: Sequence[Row], name: str) -> Sequence[float] | None:
    """The interval of the row that has most cells; None for a figure without intervals."""
    known: list[Sequence[float]] = [ci95 for row in rows if (ci95 := row.get(f"{name}_ci95"))]
    return min(known, key=lambda ci95: ci95[1] - ci95[0], default=None)


def _mean_of_splits(rows: Sequence[Row], name: str) -> tuple[float | None, list[float] | None]:
    """The mean of a figure with its interval of several splits; None for one that rows do not have (top-5)."""
    if rows[0][name] is None:
        return None, None
    figure = mean(rows, name)
    return figure.value, as_list(figure.ci95 if figure.num_splits > 1 else None)
