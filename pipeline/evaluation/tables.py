"""The rows and summaries of `reports/evaluate/<row>.json`: flat objects that a person, DVC and the report can read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.core.scores import Provenance
from pipeline.evaluation import metrics
from pipeline.evaluation.metrics import Accuracy

Row = dict[str, Any]

FIGURES = ("top1", "top5", "class_mean")
GENERALISED = ("top1_seen", "top1_unseen", "harmonic_mean")  # of rows over all test clips and classes alone
_METHOD = ("dataset", "split_table", "protocol", "modality", "encoder", "method", "variant", "embeddings")
# One summary for each combination of these; the splits and seeds below it are averaged.
_SUMMARY = (*_METHOD, "selection", "inference", "refit", "label_space", "num_classes", "source", "num_kept_overlap")


def row(method: Mapping[str, Any], about: Provenance, selection: str, setting: str, counts: Mapping[str, int]) -> Row:
    """What was measured, without the figures: who, where, how selected, and how many clips and classes.

    `macs`, the multiply-accumulates of one clip, stands there where the method's scores say it.
    """
    return {
        **{key: method[key] for key in _METHOD},
        **{key: method[key] for key in ("macs",) if key in method},
        "split": about.split,
        "seed": about.seed,
        "inference": about.inference,
        "selection": selection,
        "setting": setting,
        "leaky": selection == "oracle",
        "refit": about.refit,
        "pairs": about.pairs,
        "pretrained": about.pretrained,
        "source": about.source,
        "num_kept_overlap": len(about.kept_overlap),
        "label_space": about.label_space,
        "num_classes": len(about.class_ids),
        "chance": metrics.chance(len(about.class_ids)),
        **counts,
    }


def figures(accuracy: Accuracy) -> Row:
    """The figures of one row, each beside its interval."""
    found: Row = {}
    for name in FIGURES:
        found[name] = getattr(accuracy, name)
        found[f"{name}_ci95"] = list(getattr(accuracy, f"{name}_ci95"))
    return found


def summaries(rows: Sequence[Row]) -> list[Row]:
    """One summary per dataset, split table, method, selection, inference and label space, in the order of first rows.

    `mean`, `ci95` and `n` are of top-1 over splits; a split's seeds are averaged first, for they share its classes.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for one in rows:
        groups.setdefault(tuple(one[key] for key in _SUMMARY), []).append(one)
    return [_summary(group) for group in groups.values()]


def headline(found: Sequence[Row]) -> dict[str, float | int]:
    """The honest summaries as a flat dict of numbers, which `dvc metrics show` prints as columns.

    Neither a setting chosen on the test clips is among them nor weights that were taught the tested classes.
    """
    numbers: dict[str, float | int] = {}
    honest = [one for one in found if not one["leaky"] and not one["num_kept_overlap"]]
    for one in honest:
        space = one["label_space"]
        if len({other["num_classes"] for other in honest if other["label_space"] == space}) > 1:
            space += f"_of_{one['num_classes']}"  # halves beside full: questions of unlike difficulty
        num_splits = "num_splits" if len({other["n"] for other in honest}) == 1 else f"{space}_num_splits"
        numbers |= {f"{space}_top1": one["mean"], f"{space}_chance": one["chance"], num_splits: one["n"]}
        numbers |= {f"{space}_{name}": one[name] for name in GENERALISED if name in one}
    return numbers


def _summary(rows: Sequence[Row]) -> Row:
    by_split: dict[str, list[Row]] = {}
    for one in rows:
        by_split.setdefault(one["split"], []).append(one)
    found: Row = {key: rows[0][key] for key in _SUMMARY}
    found |= {"leaky": rows[0]["leaky"], "n": len(by_split), "num_rows": len(rows)}
    found["chance"] = _mean_of_splits(by_split, "chance")[0]
    for name in FIGURES:
        mean, interval = _mean_of_splits(by_split, name)
        keys = ("mean", "ci95") if name == "top1" else (name, f"{name}_ci95")
        found |= dict(zip(keys, (mean, interval), strict=True))
    for name in (name for name in GENERALISED if name in rows[0]):
        found[name], found[f"{name}_ci95"] = _mean_of_splits(by_split, name)
    return found


def _mean_of_splits(by_split: Mapping[str, Sequence[Row]], name: str) -> tuple[float, list[float] | None]:
    values = [float(np.mean([one[name] for one in rows])) for rows in by_split.values()]
    interval = metrics.interval_over_splits(values)
    return float(np.mean(values)), list(interval) if interval else None
