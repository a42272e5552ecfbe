"""Figures of the transfer: heat maps of M and A (ResT Fig. 3), one class's graph, clips and prototypes (Fig. 4).

Shapes: U unseen classes, S seen classes, N clips, F size of a feature.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.reporting import canvas, projections
from pipeline.transfer.explain import Explanation

Floats = npt.NDArray[np.float32]

_MAX_NAMES = 60  # beyond this the names of an axis would overprint each other
_STYLES = {
    "chosen": ("#1b6ca8", "solid", 2.2),
    "lost": ("#999999", "dashed", 1.0),
    "rival": ("#c0392b", "dotted", 1.4),
}


def heat_map(
    path: Path, values_US: npt.NDArray[Any], unseen: Sequence[str], seen: Sequence[str], *, binary: bool
) -> None:
    """M (brighter is more related) or, `binary`, A (black is chosen), rows unseen, columns seen."""
    size = (min(16, 2.5 + 0.22 * len(seen)), min(16, 2.2 + 0.22 * len(unseen)))
    figure, (axes,) = canvas.figure(size)
    shown = axes.imshow(values_US, cmap="binary" if binary else "viridis", vmin=0 if binary else None, aspect="auto")
    for axis, names, turn in ((axes.xaxis, seen, 90), (axes.yaxis, unseen, 0)):
        few = len(names) <= _MAX_NAMES
        axis.set_ticks(range(len(names)) if few else [], labels=names if few else [], fontsize=7, rotation=turn)
    axes.set_xlabel(f"{len(seen)} seen classes")
    axes.set_ylabel(f"{len(unseen)} unseen classes")
    if not binary:
        figure.colorbar(shown, ax=axes, label="cosine")
    canvas.save(figure, path)


def class_graph(path: Path, explanation: Explanation, unseen: Sequence[str], seen: Sequence[str]) -> None:
    """The bipartite graph of one unseen class: chosen seen classes with cosines, lost candidates, their rivals."""
    import networkx as nx

    graph = nx.Graph()
    centre = ("unseen", explanation.unseen)
    for pick in explanation.chosen:
        graph.add_edge(centre, ("seen", pick.seen), kind="chosen", label=f"{pick.related:.2f}")
    for loss in explanation.not_distinct + explanation.over_cap:
        graph.add_edge(centre, ("seen", loss.seen), kind="lost", label=f"{loss.related:.2f}")
        if loss.rival >= 0 and loss in explanation.not_distinct:
            graph.add_edge(("unseen", loss.rival), ("seen", loss.seen), kind="rival", label=f"{loss.rival_related:.2f}")
    figure, (axes,) = canvas.figure((9, max(2.5, 0.5 * graph.number_of_nodes())))
    names = {node: (unseen if node[0] == "unseen" else seen)[node[1]] for node in graph}
    _draw(graph, axes, names)
    canvas.save(figure, path)


def _draw(graph: Any, axes: Any, names: dict[Any, str]) -> None:
    import networkx as nx

    place: dict[Any, tuple[int, float]] = {}
    for x, side in enumerate(("unseen", "seen")):
        column = [node for node in graph if node[0] == side]
        place |= {node: (x, -(row + 0.5) / len(column)) for row, node in enumerate(column)}
    for kind, (colour, style, width) in _STYLES.items():
        edges = [(a, b) for a, b, at in graph.edges(data=True) if at["kind"] == kind]
        nx.draw_networkx_edges(graph, place, edgelist=edges, ax=axes, edge_color=colour, style=style, width=width)
    labels = {(a, b): at["label"] for a, b, at in graph.edges(data=True)}
    nx.draw_networkx_edge_labels(graph, place, edge_labels=labels, ax=axes, font_size=7, label_pos=0.35)
    for node, (x, y) in place.items():
        align = "right" if x == 0 else "left"
        axes.text(x + (-0.03 if x == 0 else 0.03), y, names[node], ha=align, va="center", fontsize=9)
    nx.draw_networkx_nodes(graph, place, ax=axes, node_size=40, node_color="#333333")
    axes.set_xlim(-0.7, 1.7)
    axes.set_axis_off()


def clip_map(
    path: Path, clips_NF: Floats, nearest_N: Sequence[int], prototypes_UF: Floats, unseen: Sequence[str]
) -> None:
    """t-SNE of test clips (dots, coloured by nearest prototype: their labels are not opened) and prototypes (stars)."""
    flat = projections.neighbours(np.concatenate([clips_NF, prototypes_UF]))
    figure, (axes,) = canvas.figure((8, 6))
    for j, name in enumerate(unseen):
        colour = f"C{j % 10}"
        of_class = flat[: len(clips_NF)][np.asarray(nearest_N) == j]
        axes.scatter(of_class[:, 0], of_class[:, 1], s=14, color=colour, alpha=0.7, linewidths=0)
        star = flat[len(clips_NF) + j]
        axes.scatter(*star, marker="*", s=260, color=colour, edgecolors="black", label=name)
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set_xticks([])
    axes.set_yticks([])
    canvas.save(figure, path)
