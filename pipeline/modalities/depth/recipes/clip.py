"""Depth as grey pictures for CLIP's image towers: near is bright, and a pixel without a reading is black.

Shorter side to `size` by bicubic and the middle square, as the towers' own pictures.
"""

# Shapes: T frames, H x W pixels, C = 1 channel.
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import params
from pipeline.core.boxes import View
from pipeline.core.errors import DataError
from pipeline.core.sampling import Sampling
from pipeline.formats.shared import Footage
from pipeline.modalities.depth.recipes.shared import SENSORS, SensorName, to_metres, to_unit
from pipeline.modalities.shared import grey_squares, sampled, square_view


class Params(params.Params):
    """Which frames, the side of the square, and how depth becomes grey."""

    sampling: Sampling
    size: int = Field(ge=1)
    sensor: SensorName
    grey: Literal["nearness", "disparity"]  # 1 at the near end of the range; linear in depth, or in one over depth


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


def view(footage: Footage, params: Params) -> View:
    """What of the recorded pictures `prepare` shows: the middle square."""
    return square_view(footage, params.sampling, params.size)
