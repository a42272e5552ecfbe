"""Which files of a folder are recordings, of what sense, and why the others are none.

A few files of every kind are read: what they have in common tells the rest. Where they differ, all of the kind are.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from pipeline.commands.collection import naming
from pipeline.core import joints, stamp
from pipeline.core.errors import DataError, FormatError
from pipeline.core.upright import Up
from pipeline.datasets import shared
from pipeline.formats import segments
from pipeline.formats.shared import Footage, Skeleton
from pipeline.sources.listing import CLASS_FILE

LISTS = ("manifest.csv", "manifest.parquet", CLASS_FILE)  # of a collection, at its top
_LAYOUT = "layout.yaml"  # of arrays, in any folder
_ORDER = ("skeleton", "depth", "video", "thermal")  # in which the senses of a file are tried
_NUM_READ = 16  # files of a kind
_EMPTY_PICTURE = 0.6  # of a depth picture without reading: all but the body was cut away
_MOVES_M = 1e-6
_AXES: tuple[Up, ...] = ("x", "y", "z")
_DOWN: tuple[Up, ...] = ("-x", "-y", "-z")


@dataclass(frozen=True)
class RecordedFile:
    """A file or folder below the collection's, and what it shows."""

    path: str
    modality: str

    @property
    def place(self) -> str:
        """The path without its ending."""
        name = PurePosixPath(self.path).name
        ending = PurePosixPath(self.path).suffix if not name.startswith(".") else ""
        return self.path.removesuffix(ending)


@dataclass
class Facts:
    """What the files that were read have in common."""

    layouts: set[str] = field(default_factory=set)
    num_bodies: int = 1
    size: tuple[int, int] | None = None
    is_masked: bool = False
    upwards: list[Up | None] = field(default_factory=list)  # of each skeleton: the axis that its body stands along

    @property
    def upward(self) -> Up | None:
        """The axis along which the bodies of most skeletons stand, y where none tells; None of places in pictures."""
        if any(joints.find(layout).planar for layout in self.layouts):
            return None
        told = Counter(up for up in self.upwards if up is not None)
        return told.most_common(1)[0][0] if told else "y"


@dataclass
class Survey:
    """The recordings by path, files that are none with the reason, and facts by modality."""

    recordings: list[RecordedFile]
    misfits: dict[str, str]
    facts: dict[str, Facts]


def survey(folder: Path) -> Survey:
    """Look through a folder. Raises DataError as core.stamp.files, and where no file is a recording."""
    dataset = shared.load(shared.COLLECTION)
    kinds: dict[tuple[str, ...], list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    misfits: dict[str, str] = {}
    for path in _places(folder, dataset):
        senses = _senses(path, dataset)
        if senses:
            kinds[(PurePosixPath(path).suffix.lower(), naming.sense_word(path) or "", *senses)].append((path, senses))
        else:
            ending = PurePosixPath(path).suffix
            misfits[path] = f"'{ending}' is the ending of no format" if ending else "a name without an ending"
    recordings: list[RecordedFile] = []
    facts: dict[str, Facts] = defaultdict(Facts)
    for key in sorted(kinds):
        found, faults = _of_kind(folder, dict(kinds[key]), dataset, facts)
        recordings += found
        misfits |= faults
    if not (recordings or misfits):
        raise DataError(f"{folder}: no file that could be a recording; name the folder that holds them")
    if not recordings:
        raise DataError(f"{folder}: none of {len(misfits)} files is a recording: {_shown(misfits)}")
    return Survey(sorted(recordings, key=lambda one: (one.path, one.modality)), misfits, dict(facts))


def _shown(misfits: Mapping[str, str]) -> str:
    path, reason = min(misfits.items())
    return f"{path}: {reason}"


def _places(folder: Path, dataset: shared.Dataset) -> list[str]:
    """Files, and folders of pictures in place of these, by their paths below the folder."""
    places = set()
    for file in stamp.files(folder):
        path = file.relative_to(folder).as_posix()
        names = shared.named_files(dataset, path)
        parts = [name for name in names if name.modality in dataset.folders and name.recording != path]
        places.add(parts[0].recording if parts else path)
    return sorted(place for place in places if place not in LISTS and PurePosixPath(place).name != _LAYOUT)


def _senses(path: str, dataset: shared.Dataset) -> tuple[str, ...]:
    """What a path may be a recording of, by its ending and the sense that it names."""
    if PurePosixPath(path).name.startswith("."):
        return ()
    fits = {name.modality for name in shared.named_files(dataset, path)} - {"boxes"}
    fits |= {modality for modality in dataset.folders if not PurePosixPath(path).suffix}
    named = naming.sense_word(path)
    if named in fits:
        return (named,) if named is not None else ()
    return tuple(sense for sense in _ORDER if sense in fits and not (sense == "thermal" and "video" in fits))


def _of_kind(
    folder: Path, paths: Mapping[str, tuple[str, ...]], dataset: shared.Dataset, facts: dict[str, Facts]
) -> tuple[list[RecordedFile], dict[str, str]]:
    """The recordings of files that look alike, and what is wrong with the others."""
    step = max(1, -(-len(paths) // _NUM_READ))
    some = list(paths)[::step]
    read = {path: _read(folder, path, paths[path], dataset, facts) for path in some}
    if len({modality for modality, _ in read.values()}) > 1:
        read |= {path: _read(folder, path, paths[path], dataset, facts) for path in paths if path not in read}
    else:
        read |= dict.fromkeys(paths, next(iter(read.values())))
    found = [RecordedFile(path, modality) for path, (modality, _) in read.items() if modality]
    return found, {path: reason for path, (modality, reason) in read.items() if not modality}


def _read(
    folder: Path, path: str, senses: Sequence[str], dataset: shared.Dataset, facts: dict[str, Facts]
) -> tuple[str, str]:
    """The sense of a file, and why it is of none (one of the two is empty)."""
    faults = []
    for sense in senses:
        try:
            recording = dataset.readers[sense](folder / path)
            if reason := recording.fault():
                raise FormatError(reason)
        except FormatError as error:
            faults.append(f"as {sense}: {segments.unplaced(str(error), folder / path)}")
        else:
            _note(facts[sense], recording)
            return sense, ""
    return "", "; ".join(faults)


def _note(facts: Facts, recording: Any) -> None:
    if isinstance(recording, Skeleton):
        facts.layouts.add(recording.layout)
        held = np.nan_to_num(recording.xyz_MTV3)
        moving = (np.ptp(held, axis=1) > _MOVES_M).any(axis=(1, 2))
        facts.num_bodies = max(facts.num_bodies, min(2, int(moving.sum())))
        facts.upwards.append(_upwards(recording))
    elif isinstance(recording, Footage):
        picture = recording.frames([0])[0]
        facts.size = (int(picture.shape[0]), int(picture.shape[1]))
        facts.is_masked |= recording.layout == "depth_mm" and float((picture == 0).mean()) > _EMPTY_PICTURE


def _upwards(recording: Skeleton) -> Up | None:
    """The axis nearest to the way from the hips to the shoulders, over all frames; None where no body shows it."""
    layout = joints.find(recording.layout)
    hips = [layout.names.index(name) for name in ("hip_right", "hip_left") if name in layout.names]
    if layout.planar or len(hips) < 2:
        return None
    held = np.where(recording.xyz_MTV3 == 0, np.nan, recording.xyz_MTV3)
    trunk_MT3 = held[:, :, list(layout.shoulders)].mean(axis=2) - held[:, :, hips].mean(axis=2)
    trunks_B3 = trunk_MT3[np.isfinite(trunk_MT3).all(axis=2)]
    if not len(trunks_B3):
        return None
    trunk_3 = np.median(trunks_B3, axis=0)
    axis = int(np.argmax(np.abs(trunk_3)))
    return _AXES[axis] if trunk_3[axis] > 0 else _DOWN[axis]


def counted(misfits: Mapping[str, str]) -> list[tuple[int, str]]:
    """How many files have each reason, the most frequent first."""
    counts = Counter(misfits.values())
    return sorted(((number, reason) for reason, number in counts.items()), key=lambda one: (-one[0], one[1]))
