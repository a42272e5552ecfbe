"""The clips that an encoder may be trained on: those of a split's training roles, joined by id to prepared arrays."""

# Shapes: N clips, C channels, T frames, V joints, M bodies.
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from pipeline.core.batches import Arrays, Rows, in_turn, order
from pipeline.core.errors import DataError, LeakError
from pipeline.core.prepared import ClipArrays
from pipeline.core.roles import clips_digest
from pipeline.core.schemas import SplitRow
from pipeline.core.seeds import generator
from pipeline.core.split_table import SplitTable
from pipeline.modalities import Augmentation

Classes = Literal["fit", "seen"]
ROLES: dict[Classes, tuple[str, ...]] = {"fit": ("fit",), "seen": ("fit", "val")}


@dataclass(frozen=True)
class TrainingSet:
    """What one encoder may be trained on: rows and class ids to train on, others held out, and the unseen classes."""

    split: str
    rows: list[int]
    labels: list[int]
    held_out_rows: list[int]
    held_out_labels: list[int]
    training_classes: list[int]
    training_names: list[str]  # of these classes
    unseen_classes: list[int]
    training_clips: str  # digest of all clips of its training roles, including held-out and rejected ones


class Available(Protocol):
    """The clips to choose from, and those known to be unusable."""

    @property
    def path(self) -> Path:
        """Where the clips are stored, for messages."""

    @property
    def place(self) -> Mapping[str, int]:
        """The row of each clip."""

    @property
    def rejected(self) -> Collection[str]:
        """The ids of unusable clips."""


class Prepared:
    """The arrays of a preprocess row, or of some of its clips; they stay on disk."""

    def __init__(self, arrays: Path, only: Collection[str] | None = None) -> None:
        self.path = arrays
        clips = ClipArrays(arrays)
        self.clips = clips if only is None else clips.only(only)
        self.attrs = self.clips.store.attrs
        self.ids = self.clips.ids
        self.place = {clip_id: place for place, clip_id in enumerate(self.ids)}
        self.rejected = {clip_id for clip_id, _ in self.attrs["rejected"]}


@dataclass(frozen=True)
class LabelledClips:
    """A source of prepared clips `x` and the places of their classes among the training classes, `label`.

    Rows are shuffled over all clips, however many there are: a clip of a store is read by itself, at any place.
    """

    prepared: Prepared
    rows: list[int]  # of the prepared arrays
    labels: list[int]  # class ids
    training_classes: list[int]
    batch_size: int
    shuffled: bool
    variant: Augmentation | None = None  # of each clip another one is read, drawn anew in every epoch

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        """Numbers of clips, 0 to N - 1."""
        num_rows = len(self.rows)
        return order(num_rows, self.batch_size, seed, epoch) if self.shuffled else in_turn(num_rows, self.batch_size)

    def read(self, rows: Rows, seed: int) -> Arrays:
        """x_NCTVM and label_N; the variant of a clip does not depend on the other rows of the batch."""
        place = {class_id: number for number, class_id in enumerate(self.training_classes)}
        label_N = np.array([place[self.labels[row]] for row in rows.tolist()], dtype=np.int64)
        x_NCTVM = self.prepared.clips[[self.rows[row] for row in rows.tolist()]]
        if self.variant is not None:
            drawn = zip(x_NCTVM, rows.tolist(), strict=True)
            x_NCTVM = np.stack([self.variant(x_CTVM, generator(seed, "variant", row)) for x_CTVM, row in drawn])
        return {"x": x_NCTVM, "label": label_N}

    def names(self, rows: Rows) -> list[str]:
        """Clip ids."""
        return [self.prepared.ids[self.rows[row]] for row in rows.tolist()]


def training_set_of(
    table: SplitTable, split: str, classes: Classes, prepared: Available, only: Collection[int] | None = None
) -> TrainingSet:
    """The clips of one split that an encoder may learn from; clips that were rejected are left out.

    `table` holds the rows of that split. Where `only` names classes, those of other classes are left out too.
    """
    groups, rows = table.classes(split), table.rows[split]
    allowed = [c for c in rows if c.role in ROLES[classes] and (only is None or c.class_id in only)]
    learn = [clip for clip in allowed if clip.clip_id not in prepared.rejected]
    _check_classes(table.path, split, learn, allowed=[c for role in ROLES[classes] for c in groups[role]])
    lost = [clip.clip_id for clip in learn if clip.clip_id not in prepared.place]
    if lost:
        raise DataError(f"{prepared.path}: lacks {len(lost)} clips of {table.path}, first {lost[0]}; run `dvc repro`")
    train, held_out = ([c for c in learn if c.held_out is wanted] for wanted in (False, True))
    if not train or not held_out:
        raise DataError(
            f"{table.path}: '{split}' has {len(train)} clips to train on and {len(held_out)} held out, needs some of "
            "each"
        )
    training_classes = sorted({clip.taught_class for clip in learn})
    return TrainingSet(
        split=split,
        rows=[prepared.place[clip.clip_id] for clip in train],
        labels=[clip.taught_class for clip in train],
        held_out_rows=[prepared.place[clip.clip_id] for clip in held_out],
        held_out_labels=[clip.taught_class for clip in held_out],
        training_classes=training_classes,
        training_names=[table.meta["class_names"][class_id] for class_id in training_classes],
        unseen_classes=sorted(groups["unseen"]),
        training_clips=clips_digest(clip.clip_id for clip in allowed),
    )


def _check_classes(table: Path, split: str, learn: Sequence[SplitRow], allowed: Sequence[int]) -> None:
    for clip in learn:
        if clip.class_id not in allowed:
            raise LeakError(
                f"{table}: split '{split}' gives clip {clip.clip_id} of class {clip.class_id} the role "
                f"'{clip.role}', but its classes are {sorted(allowed)}; run `dvc repro split`"
            )
