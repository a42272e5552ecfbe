"""The brightness of pictures for display."""

# Shapes: T frames, H x W pixels.
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError

Stretch = Literal["none", "clip"]  # whether each clip's first and last percentiles become 0 and 1

FULL_SCALE = {"grey8": 255.0, "grey16": 65535.0}  # of a layout of footage
_PERCENTILES = (1.0, 99.0)


def refuse_blank(bright_THW: npt.NDArray[np.float32]) -> None:
    """Raise DataError for a clip of one brightness."""
    if bright_THW.min() == bright_THW.max():
        raise DataError("blank: every pixel has the same brightness")


def stretched(bright_THW: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The clip's first to last percentile as 0 to 1, cut off outside."""
    low, high = np.percentile(bright_THW, _PERCENTILES)
    if high <= low:  # fewer than a hundredth of the pixels differ from the rest
        low, high = float(bright_THW.min()), float(bright_THW.max())
    return np.asarray(np.clip((bright_THW - low) / (high - low), 0, 1), np.float32)
