"""compose: two label lists -> which source classes would make up each target class, without any clip."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.commands.overlap import label_list, label_vectors
from pipeline.core.errors import DataError
from pipeline.core.runs import CACHE
from pipeline.labels import overlap as lists
from pipeline.labels.overlap import Match
from pipeline.models.text_encoders.shared import TextEncoder
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
    seen_names, unseen_names = label_list(source), label_list(target)
    seen_SD, unseen_TD = (label_vectors(encoder, names, cache) for names in (seen_names, unseen_names))
    matches = lists.nearest(seen_names, seen_SD, unseen_names, unseen_TD) if overlap == "remove" else []
    removed = lists.removed(matches, threshold)
    removed_names = {match.source for match in removed}
    kept_rows = [row for row, name in enumerate(seen_names) if name not in removed_names]
    if not kept_rows:
        raise DataError(
            f"{source}: all {len(seen_names)} classes overlap with {target}; lower --threshold, or keep them with "
            "--overlap keep"
        )
    seen = Labels.of([seen_names[row] for row in kept_rows], seen_SD[kept_rows])
    return Composed(choose(Labels.of(unseen_names, unseen_TD), seen, setting, cap=cap), removed)


def lines(composed: Composed) -> Iterator[str]:
    """The lines to print: one for each target class, best matches first."""
    solution = composed.choice.solution
    yield (
        f"{len(composed.choice.unseen.names)} target classes over {len(composed.choice.seen.names)} source classes "
        f"({len(composed.removed)} removed as overlapping), {composed.choice.setting.name}: objective "
        f"{solution.objective:.4f}, bound {solution.bound:.4f}, {solution.status}"
    )
    for explanation in explanations(composed.choice):
        parts = [f"{composed.choice.seen.names[pick.seen]} {pick.related:.2f}" for pick in explanation.chosen]
        note = " (empty row: its best neighbour)" if explanation.readmitted else ""
        yield f"  {composed.choice.unseen.names[explanation.unseen]}: {', '.join(parts)}{note}"
