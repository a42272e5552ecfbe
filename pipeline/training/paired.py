"""Pairs to bind: clips that hub and sense both recorded, joined by id over one or several datasets.

No label is learnt from. The class of a clip is read for two purposes only: to tell events apart
(core.roles.performance: renumbering the classes does not change the events), and, where a row asks for it, to keep
clips of one class from being negatives of each other.
"""

# Shapes: N clips, D size of a vector, K reasons for which two clips may be no negatives of each other.
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import msgspec
import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from pipeline.core import roles, tables
from pipeline.core.batches import Arrays, Rows, in_batches, order
from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.core.schemas import CLIPS, SPLIT
from pipeline.core.seeds import derived_seed
from pipeline.core.split_table import SplitTable

Of = Literal["fit", "fit_and_val", "all"]
ROLES: dict[Of, tuple[str, ...]] = {"fit": ("fit",), "fit_and_val": ("fit", "val")}


class PairedDataset(Params):
    """Another dataset whose clips are paired too."""

    dataset: str
    split_table: str | None  # null: all its clips


class Rules(Params):
    """Which clips are paired, and which clips of a batch are no negatives of each other."""

    of: Of  # roles of the split; fit_and_val only for methods with `refit: both`; all, of any role, is transductive
    other_views: Literal["skip", "negative"]  # clips of one performance, seen by several cameras
    same_class: Literal["skip", "negative"]  # skip learns from labels
    further: list[PairedDataset]

    @model_validator(mode="after")
    def _labels_of_training_clips_alone(self) -> Self:
        if self.same_class == "skip" and self.of == "all":
            raise ValueError("same_class: skip reads the labels of the pairs, and `of: all` pairs test clips; use fit")
        for further in self.further:
            if self.same_class == "skip" and further.split_table is None:
                raise ValueError(
                    f"same_class: skip reads the labels of the pairs; name the split table of {further.dataset}"
                )
        if len({further.dataset for further in self.further}) < len(self.further):
            raise ValueError("further: expected each dataset once")
        return self


class RowSource(Protocol):
    """Rows by their numbers, read when they are indexed."""

    def __getitem__(self, rows: list[int], /) -> npt.NDArray[Any]:
        """The rows, in the order asked for."""


@dataclass(frozen=True)
class Event:
    """What the clips table says of a clip."""

    performance: str
    class_id: int


@dataclass(frozen=True)
class RecordedClips:
    """The clips of one dataset: where the arrays of each sense and of the hub have them, and what they show."""

    dataset: str
    split_table: SplitTable | None  # with the rows of the splits that are bound; None: no clip has a role
    places: Mapping[str, Mapping[str, int]]  # by sense or hub, clip id -> row
    events: Mapping[str, Event]


@dataclass(frozen=True)
class Clip:
    """A paired clip; `keys` are equal numbers where two clips are no negatives of each other."""

    dataset: str
    clip_id: str
    keys: tuple[int, ...]


@dataclass(frozen=True)
class Pairs:
    """The pairs to learn from and those held out."""

    training: list[Clip]
    held_out: list[Clip]
    wanted: dict[str, int]  # by dataset the number of clips that the rules name, of which some lack hub or sense

    @property
    def counts(self) -> dict[str, int]:
        """The number of pairs by dataset."""
        everyone = [*self.training, *self.held_out]
        return {dataset: sum(clip.dataset == dataset for clip in everyone) for dataset in self.wanted}


def read_events(clips: Path) -> dict[str, Event]:
    """The accepted clips of a clips table."""
    rows = [row for row in tables.read(clips, CLIPS) if row.reason is None]
    return {row.clip_id: Event(roles.performance(row), row.class_id) for row in rows}


class ClipId(msgspec.Struct, frozen=True, gc=False):
    """The columns of a split table that are read where only its clips matter."""

    clip_id: str


def named(split_table: Path) -> set[str]:
    """The clips of a split table, of any split and role."""
    return {row.clip_id for some in tables.batches(split_table, SPLIT.only(ClipId)) for row in some}


def pair(rules: Rules, recorded: Sequence[RecordedClips], split: str, seed: int) -> Pairs:
    """Join hub and senses by id. Raises DataError where too few clips have both."""
    training: list[tuple[str, str]] = []
    held_out: list[tuple[str, str]] = []
    wanted: dict[str, int] = {}
    for recording in recorded:
        allowed, out = _wanted(rules.of, recording, split, seed)
        usable = sorted(set.intersection(*(set(places) for places in recording.places.values())) & allowed)
        if not usable:
            raise DataError(
                f"{recording.dataset}, split '{split}': no clip of those to pair ({rules.of}) has all of "
                f"{sorted(recording.places)}: pairs are clips of one id; check the rows of ingest and preprocess"
            )
        wanted[recording.dataset] = len(allowed)
        training += [(recording.dataset, clip_id) for clip_id in usable if clip_id not in out]
        held_out += [(recording.dataset, clip_id) for clip_id in usable if clip_id in out]
    events = {recording.dataset: recording.events for recording in recorded}
    performances = {(recording, events[recording][clip_id].performance) for recording, clip_id in training}
    if len(performances) < 2 or not held_out:
        raise DataError(
            f"{', '.join(wanted)}, split '{split}': {len(training)} pairs of {len(performances)} performances to learn "
            f"from and {len(held_out)} held out; binding needs two performances at least, and some held out"
        )
    keys = _keys(rules, [*training, *held_out], events)
    clips = [Clip(*name, key) for name, key in zip([*training, *held_out], keys, strict=True)]
    return Pairs(clips[: len(training)], clips[len(training) :], wanted)


def _wanted(of: Of, recorded: RecordedClips, split: str, seed: int) -> tuple[set[str], Collection[str]]:
    """The clips of a dataset that may be paired, and which of them are held out."""
    if recorded.split_table is None:
        return set(recorded.events), _drawn(recorded, set(recorded.events), seed)
    recorded.split_table.classes(split)  # refuses a split that is not there
    rows = recorded.split_table.rows[split]
    if of == "all":
        listed = {row.clip_id for row in rows} & set(recorded.events)
        return listed, _drawn(recorded, listed, seed)
    chosen = {row.clip_id: row.held_out for row in rows if row.role in ROLES[of]}
    return set(chosen) & set(recorded.events), {clip_id for clip_id, held_out in chosen.items() if held_out}


def labelled_clips(rules: Rules, recorded: RecordedClips, split: str) -> str | None:
    """The digest of the clips whose labels the rules read (core.roles.clips_digest); None where they read none.

    As for a classifier, these are all clips that the split table allows, even if a sense lacks some.
    """
    if rules.same_class != "skip" or rules.of == "all" or recorded.split_table is None:
        return None
    rows = recorded.split_table.rows[split]
    return roles.clips_digest(row.clip_id for row in rows if row.role in ROLES[rules.of])


def _drawn(recorded: RecordedClips, allowed: set[str], seed: int) -> set[str]:
    """A tenth of the performances that hub and senses have, at least one: those whose first clip's id hashes lowest."""
    first: dict[str, str] = {}
    for clip_id in sorted(allowed):
        first.setdefault(recorded.events[clip_id].performance, clip_id)
    there = set.intersection(*(set(places) for places in recorded.places.values())) & allowed
    shown = {recorded.events[clip_id].performance for clip_id in there}
    ranked = sorted(shown, key=lambda performance: derived_seed(seed, "held_out", recorded.dataset, first[performance]))
    chosen = set(ranked[: max(1, round(len(ranked) / 10))])
    return {clip_id for clip_id in there if recorded.events[clip_id].performance in chosen}


def _keys(
    rules: Rules, clips: Sequence[tuple[str, str]], events: Mapping[str, Mapping[str, Event]]
) -> list[tuple[int, ...]]:
    """For each clip one number a reason, in the order in which the ids first show what they stand for."""
    columns: list[list[tuple[str, str | int]]] = []
    if rules.other_views == "skip":
        columns.append([(dataset, events[dataset][clip_id].performance) for dataset, clip_id in clips])
    if rules.same_class == "skip":
        columns.append([(dataset, events[dataset][clip_id].class_id) for dataset, clip_id in clips])
    numbered = []
    for column in columns:
        number: dict[tuple[str, str | int], int] = {}
        numbered.append([number.setdefault(value, len(number)) for value in column])
    return list(zip(*numbered, strict=True)) if numbered else [() for _ in clips]


@dataclass(frozen=True)
class PairedClips:
    """A source of pairs: `x/<name>` of every sense and of the hub, and `keys` (N, K) of each clip."""

    clips: list[Clip]
    arrays: dict[
        str, dict[str, RowSource]
    ]  # by dataset and name: a hub's are its vectors, or its clips where it learns
    places: dict[str, Rows]  # by name: the row of each clip in its dataset's arrays
    batch_size: int
    shuffled: bool

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        """Numbers of clips, 0 to N - 1; of held-out clips in batches of one size, that all have negatives."""
        num_rows = len(self.clips)
        if self.shuffled:
            return order(num_rows, self.batch_size, seed, epoch)
        return in_batches(np.arange(num_rows), self.batch_size)

    def read(self, rows: Rows, seed: int) -> Arrays:  # noqa: ARG002 - nothing is drawn
        """x_NC... of every sense, what the hub has of the same clips, and key_NK."""
        some = [self.clips[row] for row in rows.tolist()]
        key_NK = np.array([clip.keys for clip in some], dtype=np.int64).reshape(len(some), -1)
        return {**{f"x/{name}": self._of(name, rows, some) for name in self.places}, "keys": key_NK}

    def _of(self, name: str, rows: Rows, some: Sequence[Clip]) -> npt.NDArray[Any]:
        joined: npt.NDArray[Any] | None = None
        for dataset in dict.fromkeys(clip.dataset for clip in some):
            where = [number for number, clip in enumerate(some) if clip.dataset == dataset]
            values = self.arrays[dataset][name][self.places[name][rows[where]].tolist()]
            if len(where) == len(some):
                return values
            joined = np.empty((len(some), *values.shape[1:]), values.dtype) if joined is None else joined
            joined[where] = values
        assert joined is not None  # a step has a row at least
        return joined

    def names(self, rows: Rows) -> list[str]:
        """Clip ids."""
        return [self.clips[row].clip_id for row in rows.tolist()]


def source(
    clips: list[Clip],
    recorded: Sequence[RecordedClips],
    arrays: dict[str, dict[str, RowSource]],
    batch_size: int,
    *,
    shuffled: bool,
) -> PairedClips:
    """The source of some clips of `pair`."""
    places = {recording.dataset: recording.places for recording in recorded}
    rows = {
        name: np.array([places[clip.dataset][name][clip.clip_id] for clip in clips], dtype=np.int64)
        for name in recorded[0].places
    }
    return PairedClips(clips, arrays, rows, batch_size, shuffled)
