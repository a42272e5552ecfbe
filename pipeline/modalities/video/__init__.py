"""Video: colour pictures over time."""

# Shapes: N clips, C = 3 channels, T frames, H x W pixels.
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import ParamsError
from pipeline.modalities import shared

if TYPE_CHECKING:
    from torch import nn

_LAYOUTS = {"rgb": 3}  # what a pixel may be -> number of channels of a prepared array


def read(dataset: str) -> shared.Reader:
    """The reader of a dataset's video recordings."""
    return shared.reader("video", dataset)


def prepare(recipe: str, options: Mapping[str, Any], section: str) -> shared.Prepare:
    """The function that makes x_CTHW of footage. `options` are the recipe's Params, `section` is where they stand."""
    return shared.prepared(__name__, recipe, options, section)


def build(encoder: str, options: Mapping[str, Any], layout: str, section: str) -> "nn.Module":
    """A new encoder x_NCTHW -> feature_ND for footage of a layout, drawn from torch's random state."""
    if layout not in _LAYOUTS:
        raise ParamsError(f"video footage is {' or '.join(sorted(_LAYOUTS))}, not '{layout}'")
    return shared.built(__name__, encoder, options, _LAYOUTS[layout], section)


def is_empty(x_NCTHW: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which clips show nothing: no encoder may see them."""
    return shared.blank(x_NCTHW)
