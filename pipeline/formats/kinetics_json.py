"""OpenPose estimates of Kinetics-Skeleton, one JSON a video (yysijie/st-gcn): 18 joints, pixels scaled to 0..1.

{"data": [{"frame_index": 1, "skeleton": [{"pose": [x0, y0, ...], "score": [s0, ...]}]}], "label": "...",
 "label_index": 5}. A frame index is used as the place in time; frames without people are absent or empty.
People are numbered by their place in the frame's list: OpenPose does not follow them from frame to frame.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import FormatError
from pipeline.core.joints import OPENPOSE18
from pipeline.formats.shared import LabelledClip, Sides, Skeleton

MAX_FRAMES = 300
MAX_PEOPLE = 50  # a frame with more is not from OpenPose's crowd of a Kinetics clip, but a hostile file
_MAX_BYTES = 64 << 20
_NUM_JOINTS = OPENPOSE18.num_joints


@dataclass(frozen=True)
class KineticsPoses:
    """One video's estimates. The third coordinate of the skeleton is the score, x and y are parts of the picture."""

    skeleton: Skeleton
    label: str
    label_index: int


def read(path: Path) -> KineticsPoses:
    """Parse one file. Raises FormatError where the structure, a number or a frame index is not as described."""
    tree = _json(path)
    try:
        frames = [(_index(path, frame["frame_index"]), _people(frame["skeleton"])) for frame in tree["data"]]
        label, label_index = str(tree["label"]), int(tree["label_index"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{path}: not a Kinetics-Skeleton file ({type(error).__name__}: {error})") from None
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
    return KineticsPoses(Skeleton(OPENPOSE18.name, joints_TMV3.swapaxes(0, 1).copy(), bodies), label, label_index)


def read_skeleton(path: Path) -> Skeleton:
    """The skeleton of one video's estimates."""
    return read(path).skeleton


def read_clips(path: Path) -> list[LabelledClip]:
    """The videos that `kinetics_{train,val}_label.json` names; one without a skeleton has that as its fault."""
    tree = _json(path)
    try:
        return [_labelled(str(name), entry) for name, entry in tree.items()]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"{path}: not a Kinetics-Skeleton label file ({type(error).__name__}: {error})") from None


def read_sides(path: Path) -> Sides:
    """The videos of the training label file train, those of the other test."""
    names = [clip.name for clip in read_clips(path)]
    return (names, []) if "train" in path.name else ([], names)


def _labelled(name: str, entry: dict[str, Any]) -> LabelledClip:
    fault = None if entry["has_skeleton"] else "empty: its label file says that no skeleton was found"
    return LabelledClip(name, name, int(entry["label_index"]), fault=fault)


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise FormatError(f"{path}: larger than {_MAX_BYTES >> 20} MiB, not a Kinetics-Skeleton file")
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not readable as JSON ({type(error).__name__}); replace the file") from None


def _index(path: Path, value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < MAX_FRAMES:
        raise FormatError(f"{path}: frame_index {value!r}, expected a whole number below {MAX_FRAMES}")
    return value


def _people(skeletons: list[Any]) -> npt.NDArray[np.float64]:
    if len(skeletons) > MAX_PEOPLE:
        raise ValueError(f"{len(skeletons)} people in a frame")
    rows = np.zeros((len(skeletons), _NUM_JOINTS, 3))
    for row, skeleton in zip(rows, skeletons, strict=True):
        row[:, :2] = np.array(skeleton["pose"], dtype=np.float64).reshape(_NUM_JOINTS, 2)
        row[:, 2] = np.array(skeleton["score"], dtype=np.float64).reshape(_NUM_JOINTS)
    return rows
