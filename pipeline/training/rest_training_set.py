"""The clips that ResT may be trained on: those of the taught classes in a split of the source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.core.errors import DataError
from pipeline.core.rejects import Rejects
from pipeline.core.schemas import SplitRow
from pipeline.core.split_table import SplitTable
from pipeline.training.training_set import ROLES, Classes, training_set_of


class ViewedClips(Protocol):
    """The clips that can be read, and why others cannot."""

    @property
    def ids(self) -> list[str]:
        """Ids of the clips, sorted."""

    @property
    def reasons(self) -> Mapping[str, str]:
        """The reasons, by clip id."""


@dataclass(frozen=True)
class RestTrainingSet:
    """Clips to learn from and held out, each with the place of its class among those that are taught."""

    ids: list[str]
    labels: list[int]
    held_out_ids: list[str]
    held_out_labels: list[int]
    training_clips: str  # digest of all clips of its training roles (core.roles.clips_digest)


@dataclass(frozen=True)
class _Available:
    path: Path
    place: Mapping[str, int]
    rejected: set[str]


def classes_of(table: SplitTable, split: str, classes: Classes) -> list[int]:
    """The class ids that a split gives to training. Raises DataError for a split that is not there."""
    return sorted(class_id for role in ROLES[classes] for class_id in table.classes(split)[role])


def read(
    table: SplitTable, split: str, classes: Classes, taught: Mapping[int, str], clips: ViewedClips, max_rejected: float
) -> RestTrainingSet:
    """The clips of the taught classes.

    Raises DataError where more than `max_rejected` of them cannot be read, and for a class without any.
    """
    wanted = [row for row in table.rows[split] if row.role in ROLES[classes] and row.class_id in taught]
    lost = _lost(clips, wanted, table.path, max_rejected)
    available = _Available(table.path, {clip_id: row for row, clip_id in enumerate(clips.ids)}, lost)
    learn = training_set_of(table, split, classes, available, taught)
    _refuse_empty(f"{table.path}: split '{split}'", taught, [*learn.labels, *learn.held_out_labels])
    place = {class_id: number for number, class_id in enumerate(taught)}
    return RestTrainingSet(
        [clips.ids[row] for row in learn.rows],
        [place[class_id] for class_id in learn.labels],
        [clips.ids[row] for row in learn.held_out_rows],
        [place[class_id] for class_id in learn.held_out_labels],
        learn.training_clips,
    )


def _lost(clips: ViewedClips, wanted: Sequence[SplitRow], split_table: Path, max_rejected: float) -> set[str]:
    """The wanted clips that cannot be read, with the reasons."""
    viewed, rejects = set(clips.ids), Rejects(f"rest: clips of {split_table}")
    for row in wanted:
        if row.clip_id not in viewed:
            rejects.add(row.clip_id, clips.reasons.get(row.clip_id, "not there: no video or features of it"))
    rejects.check(total=len(wanted), at_most=max_rejected)
    return {clip_id for clip_id, _ in rejects.rows}


def _refuse_empty(where: str, taught: Mapping[int, str], labels: Sequence[int]) -> None:
    empty = sorted(set(taught) - set(labels))
    if empty:
        more = f", nor have {len(empty) - 1} others" if len(empty) > 1 else ""
        raise DataError(
            f"{where}: class {empty[0]} '{taught[empty[0]]}' has no video{more}; bring videos of it, or "
            f"name a split without it, such as without_{'_'.join(map(str, empty))}"
        )
