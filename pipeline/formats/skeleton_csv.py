"""Skeletons as CSV: wide, a line a frame with columns for each joint's numbers; or long, a line a joint.

Long tables have the columns frame, joint, x, y, z, and person where there are several. Wide ones name their columns as
`columns` in the layout says (`{joint}_{axis}`), and may have frame and person; without a line of names, a line is all
joints' numbers in the layout's order. Frames are places in time; the first one of a file is its beginning.
"""

# Shapes: M people, T frames, V joints, C numbers a joint as the file has them.
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.formats.skeleton_layout import Layout

MAX_BYTES = 32 << 20
_MAX_LINE = 1 << 17  # characters
_MAX_VALUES = 16 << 20  # of the array
_MAX_PEOPLE = 1000  # ids that a file may name; few of them are people at once
_AXES = ("x", "y", "z")

Floats = npt.NDArray[np.float64]
Line = tuple[int, list[str]]


def read(path: Path, layout: Layout) -> Floats:
    """values_MTVC of a table, NaN where it has none. Raises FormatError, with the line, for one that does not fit."""
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise FormatError(f"{path}: an empty file; expected a table of joints")
    header = [name.strip() for name in first[1]]
    if _are_numbers(header):
        return _without_names(path, [first, *lines], layout)
    twice = next((name for place, name in enumerate(header) if name and name in header[:place]), None)
    if twice is not None:
        raise FormatError(f"{path}: line 1: two columns are called '{twice[:40]}'")
    table = _Table(path, header, layout)
    return table.long(lines) if "joint" in header else table.wide(lines)


class _Table:
    """A table with names of columns."""

    def __init__(self, path: Path, header: list[str], layout: Layout) -> None:
        self.path, self.header, self.layout = path, header, layout
        self.place = {name: column for column, name in enumerate(header)}
        self.axes = [*_AXES[: layout.num_values - layout.has_confidence], *(["confidence"] * layout.has_confidence)]

    def wide(self, lines: Iterator[Line]) -> Floats:
        """A line a frame, or a frame and person."""
        names = [
            self.layout.columns.replace("{joint}", joint).replace("{axis}", axis)
            for joint in self.layout.labels
            for axis in self.axes
        ]
        columns = self._columns(names)
        places, rows = [], []
        for count, (number, cells) in enumerate(lines):
            self._check_length(number, cells)
            places.append((self._frame(number, cells, count), self._person(cells)))
            rows.append(self._numbers(number, [cells[column] for column in columns]))
        shape = (len(rows), self.layout.joints.num_joints, self.layout.num_values)
        return self._placed(places, np.array(rows, np.float64).reshape(shape))

    def long(self, lines: Iterator[Line]) -> Floats:
        """A line a joint."""
        columns = self._columns(["frame", "joint", *self.axes])[2:]
        joint_column = self.place["joint"]
        numbered = {str(joint): joint for joint in range(self.layout.joints.num_joints)}
        known = numbered | {label: joint for joint, label in enumerate(self.layout.labels)}
        at: dict[tuple[int, str], dict[int, list[float]]] = {}
        for number, cells in lines:
            self._check_length(number, cells)
            joint = known.get(cells[joint_column].strip())
            if joint is None:
                raise self._refusal(number, f"joint '{cells[joint_column].strip()[:40]}' is none of {self.layout.path}")
            body = at.setdefault((self._frame(number, cells, 0), self._person(cells)), {})
            if joint in body:
                raise self._refusal(number, f"joint '{cells[joint_column].strip()[:40]}' stands in this frame already")
            body[joint] = self._numbers(number, [cells[column] for column in columns])
        nothing = [float("nan")] * self.layout.num_values
        num_joints = self.layout.joints.num_joints
        self._check_values(len(at))
        rows = [[body.get(joint, nothing) for joint in range(num_joints)] for body in at.values()]
        return self._placed(list(at), np.array(rows, np.float64).reshape(len(at), num_joints, self.layout.num_values))

    def _columns(self, names: list[str]) -> list[int]:
        missing = [name for name in names if name not in self.place]
        if missing:
            raise FormatError(
                f"{self.path}: line 1: no column '{missing[0]}' ({len(missing)} of {len(names)} are missing), found "
                f"{self.header[:8]}; expected a line a frame with columns '{self.layout.columns}', or a line a joint "
                f"with frame, joint, {', '.join(self.axes)}; mend the names or `columns` in {self.layout.path}"
            )
        return [self.place[name] for name in names]

    def _check_length(self, number: int, cells: list[str]) -> None:
        if len(cells) != len(self.header):
            raise self._refusal(number, f"{len(cells)} columns, the first line names {len(self.header)}")

    def _frame(self, number: int, cells: list[str], count: int) -> int:
        if "frame" not in self.place:
            return count
        text = cells[self.place["frame"]].strip()
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            raise self._refusal(number, f"frame '{text[:40]}' is no whole number")
        return int(text)

    def _person(self, cells: list[str]) -> str:
        return cells[self.place["person"]].strip() if "person" in self.place else ""

    def _numbers(self, number: int, cells: list[str]) -> list[float]:
        try:
            return [float(cell) if cell.strip() else float("nan") for cell in cells]
        except ValueError:
            wrong = next(cell for cell in cells if cell.strip() and not _are_numbers([cell]))
            raise self._refusal(number, f"'{wrong.strip()[:40]}' is no number") from None

    def _placed(self, places: list[tuple[int, str]], rows_RVC: Floats) -> Floats:
        """values_MTVC of rows by their frames and people."""
        if not places:
            raise FormatError(f"{self.path}: no frame in it; a clip has at least one")
        people = {person: place for place, person in enumerate(dict.fromkeys(person for _, person in places))}
        frames = [frame for frame, _ in places]
        num_frames = max(frames) - min(frames) + 1
        if len(people) > _MAX_PEOPLE:
            raise FormatError(f"{self.path}: {len(people)} people; is 'person' the column of a person's number?")
        self._check_values(num_frames * len(people))
        if len(set(places)) < len(places):
            raise FormatError(
                f"{self.path}: a frame stands there twice; give several people a column 'person' with a name for each"
            )
        values_MTVC = np.full((len(people), num_frames, *rows_RVC.shape[1:]), np.nan)
        values_MTVC[[people[person] for _, person in places], [frame - min(frames) for frame in frames]] = rows_RVC
        return values_MTVC

    def _check_values(self, num_bodies: int) -> None:
        if num_bodies * self.layout.joints.num_joints * self.layout.num_values > _MAX_VALUES:
            raise FormatError(f"{self.path}: {num_bodies} bodies in all its frames are more than one clip; is it one?")

    def _refusal(self, number: int, what: str) -> FormatError:
        return FormatError(f"{self.path}: line {number}: {what}")


def _without_names(path: Path, lines: list[Line], layout: Layout) -> Floats:
    """A line a frame: the numbers of all joints, one joint after the other."""
    num_joints = layout.joints.num_joints
    expected = num_joints * layout.num_values
    for number, cells in lines:
        if len(cells) != expected or not _are_numbers(cells):
            raise FormatError(
                f"{path}: line {number}: expected {expected} numbers ({num_joints} joints x {layout.num_values}, "
                f"{layout.path}), found {len(cells)} cells; name the columns in the first line if there are others"
            )
    values = np.array([[float(cell) for cell in cells] for _, cells in lines], np.float64)
    return values.reshape(1, len(lines), num_joints, layout.num_values)


def _are_numbers(cells: list[str]) -> bool:
    try:
        return all(float(cell) is not None for cell in cells)
    except ValueError:
        return False


def _lines(path: Path) -> Iterator[Line]:
    """The cells of each line that is not empty, with its number from 1."""
    text = outside.text(path, MAX_BYTES, "a table of joints", "utf-8-sig")
    lines = text.splitlines()
    longest = max(map(len, lines), default=0)
    if longest > _MAX_LINE:
        raise FormatError(f"{path}: a line of {longest} characters, at most {_MAX_LINE} are read; is it CSV?")
    reader = csv.reader(lines, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise FormatError(f"{path}: line {reader.line_num}: not CSV ({error}); mend the file") from None
