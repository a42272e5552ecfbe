"""Thermal pictures for CLIP's picture towers: brightness as in the recipe `display`, before any sensor's statistics.

The shorter side becomes `size` by bicubic resizing, and the middle square is kept, as in the towers' training.
"""

# Shapes: T frames, H x W pixels, C = 1 channel.
import numpy as np
import numpy.typing as npt

from pipeline.formats.shared import Footage
from pipeline.modalities.shared import SquareParams, grey_squares, sampled, square_view
from pipeline.modalities.thermal.recipes.shared import FULL_SCALE, Stretch, refuse_blank, stretched

view = square_view


class Params(SquareParams):
    """Also whether each clip is stretched to full brightness."""

    stretch: Stretch


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW from 0 to 1 with H = W = size. Raises DataError for a clip of one brightness."""
    counts_THW, _ = sampled(footage, params.sampling)
    bright_THW = grey_squares(counts_THW / np.float32(FULL_SCALE[footage.layout]), params.size)
    refuse_blank(bright_THW)
    return (stretched(bright_THW) if params.stretch == "clip" else bright_THW)[None]
