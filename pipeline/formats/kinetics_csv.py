"""Kinetics' lists of videos, one CSV a subset: label, youtube_id, time_start, time_end, split, in any order."""

import re
from pathlib import Path

from pipeline.core.errors import FormatError
from pipeline.formats import rows
from pipeline.formats.shared import LabelledClip, Sides

LISTS = re.compile(r"(?:^|/)[^/]*(?:train|val|validate|test)[^/]*\.csv$")
VIDEOS = re.compile(r"(?:^|/)(?P<recording>[\w-]{11})(?:_\d{6}_\d{6})?\.(?:avi|mkv|mp4|webm)$")

_SIDES = {"train": 0, "val": 1, "validate": 1, "validation": 1, "test": None}


def read_clips(path: Path) -> list[LabelledClip]:
    """The videos of a list; a subset that was published without labels gives clips with the label ""."""
    return [LabelledClip(row["youtube_id"], row["youtube_id"], row.get("label", "")) for row in _rows(path)]


def read_sides(path: Path) -> Sides:
    """Subset `train` trains, the validation subset tests; `test` does neither, papers report on validation."""
    sides: Sides = ([], [])
    for number, row in enumerate(_rows(path), 2):
        if row["split"] not in _SIDES:
            raise FormatError(f"{path}: line {number}: split {row['split']!r}, expected one of {sorted(_SIDES)}")
        side = _SIDES[row["split"]]
        if side is not None:
            sides[side].append(row["youtube_id"])
    return sides


def _rows(path: Path) -> list[dict[str, str]]:
    return rows.read_csv(path, ("youtube_id", "split"))
