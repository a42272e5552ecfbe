"""A user's own list of clips, CSV or parquet: clip_id, modality, path, label, subject, split.

`path` is relative to the folder of the list, and may name a part: `v.mp4#seconds=3-7.5`. `label` is a class's name;
`subject` whoever performs, a number or any text, or empty; `split` train, test or empty.
"""

import re
from dataclasses import replace
from pathlib import Path

from pipeline.core.errors import FormatError
from pipeline.formats import depth_png, mat, rows, segments, skeletons
from pipeline.formats.shared import Footage, LabelledClip, Sides

COLUMNS = ("clip_id", "modality", "path", "label", "subject", "split")
FILES = re.compile(r"^manifest\.(?:csv|parquet)$")

_LISTS = ("manifest.csv", "classes.csv")
_NOT_LISTS = rf"(?!(?:{'|'.join(map(re.escape, _LISTS))})$)"
_VIDEO = re.compile(r"^(?P<recording>.+\.(?:avi|mkv|mov|mp4|webm))$")
# By modality: what a file that a list may name looks like; it is called by its path.
RECORDINGS = {
    "skeleton": re.compile(rf"^{_NOT_LISTS}(?P<recording>.+(?:{'|'.join(map(re.escape, skeletons.FORMATS))}))$"),
    "depth": re.compile(r"^(?P<recording>.+?)(?:/M?Depth-\d{8}\.png|(?<=\.mat))$"),  # a folder, or a file
    "video": _VIDEO,
    "thermal": _VIDEO,
    "boxes": re.compile(rf"^{_NOT_LISTS}(?P<recording>.+\.csv)$"),  # of the clip's video
}
_VIDEOS = ".avi, .mkv, .mov, .mp4 or .webm"
_TOLD = {
    "skeleton": f"a file that ends in {', '.join(skeletons.FORMATS)}",
    "depth": "a folder of 16-bit pictures Depth-00000001.png, or a .mat as UTD-MHAD has it",
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
    numbers = _subjects(table)
    first: dict[_Key, int] = {}
    clips = []
    for number, row in enumerate(table, 1):
        clip = _clip(number, row, numbers)
        is_known = first.setdefault(_key(row), number)
        clips.append(clip if is_known == number or not row["clip_id"] else _repeated(clip, row, is_known, number))
    return clips


def read_sides(path: Path) -> Sides:
    """The clips that train and that test; a row that repeats another's clip is none."""
    table = rows.read(path, COLUMNS)
    clips = {_key(row): row for row in reversed(table)}.values()  # the first of each
    train, test = ([row["clip_id"] for row in reversed(clips) if row["split"] == side] for side in ("train", "test"))
    return train, test


def unfit(modality: str, path: Path) -> str:
    """Why a file or folder that exists is no recording of a modality that a list may name."""
    if path.name in _LISTS:
        return f"{path.name} is a list of this folder and no recording; name the recording"
    if modality == "skeleton" and path.is_file():
        return skeletons.unfit(path)
    what = f"'{path.suffix}' is no ending of one" if path.is_file() else "it is a folder that holds none"
    return f"it is there, but not as a clip of {modality}: {what}; expected {_TOLD[modality]} (docs/formats.md)"


def depth_footage(path: Path) -> Footage:
    """Depth of a folder of pictures, or of a MATLAB file."""
    return mat.depth_footage(path) if path.suffix == ".mat" else depth_png.footage(path)


_Key = tuple[str, str]


def _key(row: rows.Row) -> _Key:
    """A clip may be listed once in each modality."""
    return row["clip_id"], row["modality"]


def _repeated(clip: LabelledClip, row: rows.Row, first: int, number: int) -> LabelledClip:
    """The later of two rows of one clip, under a name of its own so that the first keeps the clip's."""
    fault = f"repeated clip id: row {number} names '{row['clip_id']}' in {row['modality']}, as row {first} does"
    return replace(clip, name=f"{clip.name} (row {number})", fault=clip.fault or f"{fault}; give it another clip_id")


def _subjects(table: rows.Rows) -> dict[str, int]:
    """The number of every subject: its own, or one after the last of these for what is no number, in sorted order."""
    names = {row["subject"] for row in table if row["subject"]}
    numbers = {name: int(name) for name in names if name.isascii() and name.isdecimal() and len(name) < 10}
    first = max(numbers.values(), default=0) + 1
    return numbers | {name: first + place for place, name in enumerate(sorted(names - numbers.keys()))}


def _clip(number: int, row: rows.Row, subjects: dict[str, int]) -> LabelledClip:
    fault = _fault(row)
    file = segments.file_of(row["path"])
    return LabelledClip(
        name=row["clip_id"] or f"row {number}",
        recording=file,
        label=row["label"],
        part=row["path"].removeprefix(file),
        modality=row["modality"],
        subject=subjects.get(row["subject"]),
        fault=fault,
    )


def _fault(row: rows.Row) -> str | None:
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
    if row["split"] not in ("train", "test", ""):
        return f"unknown split: {row['split']!r} is neither train nor test nor empty"
    return None
