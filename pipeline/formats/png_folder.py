"""Clips as folders of 16-bit grey PNG, one picture a frame, numbered from 1; what the numbers mean is the caller's."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import FormatError
from pipeline.formats import png, segments
from pipeline.formats.shared import Indices, check_picture

Frames = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Naming:
    """How the frames of a clip are called: `stem`-00000001.png, and what their 16 bits hold."""

    stem: str
    pattern: re.Pattern[str]  # of a whole name, the number in its group
    sense: str
    unit: str


def frame_paths(folder: Path, naming: Naming) -> list[Path]:
    """The frame files of a clip in order. Raises FormatError if there are fewer than two or a number is missing."""
    if segments.file_of(str(folder)) != str(folder):
        raise FormatError(f"{folder}: a folder of {naming.sense} frames has no parts; give each clip its own folder")
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder of {naming.sense} frames; run `dvc repro ingest`")
    numbered = sorted((int(m[1]), path) for path in folder.iterdir() if (m := naming.pattern.fullmatch(path.name)))
    if len(numbered) < 2:
        raise FormatError(f"{folder}: {len(numbered)} files '{naming.stem}-%08d.png', a clip needs at least 2 frames")
    numbers = [number for number, _ in numbered]
    if numbers != list(range(1, len(numbers) + 1)):
        place, number = next((place, number) for place, number in enumerate(numbers, 1) if place != number)
        what = f"frame {place} is missing" if number > place else "a frame number occurs twice, or is 0"
        raise FormatError(f"{folder}: {what}; the frames are {naming.stem}-00000001.png to the last without a gap")
    return [path for _, path in numbered]


def read(folder: Path, naming: Naming, indices: Indices | None = None) -> Frames:
    """The frames (T, H, W) uint16 at 0-based indices, all if None."""
    paths = frame_paths(folder, naming)
    wanted = list(range(len(paths))) if indices is None else [int(index) for index in indices]
    if wanted and max(wanted) >= len(paths):
        raise FormatError(f"{folder}: frame {max(wanted)} was asked for, there are {len(paths)}")
    pictures: dict[int, Frames] = {}
    for index in wanted:
        if index not in pictures:
            pictures[index] = _read_frame(paths[index], naming)
            check_picture(folder, pictures[index], pictures[wanted[0]], len(wanted))
    return np.stack([pictures[index] for index in wanted])


def write(folder: Path, naming: Naming, frames_THW: Frames) -> None:
    """Write a clip, one file a frame, into a new folder."""
    if frames_THW.dtype != np.uint16:
        raise ValueError(f"{naming.sense} is written as uint16 {naming.unit}, found {frames_THW.dtype}")
    folder.mkdir(parents=True)
    for number, picture in enumerate(frames_THW, 1):
        png.write_grey(folder / f"{naming.stem}-{number:08d}.png", picture)


def _read_frame(path: Path, naming: Naming) -> Frames:
    picture = png.read_grey(path)
    if picture.dtype != np.uint16:
        raise FormatError(
            f"{path}: 8-bit PNG where 16-bit {naming.unit} are expected; take the released {naming.sense}, not a view"
        )
    return picture
