"""Pictures as CLIP's image towers want them: shorter side to `size` by bicubic, centre square, normalised colours.

Radford et al. 2021, preprocessing of the released models; the same in OpenCLIP.
"""

# Shapes: T frames, H x W pixels, C = 3 colours.
import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import params
from pipeline.core.boxes import View
from pipeline.core.pictures import DEVIATION, MEAN
from pipeline.core.sampling import Sampling
from pipeline.formats.shared import Footage
from pipeline.modalities.shared import sampled, square_view, squares


class Params(params.Params):
    """Which frames, and the side of the square."""

    sampling: Sampling
    size: int = Field(ge=1)


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW with H = W = size."""
    rgb_THWC, _ = sampled(footage, params.sampling)
    square_THWC = squares(rgb_THWC, params.size)
    x_THWC = (square_THWC.astype(np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(np.moveaxis(x_THWC, -1, 0))


def view(footage: Footage, params: Params) -> View:
    """What of the recorded pictures `prepare` shows: the middle square."""
    return square_view(footage, params.sampling, params.size)
