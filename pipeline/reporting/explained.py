"""The page of an evaluate row whose method explains itself: similarities, planes, attention, hits and misses.

Tables have a line for each (split, seed); pictures are of the first. Clips are drawn at random.
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


def write(folder: Path, row: EvaluatedRow, scored: Sequence[LabelledScores], class_names: Mapping[int, str]) -> None:
    """Write the page of a row and its images into a folder, which stays empty without explanations."""
    trainings = read(row.scores, scored, class_names)
    if trainings:
        pages.write(folder, _page(row, trainings, _similarities(folder, trainings[0])))


def _page(row: EvaluatedRow, trainings: Sequence[Explained], images: list[pages.Image]) -> pages.Page:
    first = trainings[0]
    mistakes = decided.table(first, Store(row.texts, "embed"))
    return pages.Page(
        title=f"What {row.method['method']} goes by",
        stage=STAGE,
        row=row.row,
        text=[_text(first, len(trainings))],
        tables=[
            *explained_tables.modules(trainings),
            *explained_tables.attention(trainings),
            *([mistakes] if mistakes else []),
        ],
        lines=[],
        clouds=[*explained_planes.plane(first), *explained_planes.neighbours(first)],
        bars=explained_tables.histogram(trainings),
        clips=_strips(first, row.method),
        images=images,
    )


def _text(training: Explained, num: int) -> str:
    more = f"Tables have a line for each of the {num} trainings; p" if num > 1 else "P"
    return (
        f"Test clips of the {len(training.names)} unseen classes, scored by the chosen setting ({training.setting}). "
        f"{more}ictures are of split {training.split}, seed {training.seed}."
    )


def _strips(training: Explained, method: Mapping[str, Any]) -> list[pages.Clips]:
    """A few clips that were answered correctly and a few that were not, with their best scores."""
    groups = []
    for title, right in (("Hits", True), ("Misses", False)):
        rows = [
            row for row in training.shuffled(title).tolist() if (training.called[row] == training.truth_N[row]) == right
        ]
        clips = [
            pages.Clip(clip_id=training.clip_ids[row], caption=_caption(training, row)) for row in rows[:_NUM_STRIPS]
        ]
        if clips:
            note = f"{len(clips)} of {len(rows)}, drawn at random, with the scores of the likeliest classes."
            place = {"dataset": method["dataset"], "modality": method["modality"]}
            groups.append(pages.Clips(title=title, note=note, clips=clips, **place))
    return groups


def _caption(training: Explained, row: int) -> str:
    score_K = training.scores_NK[row].astype(np.float64)
    best = np.argsort(-score_K, kind="stable")[:_MAX_GUESSES].tolist()
    guesses = ", ".join(f"{training.names[column]} {score_K[column]:.3f}" for column in best)
    return f"{training.clip_ids[row]} shows “{training.names[training.truth_N[row]]}”: {guesses}"


def _similarities(folder: Path, training: Explained) -> list[pages.Image]:
    """The matrix of each module, of all together and of the truth, of a batch of clips."""
    if not training.modules:
        return []
    rows_N = training.drawn("similarity", similarity.MAX_CLIPS, range(len(training.names)))
    panels = {MODULES[name]: matrix_NK[rows_N] for name, matrix_NK in training.modules.items()}
    panels["together"] = training.scores_NK[rows_N]
    similarity.draw(folder / "similarity.png", panels, training.truth_N[rows_N], training.names)
    titles = ", ".join([*panels, "truth"])
    return [
        pages.Image(
            file="similarity.png",
            alt=f"Similarities of {len(rows_N)} clips (rows) and {len(training.names)} classes (columns): {titles}",
            caption=f"{len(rows_N)} test clips of split {training.split}, seed {training.seed}, drawn at random and "
            f"ordered by what they show, and the unseen classes: {titles}. Brighter is more alike; every panel has its "
            "own scale.",
        )
    ]
