"""Boxes of people and things in a recording, one CSV a recording: columns frame, label, x, y, width, height.

Frames count from 0 in the order of decoding; x y is the left upper corner in pixels of the recorded picture, as in
Visual Genome. Other columns (a detector's score, say) may follow. The file of a recording without boxes has only its
first line.
"""

import re
from pathlib import Path

import numpy as np

from pipeline.core.boxes import Boxes
from pipeline.core.errors import FormatError
from pipeline.core.outputs import write_csv
from pipeline.formats import rows

COLUMNS = ("frame", "label", "x", "y", "width", "height")
_MAX_FRAMES = 10_000_000
_MAX_PIXELS = 1 << 20  # beyond, float32 would no longer tell sixteenths of a pixel apart
_FRAME = re.compile(r"[0-9]{1,8}")


def read(path: Path) -> Boxes:
    """The boxes of a recording, in the order of the file. Raises FormatError, with the line, for a malformed one."""
    table = [_box(path, number, row) for number, row in rows.numbered_csv(path, COLUMNS, "a table of boxes")]
    return Boxes(
        np.array([frame for frame, _, _ in table], np.int64),
        np.array([corners for _, _, corners in table], np.float32).reshape(-1, 4),
        tuple(label for _, label, _ in table),
    )


def write(path: Path, boxes: Boxes) -> None:
    """Write the boxes of a recording."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = zip(boxes.frame_K, boxes.labels, boxes.corners_K4, strict=True)
    lines = (
        [frame, label, *(f"{value:g}" for value in (x0, y0, x1 - x0, y1 - y0))]
        for frame, label, (x0, y0, x1, y1) in table
    )
    write_csv(path, COLUMNS, lines)


def _box(path: Path, number: int, row: dict[str, str]) -> tuple[int, str, tuple[float, ...]]:
    """Frame, label and corners of a row."""
    if not _FRAME.fullmatch(row["frame"]) or int(row["frame"]) >= _MAX_FRAMES:
        raise FormatError(f"{path}: line {number}: frame {row['frame']!r} is no number of a frame, from 0")
    if not row["label"] or not row["label"].isprintable():
        raise FormatError(f"{path}: line {number}: label {row['label']!r} names nothing")
    try:
        x, y, width, height = (float(row[name]) for name in COLUMNS[2:])
    except ValueError:
        raise FormatError(f"{path}: line {number}: x, y, width and height should be numbers, found {row}") from None
    if not all(abs(number) < _MAX_PIXELS for number in (x, y, width, height)) or width <= 0 or height <= 0:
        raise FormatError(f"{path}: line {number}: a box of {width:g} x {height:g} pixels at {x:g}, {y:g}")
    return int(row["frame"]), row["label"], (x, y, x + width, y + height)
