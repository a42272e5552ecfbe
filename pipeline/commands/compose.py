"""compose: two label lists -> which source classes would make up each target class, without any clip.

What it says about (K, rho, theta) is a statistic of the labels, never a selection.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.commands.overlap import label_list, label_vectors
from pipeline.core.errors import DataError
from pipeline.core.runs import CACHE
from pipeline.labels import overlap as lists
from pipeline.labels.overlap import Match
from pipeline.models.text_encoders.shared import TextEncoder
from pipeline.transfer import folds
from pipeline.transfer.explain import explanations
from pipeline.transfer.program import Cap
from pipeline.transfer.prototypes import Choice, Labels, Setting, choose


@dataclass(frozen=True)
class Composed:
    """The program of one target list over a source list, and the source classes that were set aside as overlapping."""

    choice: Choice
    removed: list[Match]


def compose(
    source: str,
    target: str,
    encoder: TextEncoder,
    setting: Setting,
    *,
    cap: Cap,
    overlap: Literal["remove", "keep"],
    threshold: float,
    cache: Path = CACHE,
) -> Composed:
    """Solve the program with every target class unseen (0/100).

    `overlap: remove` first takes source classes nearer than the threshold to a target class away (the E2E filter).
    """
    mine, theirs = label_list(source), label_list(target)
    mine_SD, theirs_TD = (label_vectors(encoder, names, cache) for names in (mine, theirs))
    gone = lists.removed(lists.nearest(mine, mine_SD, theirs, theirs_TD), threshold) if overlap == "remove" else []
    names = {match.source for match in gone}
    kept = [row for row, name in enumerate(mine) if name not in names]
    if not kept:
        raise DataError(
            f"{source}: all {len(mine)} classes overlap with {target}; lower --threshold, or --overlap keep keeps them"
        )
    seen = Labels.of([mine[row] for row in kept], mine_SD[kept])
    return Composed(choose(Labels.of(theirs, theirs_TD), seen, setting, cap=cap), gone)


def mean_ranks(
    source: str,
    encoder: TextEncoder,
    grid: Sequence[Setting],
    *,
    cap: Cap,
    num_folds: int,
    seed: int,
    cache: Path = CACHE,
) -> list[tuple[Setting, float]]:
    """Mean rank of a held-out label's own vector, for each setting, over folds of one label list."""
    names = label_list(source)
    labels = Labels.of(names, label_vectors(encoder, names, cache))
    parts = folds.class_folds(range(len(names)), num_folds, seed)
    return [(setting, folds.mean_rank(labels, parts, setting, cap)) for setting in grid]


def lines(found: Composed) -> Iterator[str]:
    """The composition as a person reads it: a line a target class, best matches first."""
    solution = found.choice.solution
    yield (
        f"{len(found.choice.unseen.names)} target classes over {len(found.choice.seen.names)} source classes "
        f"({len(found.removed)} removed as overlapping), {found.choice.setting.name}: objective "
        f"{solution.objective:.4f}, bound {solution.bound:.4f}, {solution.status}"
    )
    for one in explanations(found.choice):
        parts = [f"{found.choice.seen.names[pick.seen]} {pick.related:.2f}" for pick in one.chosen]
        note = " (empty row: its best neighbour)" if one.readmitted else ""
        yield f"  {found.choice.unseen.names[one.unseen]}: {', '.join(parts)}{note}"
