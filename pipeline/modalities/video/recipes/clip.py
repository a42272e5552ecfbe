"""Pictures as CLIP's image towers want them: shorter side to `size` by bicubic, centre square, normalised colours.

Radford et al. 2021, preprocessing of the released models; the same in OpenCLIP.
"""

# Shapes: T frames, H x W pixels, C = 3 colours.
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field

from pipeline.core import params
from pipeline.core.boxes import View
from pipeline.core.errors import DataError
from pipeline.core.sampling import Sampling, frame_indices
from pipeline.formats.shared import Footage
from pipeline.modalities.shared import sampled

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
_MOST_SIDES = 64  # the longer side in shorter ones: a picture of 2 x 8192 would be enlarged to gigabytes


class Params(params.Params):
    """Which frames, and the side of the square."""

    sampling: Sampling
    size: int = Field(ge=1)


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW with H = W = size."""
    rgb_THWC, _ = sampled(footage, params.sampling)
    square_THWC = np.stack([_square(picture, params.size) for picture in rgb_THWC])
    x_THWC = (square_THWC.astype(np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(np.moveaxis(x_THWC, -1, 0))


def view(footage: Footage, params: Params) -> View:
    """What of the recorded pictures `prepare` shows: the middle square."""
    height, width = footage.frames([0]).shape[1:3]
    (new_height, new_width), (top, left) = _layout(height, width, params.size)
    down, across = height / new_height, width / new_width
    frames = frame_indices(footage.num_frames, params.sampling)
    return View(frames, top * down, left * across, params.size * down, params.size * across)


def _square(picture_HWC: npt.NDArray[Any], size: int) -> npt.NDArray[np.uint8]:
    height, width = picture_HWC.shape[:2]
    (new_height, new_width), (top, left) = _layout(height, width, size)
    resized = Image.fromarray(picture_HWC).resize((new_width, new_height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def _layout(height: int, width: int, size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Height and width of the resized picture, top and left of the square in it."""
    short = min(height, width)
    if max(height, width) > _MOST_SIDES * short:
        raise DataError(f"too thin: of a picture of {width} x {height} pixels a square shows nearly nothing")
    new_height, new_width = size * height // short, size * width // short
    return (new_height, new_width), (round((new_height - size) / 2), round((new_width - size) / 2))
