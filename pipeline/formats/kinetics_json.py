"""OpenPose estimates of Kinetics-Skeleton, one JSON a video (yysijie/st-gcn): 18 joints, pixels scaled to 0..1.

{"data": [{"frame_index": 1, "skeleton": [{"pose": [x0, y0, ...], "score": [s0, ...]}]}], "label": "...",
 "label_index": 5}. A frame index is used as the place in time; frames without people are absent or empty.
People are numbered by their place in the frame's list: OpenPose does not follow them from frame to frame.
"""

from dataclasses import dataclass
from pathlib import Path
from types import GenericAlias
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.core.errors import FormatError
from pipeline.core.joints import OPENPOSE18
from pipeline.formats import typed_json
from pipeline.formats.shared import LabelledClip, Sides, Skeleton

MAX_FRAMES = 300
MAX_PEOPLE = 50  # a frame with more is not from OpenPose's crowd of a Kinetics clip, but a hostile file
_MAX_BYTES = 8 << 20  # five people in each of 300 frames make one
_MAX_LABEL_BYTES = 64 << 20  # the list of 240,000 training videos has half
_NUM_JOINTS = OPENPOSE18.num_joints

# Of a fixed length each, so that a list of other lengths is refused where it goes wrong.
_FLOATS = {count: GenericAlias(tuple, (float,) * count) for count in (_NUM_JOINTS, 2 * _NUM_JOINTS)}
_Person: Any = msgspec.defstruct(
    "_Person", [("pose", _FLOATS[2 * _NUM_JOINTS]), ("score", _FLOATS[_NUM_JOINTS])], gc=False
)
_Frame: Any = msgspec.defstruct("_Frame", [("frame_index", int), ("skeleton", list[_Person])], gc=False)
_FILE: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(
    msgspec.defstruct("_File", [("data", list[_Frame]), ("label", str), ("label_index", int)], gc=False)
)


class _Labelled(msgspec.Struct, gc=False):
    has_skeleton: bool
    label_index: int


_LABELS = msgspec.json.Decoder(dict[str, _Labelled])


@dataclass(frozen=True)
class KineticsPoses:
    """One video's estimates. The third coordinate of the skeleton is the score, x and y are parts of the picture."""

    skeleton: Skeleton
    label: str
    label_index: int


def read(path: Path) -> KineticsPoses:
    """Parse one file. Raises FormatError where the structure, a number or a frame index is not as described."""
    file = typed_json.read(path, _FILE, _MAX_BYTES, "a Kinetics-Skeleton file")
    frames = [(_index(path, frame.frame_index), _people(path, frame.skeleton)) for frame in file.data]
    if len({index for index, _ in frames}) < len(frames):
        raise FormatError(f"{path}: a frame_index stands there twice; replace the file")
    people = [person for _, person in frames]
    if not any(len(person) for person in people):
        raise FormatError(f"{path}: no body in any frame")
    shape = (1 + max(index for index, _ in frames), max(map(len, people)), _NUM_JOINTS, 3)
    joints_TMV3 = np.full(shape, np.nan, dtype=np.float32)
    for index, person in frames:
        with np.errstate(over="ignore"):
            joints_TMV3[index, : len(person)] = person
        if not np.isfinite(joints_TMV3[index, : len(person)]).all():
            raise FormatError(f"{path}: a joint of frame {index} is not a finite number")
    bodies = tuple(range(shape[1]))
    return KineticsPoses(
        Skeleton(OPENPOSE18.name, joints_TMV3.swapaxes(0, 1).copy(), bodies), file.label, file.label_index
    )


def read_skeleton(path: Path) -> Skeleton:
    """The skeleton of one video's estimates."""
    return read(path).skeleton


def read_clips(path: Path) -> list[LabelledClip]:
    """The videos that `kinetics_{train,val}_label.json` names; a video without a skeleton says so in `fault`."""
    entries = typed_json.read(path, _LABELS, _MAX_LABEL_BYTES, "a Kinetics-Skeleton label file")
    return [_labelled(name, entry) for name, entry in entries.items()]


def read_sides(path: Path) -> Sides:
    """The videos of the training label file train, those of the other test."""
    names = [clip.name for clip in read_clips(path)]
    return (names, []) if "train" in path.name else ([], names)


def _labelled(name: str, entry: _Labelled) -> LabelledClip:
    fault = None if entry.has_skeleton else "empty: its label file says that no skeleton was found"
    return LabelledClip(name, name, entry.label_index, fault=fault)


def _index(path: Path, value: int) -> int:
    if not 0 <= value < MAX_FRAMES:
        raise FormatError(f"{path}: frame_index {value}, expected a whole number below {MAX_FRAMES}")
    return value


def _people(path: Path, skeletons: list[Any]) -> npt.NDArray[np.float64]:
    if len(skeletons) > MAX_PEOPLE:
        raise FormatError(f"{path}: {len(skeletons)} people in a frame, at most {MAX_PEOPLE} are read")
    rows = np.empty((len(skeletons), _NUM_JOINTS, 3))
    for row, skeleton in zip(rows, skeletons, strict=True):
        row[:, :2] = np.array(skeleton.pose).reshape(_NUM_JOINTS, 2)
        row[:, 2] = skeleton.score
    return rows
