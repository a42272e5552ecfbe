"""Depth as grey pictures for CLIP's picture towers: near is bright, and a pixel without a reading is black.

The shorter side becomes `size` by bicubic resizing, and the middle square is kept, as in the towers' training.
"""

# Shapes: T frames, H x W pixels, C = 1 channel.
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.formats.shared import Footage
from pipeline.modalities.depth.recipes.shared import SENSORS, SensorName, to_metres, to_unit
from pipeline.modalities.shared import SquareParams, grey_squares, sampled, square_view

view = square_view


class Params(SquareParams):
    """Also how depth becomes grey."""

    sensor: SensorName
    grey: Literal["nearness", "disparity"]  # 1 at the near end of the range; linear in depth or in its inverse


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW from 0 to 1 with H = W = size. Raises DataError if there is no reading at all."""
    sensor = SENSORS[params.sensor]
    depth_mm_THW, _ = sampled(footage, params.sampling)
    depth_m_THW, known_THW = to_metres(depth_mm_THW, sensor)
    if not known_THW.any():
        raise DataError("no reading: every depth pixel is 0")
    grey_THW = to_unit(depth_m_THW, params.grey, sensor)
    brightest = to_unit(np.array([sensor.near_m], np.float32), params.grey, sensor)
    return grey_squares(np.where(known_THW, grey_THW / brightest, 0), params.size)[None]
