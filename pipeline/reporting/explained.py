"""The page of an evaluate row whose method explains itself: similarities, planes, attention, hits and misses.

Tables have a line for each (split, seed); pictures are of the first. Clips are drawn at random, not picked.
"""

# Shapes: N clips, K classes.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import pages
from pipeline.core.store import Store
from pipeline.reporting import decided, explained_planes, explained_tables, similarity
from pipeline.reporting.explained_arrays import MODULES, Explained, LabelledScores, read

STAGE = "evaluate"
_NUM_STRIPS = 3  # of hits, and of misses
_MAX_GUESSES = 5


@dataclass(frozen=True)
class EvaluatedRow:
    """A row of evaluate: its name, the folder of its scores, their attributes, and the store of its class texts."""

    row: str
    scores: Path
    method: Mapping[str, Any]
    texts: Path


def write(folder: Path, about: EvaluatedRow, told: Sequence[LabelledScores], class_names: Mapping[int, str]) -> None:
    """Leave the page of a row and its images in a folder, which stays empty where nothing is explained."""
    found = read(about.scores, told, class_names)
    if found:
        pages.write(folder, _page(about, found, _similarities(folder, found[0])))


def _page(about: EvaluatedRow, found: Sequence[Explained], images: list[pages.Image]) -> pages.Page:
    first = found[0]
    mistakes = decided.table(first, Store(about.texts, "embed"))
    return pages.Page(
        title=f"What {about.method['method']} goes by",
        stage=STAGE,
        row=about.row,
        text=[_text(first, len(found))],
        tables=[
            *explained_tables.modules(found),
            *explained_tables.attention(found),
            *([mistakes] if mistakes else []),
        ],
        lines=[],
        clouds=[*explained_planes.plane(first), *explained_planes.neighbours(first)],
        bars=explained_tables.histogram(found),
        clips=_strips(first, about.method),
        images=images,
    )


def _text(one: Explained, num: int) -> str:
    more = f"Tables have a line for each of the {num} trainings; p" if num > 1 else "P"
    return (
        f"Test clips of the {len(one.names)} unseen classes, scored by the chosen setting ({one.setting}). "
        f"{more}ictures are of split {one.split}, seed {one.seed}."
    )


def _strips(one: Explained, method: Mapping[str, Any]) -> list[pages.Clips]:
    """A few clips that were called right and a few that were not, with the best scores."""
    found = []
    for title, right in (("Hits", True), ("Misses", False)):
        rows = [row for row in one.shuffled(title).tolist() if (one.called[row] == one.truth_N[row]) == right]
        clips = [pages.Clip(clip_id=one.clip_ids[row], caption=_caption(one, row)) for row in rows[:_NUM_STRIPS]]
        if clips:
            note = f"{len(clips)} of {len(rows)}, drawn at random, with the scores of the likeliest classes."
            place = {"dataset": method["dataset"], "modality": method["modality"]}
            found.append(pages.Clips(title=title, note=note, clips=clips, **place))
    return found


def _caption(one: Explained, row: int) -> str:
    score_K = one.scores_NK[row].astype(np.float64)
    best = np.argsort(-score_K, kind="stable")[:_MAX_GUESSES].tolist()
    guesses = ", ".join(f"{one.names[column]} {score_K[column]:.3f}" for column in best)
    return f"{one.clip_ids[row]} shows “{one.names[one.truth_N[row]]}”: {guesses}"


def _similarities(folder: Path, one: Explained) -> list[pages.Image]:
    """The matrix of each module, of all together and of the truth, of a batch of clips."""
    if not one.modules:
        return []
    rows_N = one.drawn("similarity", similarity.MAX_CLIPS, range(len(one.names)))
    panels = {MODULES[name]: matrix_NK[rows_N] for name, matrix_NK in one.modules.items()}
    panels["together"] = one.scores_NK[rows_N]
    similarity.draw(folder / "similarity.png", panels, one.truth_N[rows_N], one.names)
    told = ", ".join([*panels, "truth"])
    return [
        pages.Image(
            file="similarity.png",
            alt=f"Similarities of {len(rows_N)} clips (rows) and {len(one.names)} classes (columns): {told}",
            caption=f"{len(rows_N)} test clips of split {one.split}, seed {one.seed}, drawn at random and ordered by "
            f"what they show, and the unseen classes: {told}. Brighter is more alike; every panel has its own scale.",
        )
    ]
