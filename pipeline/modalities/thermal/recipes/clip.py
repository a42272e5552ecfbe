"""Thermal pictures for CLIP's image towers: brightness as in the recipe `display`, before any sensor's statistics.

Shorter side to `size` by bicubic and the middle square, as the towers' own pictures.
"""

# Shapes: T frames, H x W pixels, C = 1 channel.
import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import params
from pipeline.core.boxes import View
from pipeline.core.errors import DataError
from pipeline.core.sampling import Sampling
from pipeline.formats.shared import Footage
from pipeline.modalities.shared import grey_squares, sampled, square_view
from pipeline.modalities.thermal.recipes.shared import FULL_SCALE, Stretch, stretched


class Params(params.Params):
    """Which frames, the side of the square, and whether each clip is stretched to full brightness."""

    sampling: Sampling
    size: int = Field(ge=1)
    stretch: Stretch


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW from 0 to 1 with H = W = size. Raises DataError for a clip of one brightness."""
    counts_THW, _ = sampled(footage, params.sampling)
    bright_THW = grey_squares(counts_THW / np.float32(FULL_SCALE[footage.layout]), params.size)
    if bright_THW.min() == bright_THW.max():
        raise DataError("blank: every pixel has the same brightness")
    return (stretched(bright_THW) if params.stretch == "clip" else bright_THW)[None]


def view(footage: Footage, params: Params) -> View:
    """What of the recorded pictures `prepare` shows: the middle square."""
    return square_view(footage, params.sampling, params.size)
