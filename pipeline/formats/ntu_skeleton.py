"""NTU RGB+D `.skeleton` text files: frames, the bodies in each, and 25 joints a body as Kinect v2 gave them.

Per file a frame count; per frame a body count; per body a line of ten values that begins with a 64-bit id, a joint
count and a line a joint: x y z (metres, camera space), depth x y, colour x y (pixels), orientation w x y z, state
(shahroudy/NTURGB-D, README and Matlab/read_skeleton_file.m).
"""

# Shapes: B bodies of a frame summed over all frames, M bodies, T frames, V = 25 joints, 2 = x y, 3 = x y z.
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import FormatError
from pipeline.core.joints import NTU25
from pipeline.core.outputs import whole
from pipeline.formats.shared import Skeleton

_V = NTU25.num_joints
_BODY_VALUES, _JOINT_VALUES = 10, 12
# The largest real files have a few MB; what is far beyond is not a recording and must not fill the memory.
_MOST_FILE_BYTES = 32 << 20
_MOST_ARRAY_BYTES = 256 << 20

# One body of one frame as text: its line, the joint count and the joints. Nobody uses the orientations: they are 0.
_JOINT_TEXT = "%.9g %.9g %.9g %.7g %.7g %.7g %.7g 0 0 0 0 2\n"
_BODY_TEXT = f"%d 0 0 0 0 0 0 0 0 2\n{_V}\n" + _JOINT_TEXT * _V


def read(path: Path) -> Skeleton:
    """Every body of a `.skeleton` file; the other nine values of a joint are counted, not kept.

    A value may be NaN or infinite: that is as recorded. FormatError, with the line, for anything that is not this
    format to its end.
    """
    text = _text(path)
    found = _walk(text)
    xyz_BV3 = _coordinates(text, found.first_joints)
    body_ids = tuple(dict.fromkeys(found.body_ids))
    if len(body_ids) * found.num_frames * _V * 3 * 4 > _MOST_ARRAY_BYTES:
        raise FormatError(f"{path}: {len(body_ids)} bodies in {found.num_frames} frames; no recording has so many")
    xyz_MTV3 = np.full((len(body_ids), found.num_frames, _V, 3), np.nan, np.float32)
    row = {body: index for index, body in enumerate(body_ids)}
    with np.errstate(over="ignore"):  # 1e99 is infinite in float32, and the checks of later stages see it
        xyz_MTV3[[row[body] for body in found.body_ids], found.frames] = xyz_BV3
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
    """A file as lines, with the number of spaces in each."""

    path: Path
    lines: list[str]
    num_spaces: npt.NDArray[np.int64]

    def refusal(self, at: int, expected: str) -> FormatError:
        """The error for line `at`, counted from 0."""
        found = repr(self.lines[at][:40]) if at < len(self.lines) else "the end of the file (truncated?)"
        return FormatError(f"{self.path}: line {at + 1}: expected {expected}; found {found}")

    def count(self, at: int, what: str, most: int) -> int:
        """The whole number that line `at` should hold."""
        value = self.lines[at].strip() if at < len(self.lines) else ""
        if not _is_count(value) or int(value) > most:
            raise self.refusal(at, f"{what}, at most {most}")
        return int(value)


@dataclass(frozen=True)
class _Found:
    """Where the bodies stand in the lines: of each its id, its frame and the line of its first joint."""

    num_frames: int
    body_ids: list[int]
    frames: list[int]
    first_joints: list[int]


def _text(path: Path) -> _Text:
    size = path.stat().st_size
    if size > _MOST_FILE_BYTES:
        raise FormatError(f"{path}: {size} bytes; a .skeleton file has at most {_MOST_FILE_BYTES}")
    data = path.read_bytes()
    if not data.isascii():
        bad = next(number for number, line in enumerate(data.split(b"\n"), 1) if not line.isascii())
        raise FormatError(f"{path}: line {bad}: not text; expected numbers in plain ASCII")
    characters = np.frombuffer(data + b"\n", np.uint8)
    before = np.searchsorted(np.flatnonzero(characters == ord(" ")), np.flatnonzero(characters == ord("\n")))
    return _Text(path, data.decode("ascii").split("\n"), np.diff(before, prepend=0))


def _walk(text: _Text) -> _Found:
    """Follow the counts from the first line to the last."""
    num_lines = len(text.lines)
    num_frames = text.count(0, "the number of frames", num_lines)
    found = _Found(num_frames, [], [], [])
    at = 1
    for frame in range(num_frames):
        num_bodies = text.count(at, f"the number of bodies in frame {frame + 1} of {num_frames}", num_lines)
        at += 1
        for _ in range(num_bodies):
            found.body_ids.append(_body_id(text, at))
            found.frames.append(frame)
            found.first_joints.append(at + 2)
            at += 2 + _V
        if num_bodies > 1 and len(set(found.body_ids[-num_bodies:])) < num_bodies:
            raise text.refusal(at - 1, f"different bodies in frame {frame + 1}; one is named twice")
    for rest in range(at, num_lines):
        if text.lines[rest].strip():
            raise text.refusal(rest, "the end of the file after the last frame")
    return found


def _body_id(text: _Text, at: int) -> int:
    """Id of the body whose line is `at`; its joint count is right and all its lines are there."""
    values = text.lines[at].split() if at < len(text.lines) else []
    if len(values) != _BODY_VALUES or not _is_count(values[0]) or int(values[0]) >= 1 << 64:
        raise text.refusal(at, f"a body: {_BODY_VALUES} values, the first a 64-bit id")
    if text.count(at + 1, "the number of joints", _V) != _V:
        raise text.refusal(at + 1, f"{_V} joints")
    if at + 2 + _V > len(text.lines):
        raise text.refusal(len(text.lines), "a joint")
    return int(values[0])


def _coordinates(text: _Text, first_joints: list[int]) -> npt.NDArray[np.float64]:
    """x y z of all joints, split no further than z and converted in one go: most of a file is not used."""
    joints = (np.array(first_joints, np.int64)[:, None] + np.arange(_V)).ravel()
    if (text.num_spaces[joints] == _JOINT_VALUES - 1).all():
        lines = itertools.chain.from_iterable(text.lines[first : first + _V] for first in first_joints)
        rows = map(str.split, lines, itertools.repeat(" "), itertools.repeat(3))
        try:
            values = np.fromiter(map(float, itertools.chain(*list(zip(*rows, strict=True))[:3])), np.float64)
            return values.reshape(3, -1, _V).transpose(1, 2, 0)
        except ValueError:
            pass  # named with its line below
    return np.array([_joint(text, int(at)) for at in joints], np.float64).reshape(-1, _V, 3)


def _joint(text: _Text, at: int) -> list[float]:
    """x y z of one joint with any white space; the slow way, which knows the line of a fault."""
    values = text.lines[at].split()
    try:
        if len(values) != _JOINT_VALUES:
            raise ValueError
        return [float(value) for value in values[:3]]
    except ValueError:
        raise text.refusal(at, f"a joint: {_JOINT_VALUES} numbers, x y z first") from None


def _is_count(value: str) -> bool:
    return value.isdigit() and len(value) <= 20
