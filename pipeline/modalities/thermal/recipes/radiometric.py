"""Temperatures from a radiometric camera's 16-bit counts, scaled so that a range of degrees becomes 0 to 1."""

# Shapes: T frames, H x W pixels, C = 1 channel.
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from pipeline.core.errors import DataError
from pipeline.formats.shared import Footage
from pipeline.modalities.shared import GridParams, on_grid, sampled, whole_view


@dataclass(frozen=True)
class Sensor:
    """How counts become kelvin: kelvin = gain * count + offset."""

    gain_kelvin: float
    offset_kelvin: float


# Linear modes of common cores: hundredths and tenths of a kelvin a count (FLIR "TLinear", high and low resolution).
SENSORS = {"centikelvin": Sensor(0.01, 0.0), "decikelvin": Sensor(0.1, 0.0)}
_ZERO_CELSIUS_KELVIN = 273.15


view = whole_view


class Params(GridParams):
    """Also which camera, and the degrees Celsius that become 0 and 1."""

    sensor: Literal["centikelvin", "decikelvin"]
    low_celsius: float
    high_celsius: float

    @model_validator(mode="after")
    def _range(self) -> "Params":
        if not self.low_celsius < self.high_celsius:
            raise ValueError(f"high_celsius {self.high_celsius} should be above low_celsius {self.low_celsius}")
        return self


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW, 0 to 1 between the two temperatures and cut off outside. Raises DataError for anything but 16 bit."""
    if footage.layout != "grey16":
        raise DataError(f"8-bit picture: radiometric counts are 16 bit, found {footage.layout}; use recipe 'display'")
    counts_THW, _ = sampled(footage, params.sampling)
    celsius_THW = on_grid(to_celsius(counts_THW, SENSORS[params.sensor]), params.height, params.width)
    share_THW = (celsius_THW - params.low_celsius) / (params.high_celsius - params.low_celsius)
    return np.asarray(np.clip(share_THW, 0, 1), np.float32)[None]


def to_celsius(counts: npt.NDArray[Any], sensor: Sensor) -> npt.NDArray[np.float32]:
    """Degrees Celsius of raw counts."""
    kelvin = counts.astype(np.float64) * sensor.gain_kelvin + sensor.offset_kelvin
    return (kelvin - _ZERO_CELSIUS_KELVIN).astype(np.float32)
