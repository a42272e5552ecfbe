"""Pictures at the size a network wants: the middle of the picture, as much as fits, resized by bicubic."""

# Shapes: H x W pixels, C = 3 colours; a grey picture has no C.
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.core.errors import DataError

# Of red, green and blue in the pictures that CLIP was trained with (Radford et al. 2021): what its towers expect.
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)

_MAX_SIDES = 64  # the longer side in shorter ones: a picture of 2 x 8192 would be enlarged to gigabytes


Value = TypeVar("Value", np.uint8, np.float32)


def middle(picture_HWC: npt.NDArray[Value], height: int, width: int) -> npt.NDArray[Value]:
    """The picture resized until it just covers height x width, and its middle of that size.

    Grey pictures may be float32: nothing is rounded then, and at sharp edges values can pass the darkest and brightest.
    """
    (new_height, new_width), (top, left) = layout(picture_HWC.shape[0], picture_HWC.shape[1], height, width)
    resized = Image.fromarray(picture_HWC).resize((new_width, new_height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + width, top + height)))


def layout(old_height: int, old_width: int, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Height and width of the resized picture, top and left of the middle in it. DataError for one too thin."""
    if max(old_height, old_width) > _MAX_SIDES * min(old_height, old_width):
        raise DataError(f"too thin: of a picture of {old_width} x {old_height} pixels a square shows nearly nothing")
    if height * old_width <= width * old_height:
        size = width * old_height // old_width, width
    else:
        size = height, height * old_width // old_height
    return size, (round((size[0] - height) / 2), round((size[1] - width) / 2))
