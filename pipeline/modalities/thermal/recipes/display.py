"""Pictures for display, 8 or 16 bit: brightness without a unit, normalised by the statistics of the kind of sensor.

Cameras stretch such pictures in different ways, so brightness cannot be compared across clips. With `stretch: clip` the
first and last percentiles of each clip become 0 and 1, with `stretch: none` black and full scale do.
"""

# Shapes: T frames, H x W pixels, C = 1 channel.
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.formats.shared import Footage
from pipeline.modalities.shared import GridParams, on_grid, sampled, whole_view
from pipeline.modalities.thermal.recipes.shared import FULL_SCALE, Stretch, refuse_blank, stretched


@dataclass(frozen=True)
class Sensor:
    """Mean and standard deviation of full-scale brightness that the array is normalised by."""

    mean: float
    deviation: float


# Near-infrared pictures of Kinect v2 are dark, as its light falls off with the square of the distance.
SENSORS = {"kinect_v2_ir": Sensor(0.15, 0.15), "thermal": Sensor(0.4, 0.25), "plain": Sensor(0.0, 1.0)}


view = whole_view


class Params(GridParams):
    """Also which sensor's statistics are used, and whether each clip is stretched first."""

    sensor: Literal["kinect_v2_ir", "thermal", "plain"]
    stretch: Stretch


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW = (brightness - mean) / deviation of the sensor. Raises DataError for a clip of one brightness."""
    counts_THW, _ = sampled(footage, params.sampling)
    bright_THW = on_grid(counts_THW, params.height, params.width) / np.float32(FULL_SCALE[footage.layout])
    refuse_blank(bright_THW)
    if params.stretch == "clip":
        bright_THW = stretched(bright_THW)
    sensor = SENSORS[params.sensor]
    return ((bright_THW - sensor.mean) / sensor.deviation).astype(np.float32)[None]
