"""Depth as folders of 16-bit PNG, one picture a frame, millimetres (NTU RGB+D: `Depth-00000001.png`, from 1).

0 means "no reading" (or, in the masked release, "not the body"). An 8-bit file is a rendering for the eye, not a
measurement, and is refused.
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import FormatError
from pipeline.formats import png
from pipeline.formats.shared import Footage, Indices

DepthFrames = npt.NDArray[np.uint16]

_NAME = re.compile(r"M?Depth-(\d{8})\.png")


def frame_paths(folder: Path) -> list[Path]:
    """The frame files of a clip in order. Raises FormatError if there are fewer than two or a number is missing."""
    if not folder.is_dir():
        raise FormatError(f"{folder}: no such folder of depth frames; run `dvc repro ingest`")
    numbered = sorted((int(m[1]), path) for path in folder.iterdir() if (m := _NAME.fullmatch(path.name)))
    if len(numbered) < 2:
        raise FormatError(f"{folder}: {len(numbered)} files 'Depth-%08d.png', a clip needs at least 2 frames")
    found = [number for number, _ in numbered]
    if found != list(range(1, len(found) + 1)):
        missing = sorted(set(range(1, found[-1] + 1)) - set(found))
        what = f"frame {missing[0]} is missing" if missing else "a frame number occurs twice"
        raise FormatError(f"{folder}: {what}; the frames are Depth-00000001.png to the last without a gap")
    return [path for _, path in numbered]


def read(folder: Path, indices: Indices | None = None) -> DepthFrames:
    """Depth in millimetres (T, H, W) uint16 of the frames at 0-based indices, all if None; 0 = no reading."""
    paths = frame_paths(folder)
    wanted = list(range(len(paths))) if indices is None else [int(index) for index in indices]
    if wanted and max(wanted) >= len(paths):
        raise FormatError(f"{folder}: frame {max(wanted)} was asked for, there are {len(paths)}")
    pictures = {index: _read_frame(paths[index]) for index in sorted(set(wanted))}
    if len({picture.shape for picture in pictures.values()}) > 1:
        raise FormatError(f"{folder}: the picture size changes within the clip; replace the folder")
    return np.stack([pictures[index] for index in wanted])


def footage(folder: Path) -> Footage:
    """A folder of depth frames as footage in millimetres."""
    return Footage("depth_mm", lambda: len(frame_paths(folder)), lambda indices: read(folder, indices))


def write(folder: Path, depth_mm_THW: DepthFrames) -> None:
    """Write a clip, one file a frame, into a new folder."""
    if depth_mm_THW.dtype != np.uint16:
        raise ValueError(f"depth is written as uint16 millimetres, found {depth_mm_THW.dtype}")
    folder.mkdir(parents=True)
    for number, picture in enumerate(depth_mm_THW, 1):
        png.write_grey(folder / f"Depth-{number:08d}.png", picture)


def _read_frame(path: Path) -> DepthFrames:
    picture = png.read_grey(path)
    if picture.dtype != np.uint16:
        raise FormatError(
            f"{path}: 8-bit PNG where 16-bit millimetres are expected; take the released depth, not a view"
        )
    return picture
