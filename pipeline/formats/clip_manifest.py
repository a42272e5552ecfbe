"""A user's own list of clips, CSV or parquet: clip_id, modality, path, label, subject, split.

`path` is relative to the folder of the list, and may name a part: `v.mp4#seconds=3-7.5`. `label` is a class's name;
`subject` a number or empty; `split` train, test or empty.
"""

import re
from pathlib import Path

from pipeline.core.errors import FormatError
from pipeline.formats import rows, segments, skeletons
from pipeline.formats.shared import LabelledClip, Sides

COLUMNS = ("clip_id", "modality", "path", "label", "subject", "split")
FILES = re.compile(r"^manifest\.(?:csv|parquet)$")

_NOT_LISTS = r"(?!manifest\.csv$|classes\.csv$)"
_VIDEO = re.compile(r"^(?P<recording>.+\.(?:avi|mkv|mov|mp4|webm))$")
# By modality: what a file that a list may name looks like; it is called by its path.
RECORDINGS = {
    "skeleton": re.compile(rf"^{_NOT_LISTS}(?P<recording>.+(?:{'|'.join(map(re.escape, skeletons.FORMATS))}))$"),
    "depth": re.compile(r"^(?P<recording>.+)/M?Depth-\d{8}\.png$"),
    "video": _VIDEO,
    "thermal": _VIDEO,
    "boxes": re.compile(rf"^{_NOT_LISTS}(?P<recording>.+\.csv)$"),  # of the clip's video
}
_VIDEOS = ".avi, .mkv, .mov, .mp4 or .webm"
_TOLD = {
    "skeleton": f"a file that ends in {', '.join(skeletons.FORMATS)}",
    "depth": "a folder of 16-bit pictures Depth-00000001.png",
    "thermal": _VIDEOS,
    "video": _VIDEOS,
    "boxes": "a table that ends in .csv",
}


def read_clips(path: Path) -> list[LabelledClip]:
    """The clips of a list in its order; a row that is wrong says why in `fault`.

    Raises FormatError for an empty list.
    """
    table = rows.read(path, COLUMNS)
    if not table:
        raise FormatError(f"{path}: no clip in it; give every clip a row: {', '.join(COLUMNS)}")
    return [_clip(number, row) for number, row in enumerate(table, 1)]


def read_sides(path: Path) -> Sides:
    """The clips that train and that test."""
    table = rows.read(path, COLUMNS)
    train, test = ([row["clip_id"] for row in table if row["split"] == side] for side in ("train", "test"))
    return train, test


def unfit(modality: str, path: Path) -> str:
    """Why a file or folder that exists is no recording of a modality that a list may name."""
    if modality == "skeleton" and path.is_file():
        return skeletons.unfit(path)
    what = f"'{path.suffix}' is no ending of one" if path.is_file() else "it is a folder that holds none"
    return f"it is there, but not as a clip of {modality}: {what}; expected {_TOLD[modality]} (docs/formats.md)"


def _clip(number: int, row: dict[str, str]) -> LabelledClip:
    fault = _fault(row)
    subject = int(row["subject"]) if row["subject"].isdecimal() and fault is None else None
    file = segments.file_of(row["path"])
    return LabelledClip(
        name=row["clip_id"] or f"row {number}",
        recording=file,
        label=row["label"],
        part=row["path"].removeprefix(file),
        modality=row["modality"],
        subject=subject,
        fault=fault,
    )


def _fault(row: dict[str, str]) -> str | None:
    """Why a row cannot be used, whatever the folder holds."""
    path = row["path"]
    if not row["clip_id"] or not row["clip_id"].isprintable():
        return f"no clip id: {row['clip_id']!r} cannot name a clip"
    if row["modality"] not in RECORDINGS:
        return f"unknown modality: {row['modality']!r} is none of {', '.join(sorted(RECORDINGS))}"
    if not path or path.startswith("/") or "\\" in path or ".." in path.split("/"):
        return f"path leads out: {path!r} is no path inside the folder of the list"
    if not row["label"]:
        return "no label: the row names no class"
    if row["subject"] and not (row["subject"].isascii() and row["subject"].isdecimal() and len(row["subject"]) < 10):
        return f"unknown subject: {row['subject']!r} is no whole number"
    if row["split"] not in ("train", "test", ""):
        return f"unknown split: {row['split']!r} is neither train nor test nor empty"
    return None
