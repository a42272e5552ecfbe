"""Depth as folders of 16-bit PNG, one picture a frame, millimetres (NTU RGB+D: `Depth-00000001.png`, from 1).

0 means "no reading" (or, in the masked release, `MDepth-`, "not the body"). An 8-bit file is a rendering for the eye,
not a measurement, and is refused.
"""

import re
from pathlib import Path

from pipeline.formats import png_folder
from pipeline.formats.png_folder import Frames, Naming
from pipeline.formats.shared import Footage, Indices

_NAMING = Naming("Depth", re.compile(r"M?Depth-(\d{8})\.png"), sense="depth", unit="millimetres")


def read(folder: Path, indices: Indices | None = None) -> Frames:
    """Depth in millimetres (T, H, W) uint16 of the frames at 0-based indices, all if None; 0 = no reading."""
    return png_folder.read(folder, _NAMING, indices)


def footage(folder: Path) -> Footage:
    """A folder of depth frames as footage in millimetres."""
    return Footage(
        "depth_mm", lambda: len(png_folder.frame_paths(folder, _NAMING)), lambda indices: read(folder, indices)
    )


def write(folder: Path, depth_mm_THW: Frames) -> None:
    """Write a clip, one file a frame, into a new folder."""
    png_folder.write(folder, _NAMING, depth_mm_THW)
