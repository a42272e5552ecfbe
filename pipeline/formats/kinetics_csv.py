"""Kinetics' lists of videos, one CSV a subset: label, youtube_id, time_start, time_end, split, in any order."""

import re
from pathlib import Path

from pipeline.core.errors import FormatError
from pipeline.formats import rows
from pipeline.formats.shared import LabelledClip, Sides

LISTS = re.compile(r"(?:^|/)[^/]*(?:train|val|validate|test)[^/]*\.csv$")
VIDEOS = re.compile(r"(?:^|/)(?P<recording>[\w-]{11})(?:_\d{6}_\d{6})?\.(?:avi|mkv|mp4|webm)$")

_COLUMNS = ("youtube_id", "split")
_SIDES = {"train": 0, "val": 1, "validate": 1, "validation": 1, "test": None}


def read_clips(path: Path) -> list[LabelledClip]:
    """The videos of a list; a subset that was published without labels gives clips with the label ""."""
    return [
        LabelledClip(row["youtube_id"], row["youtube_id"], row.get("label", ""))
        for row in rows.read_csv(path, _COLUMNS)
    ]


def read_sides(path: Path) -> Sides:
    """Subset `train` trains, the validation subset tests; `test` does neither, papers report on validation."""
    sides: Sides = ([], [])
    for number, row in rows.numbered_csv(path, _COLUMNS):
        if row["split"] not in _SIDES:
            raise FormatError(f"{path}: line {number}: split {row['split']!r}, expected one of {sorted(_SIDES)}")
        side = _SIDES[row["split"]]
        if side is not None:
            sides[side].append(row["youtube_id"])
    return sides
