"""Pictures as CLIP's picture towers expect them: shorter side to `size` by bicubic, centre square, normalised colours.

Radford et al. 2021, preprocessing of the released models; the same in OpenCLIP.
"""

# Shapes: T frames, H x W pixels, C = 3 colours.
import numpy as np
import numpy.typing as npt

from pipeline.core.pictures import DEVIATION, MEAN
from pipeline.formats.shared import Footage
from pipeline.modalities.shared import SquareParams, sampled, square_view, squares

Params = SquareParams
view = square_view


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW with H = W = size."""
    rgb_THWC, _ = sampled(footage, params.sampling)
    square_THWC = squares(rgb_THWC, params.size)
    x_THWC = (square_THWC.astype(np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(np.moveaxis(x_THWC, -1, 0))
