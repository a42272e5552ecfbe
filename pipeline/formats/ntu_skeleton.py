"""NTU RGB+D `.skeleton` text files: frames, the bodies in each, and 25 joints a body as Kinect v2 gave them.

Per file a frame count; per frame a body count; per body a line of ten values that begins with a 64-bit id, a joint
count and a line a joint: x y z (metres, camera space), depth x y, colour x y (pixels), orientation w x y z, state
(shahroudy/NTURGB-D, README and Matlab/read_skeleton_file.m).
"""

# Shapes: B bodies of a frame summed over all frames, M bodies, T frames, V = 25 joints, 2 = x y, 3 = x y z.
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.core.joints import NTU25
from pipeline.core.outputs import whole
from pipeline.formats.shared import Skeleton

_V = NTU25.num_joints
_BODY_VALUES, _JOINT_VALUES = 10, 12
# The largest real files have a few MB; what is far beyond is not a recording and must not fill the memory.
_MAX_FILE_BYTES = 32 << 20
_MAX_ARRAY_BYTES = 256 << 20
_MAX_FRAMES = _MAX_ARRAY_BYTES // (_V * 3 * 4)  # with more, not even one body fits

# How the CSV reader sees joint lines. It rounds as float() does.
_COLUMNS = [f"column {number}" for number in range(_JOINT_VALUES)]
_ONE_SPACE = csv.ParseOptions(delimiter=" ", quote_char=False, ignore_empty_lines=False)
_X_Y_Z = csv.ConvertOptions(
    include_columns=_COLUMNS[:3],
    column_types=dict.fromkeys(_COLUMNS[:3], pa.float64()),
    null_values=[],
    check_utf8=False,
)

# One body of one frame as text: its line, the joint count and the joints. Nobody uses the orientations: they are 0.
_JOINT_TEXT = "%.9g %.9g %.9g %.7g %.7g %.7g %.7g 0 0 0 0 2\n"
_BODY_TEXT = f"%d 0 0 0 0 0 0 0 0 2\n{_V}\n" + _JOINT_TEXT * _V


def read(path: Path) -> Skeleton:
    """Every body of a `.skeleton` file; the other nine values of a joint are counted, not kept.

    A value may be NaN or infinite: that is as recorded. FormatError, with the line, for anything that is not this
    format to its end.
    """
    text = _text(path)
    layout = _walk(text)
    xyz_BV3 = _coordinates(text, layout.first_joints)
    body_ids = tuple(dict.fromkeys(layout.body_ids))
    if len(body_ids) * layout.num_frames * _V * 3 * 4 > _MAX_ARRAY_BYTES:
        raise FormatError(f"{path}: {len(body_ids)} bodies in {layout.num_frames} frames; no recording has so many")
    xyz_MTV3 = np.full((len(body_ids), layout.num_frames, _V, 3), np.nan, np.float32)
    row = {body: index for index, body in enumerate(body_ids)}
    with np.errstate(over="ignore"):  # 1e99 is infinite in float32, and the checks of later stages see it
        xyz_MTV3[[row[body] for body in layout.body_ids], layout.frames] = xyz_BV3
    return Skeleton(NTU25.name, xyz_MTV3, body_ids)


def write(
    path: Path, skeleton: Skeleton, depth_xy_MTV2: npt.NDArray[np.float32], color_xy_MTV2: npt.NDArray[np.float32]
) -> None:
    """Write a skeleton and its pixel positions; a body that is NaN throughout a frame is left out of it.

    `read` gives the same float32 coordinates back, bit by bit.
    """
    joints_MTV7 = np.concatenate([skeleton.xyz_MTV3, depth_xy_MTV2, color_xy_MTV2], axis=-1).astype(np.float64)
    present_MT: npt.NDArray[np.bool_] = np.logical_not(np.isnan(skeleton.xyz_MTV3).all(axis=(2, 3)))
    parts = [f"{skeleton.num_frames}\n"]
    for frame in range(skeleton.num_frames):
        bodies = np.flatnonzero(present_MT[:, frame])
        parts.append(f"{len(bodies)}\n")
        for body in bodies:
            values = joints_MTV7[body, frame].ravel().tolist()
            parts.append(_BODY_TEXT % (skeleton.body_ids[body], *values))
    with whole(path) as scratch:
        scratch.write_text("".join(parts), encoding="ascii", newline="\n")


@dataclass(frozen=True)
class _Text:
    """A file's bytes and where its lines end; a faulty line is looked up, the others are never copied."""

    path: Path
    data: bytes
    ends: npt.NDArray[np.intp]

    def start(self, at: int) -> int:
        """Offset of line `at`, counted from 0; that of the line after the last one too."""
        return int(self.ends[at - 1]) + 1 if at else 0

    def line(self, at: int) -> bytes:
        """Line `at` with its line feed; nothing beyond the end."""
        return self.data[self.start(at) : self.ends[at] + 1] if at < len(self.ends) else b""

    def refusal(self, at: int, expected: str) -> FormatError:
        """The error for line `at`."""
        end = "the end (truncated?)" if self.data else "an empty file"
        shown = repr(self.line(at)[:40].decode("ascii").rstrip()) if at < len(self.ends) else end
        return FormatError(f"{self.path}: line {at + 1}: expected {expected}; found {shown}")

    def count(self, at: int, what: str, max_count: int) -> int:
        """The whole number that line `at` should hold."""
        value = self.line(at).strip()
        if not _is_count(value):
            raise self.refusal(at, f"{what}, a whole number")
        if int(value) > max_count:
            raise self.refusal(at, f"{what}, at most {max_count}")
        return int(value)


@dataclass(frozen=True)
class _Layout:
    """Where the bodies stand in the lines: of each its id, its frame and the line of its first joint."""

    num_frames: int
    body_ids: list[int]
    frames: list[int]
    first_joints: list[int]


def _text(path: Path) -> _Text:
    data = outside.content(path, _MAX_FILE_BYTES, "a .skeleton file")
    if data and not data.endswith(b"\n"):
        data += b"\n"
    text = _Text(path, data, np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")))
    if not data.isascii():
        offset = next(offset for offset, byte in enumerate(data) if byte > 127)
        at = int(np.searchsorted(text.ends, offset))
        raise FormatError(f"{path}: line {at + 1}: not text; expected numbers in plain ASCII")
    return text


def _walk(text: _Text) -> _Layout:
    """Follow the counts from the first line to the last."""
    num_frames = text.count(0, "the number of frames", min(len(text.ends), _MAX_FRAMES))
    layout = _Layout(num_frames, [], [], [])
    at = 1
    for frame in range(num_frames):
        num_bodies = text.count(at, "the number of bodies in a frame", len(text.ends))
        at += 1
        for _ in range(num_bodies):
            layout.body_ids.append(_body_id(text, at))
            layout.frames.append(frame)
            layout.first_joints.append(at + 2)
            at += 2 + _V
        if num_bodies > 1 and len(set(layout.body_ids[-num_bodies:])) < num_bodies:
            raise text.refusal(at - 1, f"different bodies in frame {frame + 1}; one is named twice")
    if text.data[text.start(at) :].strip():
        rest = next(rest for rest in range(at, len(text.ends)) if text.line(rest).strip())
        raise text.refusal(rest, "the end of the file after the last frame")
    return layout


def _body_id(text: _Text, at: int) -> int:
    """Id of the body whose line is `at`; its joint count is right and all its lines are there."""
    values = text.line(at).split()
    if len(values) != _BODY_VALUES or not _is_count(values[0]) or int(values[0]) >= 1 << 64:
        raise text.refusal(at, f"a body: {_BODY_VALUES} values, the first a 64-bit id")
    if text.count(at + 1, "the number of joints", _V) != _V:
        raise text.refusal(at + 1, f"{_V} joints")
    if at + 2 + _V > len(text.ends):
        raise text.refusal(len(text.ends), "a joint")
    return int(values[0])


def _coordinates(text: _Text, first_joints: list[int]) -> npt.NDArray[np.float64]:
    """x y z of all joints, converted at once by a CSV reader that counts the other columns and skips their values."""
    if not first_joints:
        return np.empty((0, _V, 3))
    joints = b"".join(text.data[text.start(first) : text.start(first + _V)] for first in first_joints)
    read_options = csv.ReadOptions(column_names=_COLUMNS, use_threads=False, block_size=len(joints) + 1)
    try:
        table = csv.read_csv(pa.BufferReader(joints), read_options, _ONE_SPACE, _X_Y_Z)
    except pa.ArrowInvalid:
        table = None
    if table is None or table.num_rows != _V * len(first_joints):  # other white space, or a fault to be named
        lines = (first + joint for first in first_joints for joint in range(_V))
        return np.array([_joint(text, at) for at in lines], np.float64).reshape(-1, _V, 3)
    # Not `to_numpy`, which imports pandas: a fifth of a second for whoever reads one file.
    columns = [np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks]) for column in table.columns]
    return np.stack(columns, axis=1).reshape(-1, _V, 3)


def _joint(text: _Text, at: int) -> list[float]:
    """x y z of one joint line with any white space; slow, but knows the line of a fault."""
    values = text.line(at).split()
    try:
        if len(values) != _JOINT_VALUES:
            raise ValueError
        return [float(value) for value in values[:3]]
    except ValueError:
        raise text.refusal(at, f"a joint: {_JOINT_VALUES} numbers, x y z first") from None


def _is_count(value: bytes) -> bool:
    return value.isdigit() and len(value) <= 20
