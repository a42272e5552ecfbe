"""PKU-MMD text files: skeletons and labels of untrimmed recordings, and the lists of the two protocols.

Skeleton `0002-L.txt`: a line a frame, 150 numbers = 2 bodies x 25 joints x (x, y, z) metres, zeros for an absent body.
Label `0002-L.txt`: `class (1..51), first frame, last frame, confidence` a line; frames count from 1, both ends belong
to the action.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.core.joints import NTU25
from pipeline.formats import segments
from pipeline.formats.shared import LabelledClip, Sides, Skeleton

NUM_CLASSES = 51
_NUM_BODIES = 2
_NUM_VALUES = _NUM_BODIES * NTU25.num_joints * 3
_MAX_BYTES = 64 << 20  # some 40,000 frames; of line breaks alone half a gigabyte in memory
_MAX_LINE = 1 << 16  # the names of the thousand recordings of a protocol are the longest
_MAX_FRAMES = 10_000_000
_LABEL = re.compile(r" *(\d{1,9}) *, *(\d{1,9}) *, *(\d{1,9}) *, *(\d{1,9}) *", re.ASCII)


@dataclass(frozen=True)
class LabelledPart:
    """One action in a recording: class from 0, frames from 0, `stop` exclusive, the annotator's confidence."""

    class_id: int
    first: int
    stop: int
    confidence: int


def read_skeleton(path: Path, frames: range | None = None) -> Skeleton:
    """Two bodies, joints in metres, of all frames or a range of them; a body that is written as zeros is absent."""
    lines = _lines(path)
    chosen = lines if frames is None else lines[frames.start : frames.stop]
    if not chosen:
        raise FormatError(f"{path}: no frames there, the recording has {len(lines)}")
    first = 0 if frames is None else frames.start
    joints = np.stack([_numbers(path, number, line) for number, line in enumerate(chosen, first + 1)])
    xyz_MTV3 = joints.reshape(len(chosen), _NUM_BODIES, NTU25.num_joints, 3).swapaxes(0, 1).copy()
    xyz_MTV3[~xyz_MTV3.any(axis=(2, 3))] = np.nan
    return Skeleton(NTU25.name, xyz_MTV3, tuple(range(_NUM_BODIES)))


def read_part(path: Path) -> Skeleton:
    """The skeleton of a path such as `0002-L.txt#frames=119-190`. Raises FormatError for frames that are not there."""
    name, segment = segments.parse(str(path))
    if segment is None:
        return read_skeleton(path)
    num_recorded = num_frames(Path(name))
    if segment.stop > num_recorded:
        raise FormatError(
            f"{name}: part {segment.first:.0f}-{segment.stop:.0f} lies outside the {num_recorded} frames; "
            f"the label file and the recording do not belong together"
        )
    return read_skeleton(Path(name), segment.frames(num_recorded))


def num_frames(path: Path) -> int:
    """Number of frames of a skeleton file, without parsing them."""
    return len(_lines(path))


def read_labels(path: Path) -> list[LabelledPart]:
    """The actions of one recording in file order."""
    return [_label(path, number, line) for number, line in enumerate(_lines(path), 1)]


def read_clips(path: Path) -> list[LabelledClip]:
    """The actions of a label file as clips of the recording that bears its name."""
    parts = [
        (segments.join("", segments.Segment("frames", label.first, label.stop)), label) for label in read_labels(path)
    ]
    return [LabelledClip(path.stem + part, path.stem, label.class_id, part) for part, label in parts]


def read_protocol(path: Path) -> Sides:
    """`cross-subject.txt` or `cross-view.txt`: names of the training and of the validation recordings."""
    lines = _lines(path)
    if len(lines) < 4:
        raise FormatError(f"{path}: expected a header, training names, a header and validation names, a line each")
    train, val = (sorted(name.strip() for name in lines[row].split(",") if name.strip()) for row in (1, 3))
    both = sorted(set(train) & set(val))
    if both or not train or not val:
        what = f"{both[0]!r} is in both lists" if both else "a list is empty"
        raise FormatError(f"{path}: {what}; take the released file")
    return train, val


def _lines(path: Path) -> list[str]:
    lines = outside.text(path, _MAX_BYTES, "a PKU-MMD file", "ascii").splitlines()
    longest = max(map(len, lines), default=0)
    if longest > _MAX_LINE:
        raise FormatError(f"{path}: a line of {longest} characters, not a PKU-MMD file; replace the file")
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _numbers(path: Path, number: int, line: str) -> npt.NDArray[np.float32]:
    try:
        values = np.array(line.split(), dtype=np.float64)
    except ValueError:
        raise FormatError(f"{path}: line {number}: not a number") from None
    if len(values) != _NUM_VALUES or not np.isfinite(values).all() or np.abs(values).max() > 1e6:
        raise FormatError(f"{path}: line {number}: expected {_NUM_VALUES} finite numbers (metres), found {len(values)}")
    return values.astype(np.float32)


def _label(path: Path, number: int, line: str) -> LabelledPart:
    match = _LABEL.fullmatch(line.rstrip())
    if match is None:
        raise FormatError(f"{path}: line {number}: expected 'class,first,last,confidence' in whole numbers")
    class_number, first, last, confidence = map(int, match.groups())
    if not 1 <= class_number <= NUM_CLASSES or not 1 <= first <= last <= _MAX_FRAMES:
        raise FormatError(f"{path}: line {number}: class {class_number}, frames {first} to {last} cannot be")
    return LabelledPart(class_number - 1, first - 1, last, confidence)
