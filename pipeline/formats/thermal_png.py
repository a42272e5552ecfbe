"""Thermal as folders of 16-bit PNG, one picture a frame: the counts of a radiometric camera (`Thermal-00000001.png`).

What a count is in kelvin depends on the camera (modalities.thermal, recipe `radiometric`). An 8-bit file is a picture
for display and is refused.
"""

import re
from pathlib import Path

from pipeline.formats import png_folder
from pipeline.formats.png_folder import Frames, Naming
from pipeline.formats.shared import Footage

_NAMING = Naming("Thermal", re.compile(r"Thermal-(\d{8})\.png"), sense="thermal", unit="counts")


def footage(folder: Path) -> Footage:
    """A folder of thermal frames as footage in counts."""
    return Footage(
        "grey16",
        lambda: len(png_folder.frame_paths(folder, _NAMING)),
        lambda indices: png_folder.read(folder, _NAMING, indices),
    )


def write(folder: Path, counts_THW: Frames) -> None:
    """Write a clip, one file a frame, into a new folder."""
    png_folder.write(folder, _NAMING, counts_THW)
