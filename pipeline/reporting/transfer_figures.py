"""Figures of the transfer: heat maps of M and A (ResT Fig. 3), one class's graph, clips and prototypes (Fig. 4).

Shapes: U unseen classes, S seen classes, N clips, F size of a feature.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.pages import Cloud, Dots, Edge, Graph, Heat
from pipeline.reporting import projections
from pipeline.transfer.explain import Explanation

Floats = npt.NDArray[np.float32]

_KEY = "solid: chosen; dashed: a candidate that was lost; dotted: the unseen class that is nearer to it"


def relatedness(related_US: npt.NDArray[Any], unseen: Sequence[str], seen: Sequence[str]) -> Heat:
    """M, the cosines of the labels: the stronger the shade, the more related."""
    row, column = np.unravel_index(int(related_US.argmax()), related_US.shape)
    best = f"{unseen[int(row)]} and {seen[int(column)]}, {related_US[row, column]:.2f}"
    return _heat(
        "M: how related the labels are",
        "Cosine of the texts of each unseen class (rows) and each seen class (columns); the stronger the shade, the "
        "more related.",
        f"Most related: {best}.",
        "cosine",
        related_US,
        (unseen, seen),
    )


def adjacency(chosen_US: npt.NDArray[Any], unseen: Sequence[str], seen: Sequence[str]) -> Heat:
    """A: the chosen pairs."""
    counts = chosen_US.sum(axis=1)
    return _heat(
        "A: the chosen pairs",
        "The pairs that the program chose are filled; what each unseen class is made of stands in the table above.",
        f"{int(counts.sum())} pairs, {int(counts.min())} to {int(counts.max())} seen classes for an unseen one.",
        "1 is chosen",
        chosen_US,
        (unseen, seen),
    )


def _heat(
    title: str, note: str, alt: str, unit: str, values_US: npt.NDArray[Any], names: tuple[Sequence[str], Sequence[str]]
) -> Heat:
    return Heat(
        title=title,
        note=note,
        alt=f"{title}, {len(names[0])} unseen by {len(names[1])} seen classes. {alt}",
        row_label="unseen class",
        column_label="seen class",
        unit=unit,
        rows=list(names[0]),
        columns=list(names[1]),
        values=[[round(float(value), 2) for value in row] for row in values_US],
    )


def class_graph(explanation: Explanation, unseen: Sequence[str], seen: Sequence[str]) -> Graph:
    """The bipartite graph of one unseen class: chosen seen classes with cosines, lost candidates, their rivals."""
    name = unseen[explanation.unseen]
    left: dict[int, int] = {explanation.unseen: 0}
    right: list[tuple[str, str]] = []
    edges: list[Edge] = []
    for pick in explanation.chosen:
        edges.append(Edge(left=0, right=len(right), kind="chosen"))
        right.append((seen[pick.seen], f"{pick.related:.2f}, chosen"))
    for loss in explanation.not_distinct:
        edges.append(Edge(left=0, right=len(right), kind="lost"))
        remark = f"{loss.related:.2f}, lost"
        if loss.rival >= 0:
            edges.append(Edge(left=left.setdefault(loss.rival, len(left)), right=len(right), kind="rival"))
            remark += f": {unseen[loss.rival]} {loss.rival_related:.2f}"
        right.append((seen[loss.seen], remark))
    for loss in explanation.over_cap:
        edges.append(Edge(left=0, right=len(right), kind="lost"))
        right.append((seen[loss.seen], f"{loss.related:.2f}, lost: beyond the cap"))
    told = "; ".join(f"{one} ({remark})" for one, remark in right) or "nothing"
    return Graph(
        title=f"The graph of {name}",
        note=f"Unseen classes left, seen classes right, with their cosines; {_KEY}.",
        alt=f"{name} and its seen classes: {told}.",
        left=[(unseen[number], "") for number in left],
        right=right or [("no seen class", "")],
        edges=edges,
    )


def clip_map(clips_NF: Floats, nearest_N: Sequence[int], prototypes_UF: Floats, unseen: Sequence[str]) -> Cloud:
    """t-SNE of test clips, each in the colour and shape of its nearest prototype, and of the prototypes as anchors."""
    flat = projections.neighbours(np.concatenate([clips_NF, prototypes_UF]))
    clips_N2, prototypes_U2 = flat[: len(clips_NF)], flat[len(clips_NF) :]
    of_classes = [clips_N2[np.asarray(nearest_N) == number] for number in range(len(unseen))]
    series = [_dots(name, points, anchor=False) for name, points in zip(unseen, of_classes, strict=True) if len(points)]
    anchors = [_dots(name, prototypes_U2[[number]], anchor=True) for number, name in enumerate(unseen)]
    return Cloud(
        title="Test clips and composite prototypes (t-SNE)",
        note=f"{len(clips_NF)} test clips of unseen classes, each in the colour and shape of the prototype that it is "
        "nearest to (no label is opened); the large marks are the prototypes. Neighbours stay neighbours; distances "
        "between groups mean little.",
        series=[*series, *anchors],
    )


def _dots(name: str, points_N2: npt.NDArray[Any], *, anchor: bool) -> Dots:
    x, y = np.round(points_N2.astype(np.float64), 4).T.tolist()
    return Dots(name=name, x=x, y=y, anchor=anchor)
