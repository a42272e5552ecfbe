"""Similarity matrices of clips and classes beside the truth (DVTA Fig. 7), as one PNG."""

# Shapes: N clips, K classes.
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.reporting import canvas

Floats = npt.NDArray[np.floating[Any]]

MAX_CLIPS = 128  # a batch of the paper
_MAX_NAMES = 30  # beyond this the names of an axis would overprint each other
_PANEL, _MARGIN, _HEIGHT = 1.9, 1.4, 4.0  # inches
_LONGEST_NAME = 28


def draw(path: Path, panels: Mapping[str, Floats], truth_N: npt.NDArray[np.int64], names: Sequence[str]) -> None:
    """One panel a matrix (N, K), the truth last: rows are clips, ordered by their class, columns are classes.

    Every panel has a colour scale of its own, dark for its smallest number and bright for its largest.
    """
    order = np.argsort(truth_N, kind="stable")
    known_NK = np.equal.outer(truth_N, np.arange(len(names))).astype(np.float64)
    shown = {**panels, "truth": known_NK}
    figure, axes = canvas.figure((_MARGIN + _PANEL * len(shown), _HEIGHT), len(shown))
    edges = np.flatnonzero(np.diff(truth_N[order])) + 0.5
    short = [_short(name) for name in names]
    for place, (axis, (title, matrix_NK)) in enumerate(zip(axes, shown.items(), strict=True)):
        axis.imshow(matrix_NK[order], cmap="viridis", aspect="auto", interpolation="nearest")
        axis.set_title(title, fontsize=9)
        axis.set_xlabel(f"{len(names)} unseen classes", fontsize=8)
        if place == 0:
            axis.set_ylabel(f"{len(matrix_NK)} clips, by their class", fontsize=8)
        axis.hlines(edges, -0.5, len(names) - 0.5, colors="white", linewidth=0.8)
        few = len(names) <= _MAX_NAMES
        axis.set_xticks(range(len(names)) if few else [], labels=short if few else [], fontsize=7, rotation=90)
        rows = _middles(truth_N[order]) if few and place == 0 else {}
        axis.set_yticks(list(rows), labels=[short[column] for column in rows.values()], fontsize=7)
    canvas.save(figure, path)


def _middles(truth_N: npt.NDArray[np.int64]) -> dict[float, int]:
    """The middle row of each class's clips, which are in order, with its column."""
    return {float(np.flatnonzero(truth_N == column).mean()): int(column) for column in np.unique(truth_N)}


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
