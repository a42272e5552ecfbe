"""layout.yaml: what the skeleton arrays beside and below it hold; of two the nearer one counts (docs/formats.md).

joints: [pelvis, neck, ...]        # in the order of the array, or a known layout: ntu25
parents: {neck: pelvis, ...}       # of an own list; or a list in the order of the joints, the root null or -1
unit: mm                           # m, cm, mm, a number of metres; of places in pictures pixels or normalised
axes: T V C                        # M people, T frames, V joints, C coordinates; letters together are one axis
"""

# Shapes: M people, T frames, V joints, C coordinates as the file has them.
import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pipeline.core import joints, params, stamp
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.joints import JointLayout
from pipeline.core.upright import Up

FILE = "layout.yaml"
METRES: dict[str, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001}
IN_PICTURES = ("pixels", "normalised")
LISTS = ("manifest.csv", "manifest.parquet")  # beside one of these is the root of a user's collection
_KEYS, _REMEDY = "keys such as `joints:` and `unit:` (docs/formats.md)", "write it anew as docs/formats.md says"
_MAX_UP = 16  # folders
_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}

Metres = Annotated[float, Field(gt=0, lt=1e6)]


class SkeletonLayout(params.Params):
    """The keys of a layout file. Those with a value here may be left out."""

    joints: str | list[str]
    unit: str | Metres
    parents: dict[str, str | None] | list[str | int | None] | None = None
    centre: str | None = None
    shoulders: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None  # right, left
    axes: str | None = None
    key: str | None = None
    up: Up | None = None
    handed: Literal["left", "right"] = "right"
    confidence: bool = False
    columns: str = "{joint}_{axis}"
    frame_rate: Annotated[float, Field(gt=0, lt=1e6)] | None = None


@dataclass(frozen=True)
class Layout:
    """A layout file as readers use it.

    `labels` are the joints as the file's author calls them, `joints.names` as the project does ("RightKnee" is
    "knee_right"). `metres` is the length of the unit, None of places in pictures.
    """

    joints: JointLayout
    path: Path
    labels: tuple[str, ...]
    unit: str
    metres: float | None
    axes: tuple[str, ...] | None
    key: str | None
    up: str
    is_left_handed: bool
    has_confidence: bool
    columns: str
    frame_rate: float | None

    @property
    def num_values(self) -> int:
        """Numbers a joint in the file, C."""
        return (2 if self.joints.planar else 3) + self.has_confidence


def declared(path: Path) -> Layout | None:
    """The layout of the arrays of a file or folder, or None. Raises ParamsError for one that is not as it should be."""
    file = file_of(path)
    if file is None:
        return None
    try:
        state = file.stat()
    except OSError as error:
        raise ParamsError(f"{file}: cannot be read ({error.strerror})") from None
    return _read_once(file, state.st_size, state.st_mtime_ns)


def file_of(path: Path) -> Path | None:
    """The layout file that counts for a file or folder: beside it or in it, else in the nearest folder above.

    The search ends at the root of the dataset: a folder with a stamp beside it, or with a manifest.
    """
    place = path.absolute()
    for folder in [*([place] if place.is_dir() else []), *place.parents][:_MAX_UP]:
        if (folder / FILE).is_file():
            return folder / FILE
        has_stamp = bool(folder.name) and stamp.stamp_path(folder).is_file()
        if has_stamp or any((folder / name).is_file() for name in LISTS):
            return None
    return None


def canonical(label: str) -> str:
    """A joint's name as the known layouts write it: small letters, the side last.

    >>> canonical("RightUpLeg"), canonical("l_knee"), canonical("LWrist"), canonical("head")
    ('up_leg_right', 'knee_left', 'wrist_left', 'head')
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", re.sub(r"^([LRlr])(?=[A-Z][a-z])", r"\1_", label))
    small = [word.lower() for word in words]
    sides = [_SIDES[word] for word in small if word in _SIDES]
    rest = [word for word in small if word not in _SIDES]
    if len(sides) != 1 or not any(word.isalpha() for word in rest):  # L5 is no left side
        return label.lower()
    return "_".join([*rest, *sides])


@lru_cache(maxsize=64)
def _read_once(path: Path, _num_bytes: int, _changed_ns: int) -> Layout:
    file = params.parse(SkeletonLayout, params.read(path, _KEYS, _REMEDY), "", path)
    try:
        return _layout(path, file)
    except DataError as error:
        raise ParamsError(f"{path}: {error}") from None


def _layout(path: Path, file: SkeletonLayout) -> Layout:
    if isinstance(file.unit, str) and file.unit not in (*METRES, *IN_PICTURES):
        raise DataError(
            f"unit: found '{file.unit[:40]}'; expected {', '.join(METRES)} or a number of metres for places in space, "
            f"{' or '.join(IN_PICTURES)} for places in a picture"
        )
    planar = file.unit in IN_PICTURES
    labels, body = _body(file, planar=planar)
    axes = None if file.axes is None else tuple(file.axes.split())
    if axes is not None:
        _check_axes(file.axes or "", axes)
    if planar and (file.up is not None or file.handed != "right"):
        raise DataError(f"`up` and `handed` are of places in space, unit {file.unit} is of pictures; leave them out")
    if not all(part in file.columns for part in ("{joint}", "{axis}")):
        raise DataError(f"columns: expected a name such as '{{joint}}_{{axis}}', found {file.columns[:40]!r}")
    metres = None if planar else METRES[file.unit] if isinstance(file.unit, str) else file.unit
    return Layout(
        body,
        path,
        labels,
        str(file.unit),
        metres,
        axes,
        file.key,
        file.up or "y",
        file.handed == "left",
        file.confidence,
        file.columns,
        file.frame_rate,
    )


def _body(file: SkeletonLayout, *, planar: bool) -> tuple[tuple[str, ...], JointLayout]:
    """The names of the joints as the file's author writes them, and the layout."""
    if isinstance(file.joints, str):
        known = joints.LAYOUTS.get(file.joints)
        if known is None:
            near = difflib.get_close_matches(file.joints, joints.LAYOUTS, n=1)
            guess = f", did you mean {near[0]}?" if near else ""
            raise DataError(
                f"joints: no known layout '{file.joints[:40]}'{guess}; there are {', '.join(sorted(joints.LAYOUTS))}; "
                "or list your joints in the order of the array"
            )
        if file.parents is not None:
            raise DataError(f"parents: {file.joints} has its bones already; leave them out, or list the joints")
        parents = {known.names[child]: known.names[parent] for child, parent in known.edges}
        centre = _renamed(file.centre) or known.names[known.centre]
        sides = _shoulders(file, known.names)
        return known.names, joints.own(known.names, parents, centre, sides, planar=planar)
    names = tuple(canonical(label) for label in file.joints)
    near_root = {child: parent for child, parent in _parents(file, file.joints).items() if parent is not None}
    body = joints.own(names, near_root, _renamed(file.centre), _shoulders(file, names), planar=planar)
    return tuple(file.joints), body


def _renamed(label: str | None) -> str | None:
    return None if label is None else canonical(label)


def _parents(file: SkeletonLayout, labels: list[str]) -> dict[str, str | None]:
    if file.parents is None:
        raise DataError("parents: missing; give each joint but the root the joint that it hangs on")
    if isinstance(file.parents, dict):
        return {canonical(child): _renamed(parent) for child, parent in file.parents.items()}
    if len(file.parents) != len(labels):
        raise DataError(f"parents: expected one for each of {len(labels)} joints, found {len(file.parents)}")
    found = {}
    for label, parent in zip(labels, file.parents, strict=True):
        if isinstance(parent, int):
            if not -1 <= parent < len(labels):
                raise DataError(
                    f"parents: '{label}' hangs on joint {parent}, there are 0 to {len(labels) - 1}; root: -1"
                )
            found[canonical(label)] = canonical(labels[parent]) if parent >= 0 else None
        else:
            found[canonical(label)] = _renamed(parent)
    return found


def _shoulders(file: SkeletonLayout, names: tuple[str, ...]) -> tuple[str, str]:
    if file.shoulders is not None:
        return canonical(file.shoulders[0]), canonical(file.shoulders[1])
    if not {"shoulder_right", "shoulder_left"} <= set(names):
        raise DataError(
            "shoulders: no joints shoulder_right and shoulder_left; say which two joints stand for the right and the "
            "left one, `shoulders: [right, left]`: recipes turn the body by them"
        )
    return "shoulder_right", "shoulder_left"


def _check_axes(text: str, axes: tuple[str, ...]) -> None:
    letters = "".join(axes)
    if sorted(letters.replace("J", "V").replace("M", "")) != ["C", "T", "V"] or letters.count("M") > 1:
        raise DataError(
            f"axes: found {text[:40]!r}; expected T (frames), V (joints) and C (coordinates) once each, M (people) if "
            "the array has them, in its order: 'T V C', 'M T V C', 'C T V M', or 'T VC' for a row of V x C numbers"
        )
    if any({"T", "M"} <= set(axis) for axis in axes):
        raise DataError(f"axes: {text[:40]!r}: T and M in one axis cannot be told apart; save them as two")
