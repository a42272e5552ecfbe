"""Colour pictures for a small network: the whole picture averaged onto a small grid, brightness -1 to 1."""

# Shapes: T frames, H x W pixels, C = 3 colours.
import numpy as np
import numpy.typing as npt

from pipeline.formats.shared import Footage
from pipeline.modalities.shared import GridParams, on_grid, sampled, whole_view

Params = GridParams
view = whole_view


def prepare(footage: Footage, params: Params) -> npt.NDArray[np.float32]:
    """x_CTHW, red green blue, -1 (black) to 1 (full)."""
    rgb_THWC, _ = sampled(footage, params.sampling)
    x_CTHW = on_grid(np.moveaxis(rgb_THWC, -1, 0), params.height, params.width)
    return x_CTHW / np.float32(127.5) - np.float32(1)
