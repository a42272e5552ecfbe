"""Who ResT may learn from: the clips of a source's split whose classes are taught, by id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.core import tables
from pipeline.core.errors import DataError
from pipeline.core.rejects import Rejects
from pipeline.core.schemas import SPLIT, SplitRow
from pipeline.training import training_set
from pipeline.training.training_set import Classes


class Available(Protocol):
    """Clips that can be looked at, and why others cannot."""

    @property
    def ids(self) -> list[str]:
        """Sorted."""

    @property
    def reasons(self) -> Mapping[str, str]:
        """By clip id."""


@dataclass(frozen=True)
class RestTrainingSet:
    """Clips to learn from and held out, each with the place of its class among those that are taught."""

    ids: list[str]
    labels: list[int]
    held_out_ids: list[str]
    held_out_labels: list[int]
    training_clips: str  # what names all clips that the split lets it learn from, as core.roles has it


@dataclass(frozen=True)
class _Held:
    path: Path
    place: Mapping[str, int]
    rejected: set[str]


def classes_of(split_table: Path, split: str, classes: Classes) -> list[int]:
    """The class ids that a split gives to training. Raises DataError for a split that is not there."""
    splits: dict[str, dict[str, list[int]]] = tables.read_meta(split_table, SPLIT)["splits"]
    if split not in splits:
        raise DataError(f"{split_table}: no split '{split}', found {sorted(splits)}; mend rest.rows in params.yaml")
    return sorted(class_id for role in training_set.ROLES[classes] for class_id in splits[split][role])


def read(
    split_table: Path, split: str, classes: Classes, taught: Mapping[int, str], clips: Available, max_rejected: float
) -> RestTrainingSet:
    """The clips of the classes that are taught, by id and with their names.

    Raises DataError where more than `max_rejected` of them cannot be looked at, and for a class of which none can.
    """
    roles = training_set.ROLES[classes]
    lines = [line for line in tables.read(split_table, SPLIT) if line.split == split and line.role in roles]
    lost = _lost(clips, [line for line in lines if line.class_id in taught], split_table, max_rejected)
    held = _Held(split_table, {clip_id: row for row, clip_id in enumerate(clips.ids)}, lost)
    found = training_set.read_training_set(split_table, split, classes, held, taught)
    _refuse_empty(f"{split_table}: split '{split}'", taught, [*found.labels, *found.held_out_labels])
    place = {class_id: number for number, class_id in enumerate(taught)}
    return RestTrainingSet(
        [clips.ids[row] for row in found.rows],
        [place[class_id] for class_id in found.labels],
        [clips.ids[row] for row in found.held_out_rows],
        [place[class_id] for class_id in found.held_out_labels],
        found.training_clips,
    )


def _lost(clips: Available, wanted: Sequence[SplitRow], split_table: Path, max_rejected: float) -> set[str]:
    """Which of the wanted clips cannot be looked at."""
    there, rejects = set(clips.ids), Rejects(f"rest: clips of {split_table}")
    for line in wanted:
        if line.clip_id not in there:
            rejects.add(line.clip_id, clips.reasons.get(line.clip_id, "not there: no video or features of it"))
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
