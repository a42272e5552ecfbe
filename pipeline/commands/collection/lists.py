"""The rows of manifest.csv and classes.csv: who shows what, and who trains and who tests."""

import csv
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pipeline.commands.collection import naming
from pipeline.commands.collection.files import RecordedFile
from pipeline.commands.collection.naming import Naming
from pipeline.core.errors import DataError
from pipeline.datasets.shared import ActionClass
from pipeline.formats import class_names, clip_manifest

Parted = Literal["folders", "subjects", "clips", "list"]


@dataclass(frozen=True)
class Row:
    """A line of manifest.csv."""

    clip_id: str
    modality: str
    path: str
    label: str
    subject: str
    split: str


def clips(recordings: Sequence[RecordedFile], known: Naming) -> list[Row]:
    """A row for every recording that the naming knows, without `split` where no folder says it.

    A clip has the same id in all senses. Two recordings of one sense that would share an id have their paths as ids.
    """
    rows = []
    for recording in recordings:
        if named := known.named.get(recording.place):
            clip_id = naming.clip_name(recording.place)
            rows.append(Row(clip_id, recording.modality, recording.path, named.label, named.subject, named.side))
    shared: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        shared[row.clip_id, row.modality] += 1
    doubled = {clip_id for (clip_id, _), number in shared.items() if number > 1}
    return [replace(row, clip_id=row.path) if row.clip_id in doubled else row for row in rows]


def named(rows: Sequence[Row], given: Sequence[ActionClass] | None, where: str) -> tuple[list[Row], list[ActionClass]]:
    """The rows under the names of classes, and those classes with a clip, numbered anew.

    `given` is a class list of the user, which must know every class; numbers are read as its rows, from 1, or from 0
    where a clip has the number 0. Raises DataError for a class that it lacks, and for numbers without a list.
    """
    labels = sorted({row.label for row in rows}, key=_natural)
    numbers = {label: naming.number(label) for label in labels}
    if given is None:
        if all(number is not None for number in numbers.values()):
            raise DataError(
                f"{where}: its {len(labels)} classes are numbers, {labels[0]} to {labels[-1]}, and unseen classes are "
                "recognised by their names; give --classes FILE, a CSV file with the columns class_id,name,context and "
                "a row for each number"
            )
        names = {label: " ".join(class_names.words(label)) or label for label in labels}
        contexts: dict[str, str] = {}
    else:
        names = {label: _given(label, numbers, given, where) for label in labels}
        contexts = {known.name: known.context for known in given}
    spelt: dict[str, str] = {}
    for name in names.values():
        spelt.setdefault(class_names.spelling(name), name)
    classes = [ActionClass(place, name, contexts.get(name, "")) for place, name in enumerate(spelt.values())]
    return [replace(row, label=spelt[class_names.spelling(names[row.label])]) for row in rows], classes


def _given(label: str, numbers: Mapping[str, int | None], given: Sequence[ActionClass], where: str) -> str:
    by_spelling = {class_names.spelling(known.name): known.name for known in given}
    number = numbers[label]
    if (name := by_spelling.get(class_names.spelling(label))) is not None:
        return name
    first = 0 if 0 in numbers.values() else 1
    if number is not None and number - first < len(given):
        return given[number - first].name
    raise DataError(f"{where}: class '{label}' is none of the {len(given)} of the class list; add it there")


def parted(rows: Sequence[Row]) -> tuple[list[Row], Parted]:
    """The rows with `split` filled in, and by what.

    Folders that say it decide. Else every other subject in order trains, where subjects are known and so each class
    trains and is tested; else every other clip of each class in the order of a hash of the ids.
    """
    if all(row.split for row in rows) and _is_complete(rows):
        return list(rows), "folders"
    subjects = sorted({row.subject for row in rows}, key=_natural)
    training = set(subjects[::2])
    if "" not in subjects and len(subjects) > 1:
        by_subject = [replace(row, split="train" if row.subject in training else "test") for row in rows]
        if _is_complete(by_subject):
            return by_subject, "subjects"
    by_class: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        by_class[row.label][row.clip_id] -= 1
    training = set()
    for senses in by_class.values():  # clips in many senses first, so that each sense has both sides
        training |= set(sorted(senses, key=lambda clip_id: (senses[clip_id], _hashed(clip_id)))[::2])
    return [replace(row, split="train" if row.clip_id in training else "test") for row in rows], "clips"


def manifest(rows: Iterable[Row]) -> str:
    """The text of manifest.csv."""
    return _csv(clip_manifest.COLUMNS, ([getattr(row, name) for name in clip_manifest.COLUMNS] for row in rows))


def class_list(classes: Iterable[ActionClass]) -> str:
    """The text of classes.csv."""
    return _csv(("class_id", "name", "context"), ([c.class_id, c.name, c.context] for c in classes))


def read(path: Path) -> list[Row]:
    """The rows of a list that is there already. Raises DataError with the reason of the first that cannot be used."""
    clips = clip_manifest.read_clips(path)
    for clip in clips:
        if clip.fault:
            raise DataError(f"{path}: '{clip.name}': {clip.fault}")
    sides = dict(zip(("train", "test"), map(frozenset, clip_manifest.read_sides(path)), strict=True))
    return [
        Row(
            clip.name,
            str(clip.modality),
            clip.recording + clip.part,
            str(clip.label),
            "" if clip.subject is None else str(clip.subject),
            next((side for side, ids in sides.items() if clip.name in ids), ""),
        )
        for clip in clips
    ]


def lacking(rows: Sequence[Row]) -> dict[str, str]:
    """The classes without a clip that trains, or without one that tests, in any sense, and which it is."""
    sides: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        if row.modality != "boxes":
            sides[row.label, row.modality].add(row.split)
    return {
        label: f"no {modality} clip that {'trains' if 'train' not in held else 'tests'}"
        for (label, modality), held in sides.items()
        if not {"train", "test"} <= held
    }


def _is_complete(rows: Sequence[Row]) -> bool:
    return not lacking(rows)


def _csv(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue()


def _hashed(clip_id: str) -> str:
    return hashlib.sha256(clip_id.encode()).hexdigest()


def _natural(text: str) -> list[tuple[int, int | str]]:
    """Numbers inside a text count as numbers: s2 before s10."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]
