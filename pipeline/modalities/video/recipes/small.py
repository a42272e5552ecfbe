"""Colour pictures for a small network: the whole picture averaged onto a small grid, brightness -1 to 1."""

# Shapes: T frames, H x W pixels, C = 3 colours.
import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import params
from pipeline.core.boxes import View
from pipeline.core.sampling import Sampling
from pipeline.formats.shared import Footage
from pipeline.modalities.shared import on_grid, sampled, whole_view


class Params(params.Params):
    """Which frames, and what size."""

    sampling: Sampling
    height: int = Field(ge=1)
    width: int = Field(ge=1)


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW, red green blue, -1 (black) to 1 (full)."""
    rgb_THWC, _ = sampled(footage, params.sampling)
    x_CTHW = on_grid(np.moveaxis(rgb_THWC, -1, 0), params.height, params.width)
    return x_CTHW / np.float32(127.5) - np.float32(1)


def view(footage: Footage, params: Params) -> View:
    """What of the recorded pictures `prepare` shows: all."""
    return whole_view(footage, params.sampling)
