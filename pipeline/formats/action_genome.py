"""Action Genome as released: two pickles and a list of frames; every frame is checked when asked for.

object_bbox_and_relationship.pkl: "VIDEO.mp4/FRAME.png" -> list of objects, boxes x, y, w, h; person_bbox.pkl: the same
keys -> detected persons, boxes x1, y1, x2, y2. FRAME counts from 1 at the video's own rate (JingweiJ/ActionGenome).
"""

import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.formats import plain_pickle

OBJECTS = "object_bbox_and_relationship.pkl"
PERSONS = "person_bbox.pkl"
FRAMES = "frame_list.txt"
_MAX_LIST_BYTES = 64 << 20  # the released list has 7
GROUPS = ("attention", "spatial", "contacting")


class BadFrameError(ValueError):
    """One frame's entry is not what the format says; the message is the reason."""


@dataclass(frozen=True)
class FrameObject:
    """An object of a frame; `box_xywh` in pixels and the relations are empty where it is not visible."""

    name: str
    visible: bool
    box_xywh: tuple[float, float, float, float] | None
    relations: dict[str, list[str]]  # attention and contacting run person -> object, spatial object -> person
    subset: str | None  # train | test


@dataclass(frozen=True)
class Person:
    """A detected person: box x1, y1, x2, y2 in pixels of a frame of `size` (w, h), and how sure the detector was."""

    box_xyxy: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True)
class Frame:
    """One annotated frame."""

    key: str
    objects: list[FrameObject]
    persons: list[Person]
    size: tuple[int, int] | None  # width, height


class Annotations:
    """The frames of a folder. FormatError if a file is missing, is no plain pickle or the files disagree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._objects = _mapping(folder / OBJECTS)
        self._persons = _mapping(folder / PERSONS)
        listed = _read_list(folder / FRAMES)
        self.twice = {key for key in listed if listed[key] > 1}
        strays = sorted(self._objects.keys() ^ listed.keys())
        if strays:
            raise FormatError(
                f"{folder}: {len(strays)} frames stand in only one of {OBJECTS} and {FRAMES}, first {strays[0]!r}; "
                "fetch both again"
            )

    def frame_keys(self) -> list[str]:
        """All frames, sorted."""
        return sorted(self._objects)

    def read(self, key: str) -> Frame:
        """One frame. BadFrameError where its entry is not what the format says."""
        if key in self.twice:
            raise BadFrameError(f"duplicate frame: twice in {FRAMES}")
        if key not in self._persons:
            raise BadFrameError(f"no persons entry: {PERSONS} lacks the frame")
        entries = _typed(self._objects[key], list, "the frame")
        objects = [_object(_typed(entry, dict, "an object")) for entry in entries]
        persons, size = _persons(_typed(self._persons[key], dict, "the persons"))
        return Frame(key, objects, persons, size)


def write(folder: Path, objects: Mapping[str, Any], persons: Mapping[str, Any]) -> None:
    """Write the three files as released."""
    (folder / OBJECTS).write_bytes(pickle.dumps(dict(objects), protocol=4))
    (folder / PERSONS).write_bytes(pickle.dumps(dict(persons), protocol=4))
    (folder / FRAMES).write_text("".join(f"{key}\n" for key in objects), encoding="utf-8")


def _mapping(path: Path) -> dict[str, Any]:
    value = plain_pickle.read(path)
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise FormatError(f"{path}: expected a dict by frame name, found {type(value).__name__}; fetch it again")
    return value


def _read_list(path: Path) -> dict[str, int]:
    lines = outside.text(path, _MAX_LIST_BYTES, "one frame a line").split()
    counts: dict[str, int] = {}
    for line in lines:
        if line.startswith("/") or ".." in line.split("/") or "\\" in line:
            raise FormatError(f"{path}: frame {line!r} leads out of the folder; fetch the list again")
        counts[line] = counts.get(line, 0) + 1
    return counts


def _object(entry: dict[str, Any]) -> FrameObject:
    name = _typed(_get(entry, "class"), str, "class")
    visible = _typed(_get(entry, "visible"), bool, "visible")
    metadata = entry.get("metadata") or {}
    subset = metadata.get("set") if isinstance(metadata, dict) else None
    if not visible:
        return FrameObject(name, False, None, {}, _subset(subset))
    relations = {group: _words(entry.get(f"{group}_relationship"), group) for group in GROUPS}
    return FrameObject(name, True, _box(_get(entry, "bbox"), "bbox"), relations, _subset(subset))


def _subset(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or value not in ("train", "test"):
        shown = repr(value[:40]) if isinstance(value, str) else f"a {type(value).__name__}"
        raise BadFrameError(f"malformed entry: set {shown}")
    return value


def _words(value: object, group: str) -> list[str]:
    words = [] if value is None else _typed(value, list, f"{group}_relationship")
    if not all(isinstance(word, str) for word in words):
        raise BadFrameError(f"malformed entry: {group}_relationship holds something other than names")
    return words


def _persons(entry: dict[str, Any]) -> tuple[list[Person], tuple[int, int] | None]:
    boxes_N4 = _rows(_get(entry, "bbox"), 4)
    scores_N = _rows(_get(entry, "bbox_score"), 1)
    if len(scores_N) != len(boxes_N4) or entry.get("bbox_mode", "xyxy") != "xyxy":
        raise BadFrameError("malformed entry: persons without a score each, or not in mode xyxy")
    size = _size_of(entry.get("bbox_size"))
    persons = [
        Person(_box(box, "person"), float(score)) for box, score in zip(boxes_N4.tolist(), scores_N.flat, strict=True)
    ]
    return persons, size


def _box(value: object, what: str) -> tuple[float, float, float, float]:
    numbers = _array(value).reshape(-1).tolist()
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise BadFrameError(f"malformed entry: {what} is not four numbers")
    x, y, w_or_x2, h_or_y2 = (float(number) for number in numbers)
    return (x, y, w_or_x2, h_or_y2)


def _array(value: object) -> npt.NDArray[np.float64]:
    """An array, or a list of numbers, or of such lists; nothing deeper, for that could stand for far more numbers."""
    if isinstance(value, plain_pickle.Array):
        return value.value.astype(np.float64)
    rows = value if isinstance(value, list | tuple) else [value]
    flat = [number for row in rows for number in (row if isinstance(row, list | tuple) else [row])]
    if not all(type(number) in (int, float) for number in flat):
        raise BadFrameError(f"malformed entry: expected numbers, found {type(value).__name__}")
    try:
        return np.array(flat, dtype=np.float64)
    except OverflowError:
        raise BadFrameError("malformed entry: expected numbers, found one that is beyond them") from None


def _rows(value: object, num_columns: int) -> npt.NDArray[np.float64]:
    numbers = np.empty(0) if value is None else _array(value).reshape(-1)
    if numbers.size % num_columns or not np.isfinite(numbers).all():
        raise BadFrameError(f"malformed entry: {numbers.size} numbers, expected finite ones in rows of {num_columns}")
    return numbers.reshape(-1, num_columns)


def _size_of(value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    numbers = _rows(value, 2)
    if len(numbers) != 1 or (numbers < 1).any() or (numbers % 1).any():
        raise BadFrameError("malformed entry: bbox_size is not a width and a height")
    return (int(numbers[0, 0]), int(numbers[0, 1]))


def _get(entry: dict[str, Any], key: str) -> Any:
    if key not in entry:
        raise BadFrameError(f"malformed entry: key {key!r} is missing")
    return entry[key]


def _typed(value: object, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        raise BadFrameError(f"malformed entry: {what} is a {type(value).__name__}, expected a {kind.__name__}")
    return value
