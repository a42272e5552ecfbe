"""Tables and histogram of a method with two alignments: the accuracy of each alone, and its attention to texts."""

# Shapes: N clips, K classes, S texts of a class.
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.core import pages
from pipeline.reporting.explained_arrays import MODULES, Explained

_NUM_BINS = 20
_FIRST = 0  # of the texts that attention mixes: the label, where params do not say otherwise
_ATTENTION = "Attention on the first text of a class"


def modules(trainings: Sequence[Explained]) -> list[pages.Table]:
    """The accuracy of each module alone, and how often it gives the answer of all together."""
    names = [name for name in MODULES if name in trainings[0].modules]
    if not names:
        return []
    header = ["split", "seed", "clips", "top-1"]
    header += [f"{what}, {name}" for name in names for what in ("top-1", "same answer")]
    rows: list[list[pages.Cell]] = []
    for training in trainings:
        right = _share(training.called == training.truth_N)
        row: list[pages.Cell] = [training.split, training.seed, len(training.clip_ids), right]
        for name in names:
            alone_N = training.modules[name].argmax(axis=1)
            row += [_share(alone_N == training.truth_N), _share(alone_N == training.called)]
        rows.append(row)
    return [
        pages.Table(
            title="Each alignment alone, and how often it gives the answer of all together", header=header, rows=rows
        )
    ]


def attention(trainings: Sequence[Explained]) -> list[pages.Table]:
    """Statistics of the attention on the first text, over all clips and candidates of each training."""
    rows: list[list[pages.Cell]] = []
    for training in trainings:
        if training.attention_NKS is not None:
            first_NK = training.attention_NKS[..., _FIRST].astype(np.float64)
            figures = [first_NK.min(), first_NK.mean(), first_NK.max(), first_NK.std()]
            rows.append([training.split, training.seed, *(round(float(figure), 6) for figure in figures)])
    header = ["split", "seed", "least", "mean", "most", "standard deviation"]
    return [pages.Table(title=_ATTENTION, header=header, rows=rows)] if rows else []


def histogram(trainings: Sequence[Explained]) -> list[pages.Bars]:
    """The histogram of that attention, over all clips and candidates of all trainings."""
    arrays = [training.attention_NKS for training in trainings if training.attention_NKS is not None]
    if not arrays:
        return []
    first = np.concatenate([attention_NKS[..., _FIRST].ravel() for attention_NKS in arrays]).astype(np.float64)
    counts, edges = np.histogram(first, _NUM_BINS if first.min() < first.max() else 1)
    digits = max(2, 1 - math.floor(math.log10(edges[1] - edges[0])))
    bars = [
        pages.Bar(name=f"{low:.{digits}f} – {high:.{digits}f}", value=count / len(first), detail=f"{count} pairs")
        for count, low, high in zip(counts.tolist(), edges[:-1], edges[1:], strict=True)
    ]
    num_texts = arrays[0].shape[2]
    note = (
        f"How much of its attention a clip gives to the first text of a candidate, which is the label where params do "
        f"not say otherwise, of {len(first)} pairs. At {1 / num_texts:.4g} the method takes the plain mean of the "
        f"{num_texts} texts."
    )
    return [pages.Bars(title="How the attention on the first text is spread", note=note, unit=" %", bars=bars)]


def _share(right_N: Any) -> float:
    return round(float(right_N.mean()), 4)
