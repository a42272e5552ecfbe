"""Pictures as CLIP's image towers want them: shorter side to `size` by bicubic, centre square, normalised colours.

Radford et al. 2021, preprocessing of the released models; the same in OpenCLIP.
"""

# Shapes: T frames, H x W pixels, C = 3 colours.
import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import params, pictures
from pipeline.core.boxes import View
from pipeline.core.pictures import DEVIATION, MEAN
from pipeline.core.sampling import Sampling, frame_indices
from pipeline.formats.shared import Footage
from pipeline.modalities.shared import sampled


class Params(params.Params):
    """Which frames, and the side of the square."""

    sampling: Sampling
    size: int = Field(ge=1)


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW with H = W = size."""
    rgb_THWC, _ = sampled(footage, params.sampling)
    square_THWC = np.stack([pictures.middle(picture, params.size, params.size) for picture in rgb_THWC])
    x_THWC = (square_THWC.astype(np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(np.moveaxis(x_THWC, -1, 0))


def view(footage: Footage, params: Params) -> View:
    """What of the recorded pictures `prepare` shows: the middle square."""
    height, width = footage.frames([0]).shape[1:3]
    (new_height, new_width), (top, left) = pictures.layout(height, width, params.size, params.size)
    down, across = height / new_height, width / new_width
    frames = frame_indices(footage.num_frames, params.sampling)
    return View(frames, top * down, left * across, params.size * down, params.size * across)
