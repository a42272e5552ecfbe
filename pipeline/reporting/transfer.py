"""The page of a transfer row: why each unseen class is made of these seen ones, and how the clips fell on them.

Shapes: U unseen classes, N clips, F size of a feature.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core.pages import Cell, Image, Table
from pipeline.reporting import transfer_figures as figures
from pipeline.transfer.explain import Explanation, Lost, explanations, shared
from pipeline.transfer.prototypes import Choice
from pipeline.transfer.relatedness import Floats, relatedness


@dataclass(frozen=True)
class Map:
    """What the map of one target set shows; clips and prototypes are unit rows."""

    clips_NF: Floats
    nearest_N: Sequence[int]  # the prototype each clip is nearest to
    prototypes_UF: Floats


def explained(name: str, choice: Choice) -> list[Table]:
    """Tables of one target set: what was chosen, what each constraint removed, who competes."""
    unseen, seen = choice.unseen.names, choice.seen.names
    one_by_one = explanations(choice)
    chosen: list[list[Cell]] = [
        [unseen[one.unseen], seen[pick.seen], round(pick.related, 4), round(pick.weight, 4), _note(one)]
        for one in one_by_one
        for pick in one.chosen
    ]
    lost: list[list[Cell]] = [
        [
            unseen[one.unseen],
            one.too_far,
            "; ".join(_rivalled(loss, unseen, seen) for loss in one.not_distinct),
            "; ".join(f"{seen[loss.seen]} ({loss.related:.2f})" for loss in one.over_cap),
        ]
        for one in one_by_one
    ]
    rivals: list[list[Cell]] = [[seen[i], ", ".join(unseen[j] for j in users)] for i, users in shared(choice).items()]
    where = f", {name}"
    return [
        Table(
            title=f"What each unseen class is made of{where}",
            header=["unseen class", "seen class", "cosine", "weight", "note"],
            rows=chosen,
        ),
        Table(
            title=f"What the constraints removed{where}",
            header=["unseen class", "I: not among the nearest", "II: nearer to another", "III: beyond the cap"],
            rows=lost,
        ),
        Table(
            title=f"Seen classes that several prototypes share{where}",
            header=["seen class", "unseen classes that compete for it"],
            rows=rivals,
        ),
    ]


def drawn(folder: Path, choice: Choice, shown: Map, *, num_graphs: int) -> list[Image]:
    """Write the figures of one target set into a folder, graphs for so many classes; returns how a page shows them."""
    unseen, seen = choice.unseen.names, choice.seen.names
    related_US = relatedness(choice.unseen.text_CD, choice.seen.text_CD)
    chosen_US = np.zeros(related_US.shape, dtype=np.int8)
    chosen_US[choice.unseen_P, choice.seen_P] = 1
    figures.heat_map(folder / "relatedness.png", related_US, unseen, seen, binary=False)
    figures.heat_map(folder / "adjacency.png", chosen_US, unseen, seen, binary=True)
    figures.clip_map(folder / "clips.png", shown.clips_NF, shown.nearest_N, shown.prototypes_UF, unseen)
    images = [
        _image("relatedness.png", "heat map of the relatedness matrix", "M: how related labels are, brighter is more."),
        _image("adjacency.png", "heat map of the chosen pairs", "A: the chosen pairs, in black."),
        _image(
            "clips.png",
            "map of test clips and composite prototypes",
            "Test clips of unseen classes by t-SNE, coloured by their nearest prototype (their labels are not opened); "
            "stars are the composite prototypes.",
        ),
    ]
    for one in explanations(choice)[:num_graphs]:
        file = f"class-{one.unseen:03d}.png"
        figures.class_graph(folder / file, one, unseen, seen)
        what = f"{unseen[one.unseen]}: chosen seen classes (blue), lost ones (grey), who is nearer to them (red)."
        images.append(_image(file, f"graph of the unseen class {unseen[one.unseen]}", what))
    return images


def program_row(name: str, choice: Choice) -> list[Cell]:
    """One line about a solved program; see PROGRAM_HEADER."""
    found = choice.solution
    num_pairs = len(choice.unseen_P)
    return [
        name,
        choice.setting.name,
        choice.candidates.num_unseen,
        choice.candidates.num_seen,
        num_pairs,
        round(found.objective, 6),
        round(found.bound, 6),
        found.status,
        f"{found.solver}, {found.proof}",
        len(choice.readmitted),
    ]


PROGRAM_HEADER = [
    "target set", "setting", "unseen", "seen", "pairs", "objective", "bound", "status", "solver, proof", "empty rows",
]  # fmt: skip


def _note(one: Explanation) -> str:
    return "empty row: its best neighbour" if one.readmitted else ""


def _rivalled(loss: Lost, unseen: Sequence[str], seen: Sequence[str]) -> str:
    return f"{seen[loss.seen]} ({loss.related:.2f}; {unseen[loss.rival]} {loss.rival_related:.2f})"


def _image(file: str, alt: str, caption: str) -> Image:
    return Image(file=file, alt=alt, caption=caption)
