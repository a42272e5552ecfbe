"""What the filmed modalities have in common: finding a dataset's reader, a recipe and an encoder by name. No torch."""

# Shapes: N clips, C channels, T frames, H x W pixels.
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipeline.core import members, params
from pipeline.core.boxes import Boxes, View, check_inside, in_view
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.resampling import area_mean
from pipeline.core.sampling import Sampling, frame_indices
from pipeline.datasets import shared as datasets
from pipeline.formats.shared import Footage

if TYPE_CHECKING:
    from torch import nn

Reader = Callable[[Path], Footage]
Prepare = Callable[[Footage], npt.NDArray[np.float32]]


def sense(modality: str) -> ModuleType:
    """The package of a modality; a name that is none is a ParamsError that lists those there are."""
    return members.load("pipeline.modalities", modality)


def reader(modality: str, dataset: str) -> Reader:
    """The reader of a dataset's recordings in one modality."""
    readers = datasets.load(dataset).readers
    if modality not in readers:
        raise ParamsError(f"dataset '{dataset}' has no {modality}, only {sorted(readers)}")
    found: Reader = readers[modality]
    return found


def prepared(package: str, recipe: str, options: Mapping[str, Any], section: str) -> Prepare:
    """The function that makes x_CTHW of footage; it raises DataError for footage that cannot be used."""
    member = members.load(f"{package}.recipes", recipe)
    told = params.parse(member.Params, dict(options), section)

    def prepare(footage: Footage) -> npt.NDArray[np.float32]:
        x_CTHW: npt.NDArray[np.float32] = member.prepare(footage, told)
        return x_CTHW

    return prepare


def built(package: str, encoder: str, options: Mapping[str, Any], num_channels: int, section: str) -> "nn.Module":
    """A new encoder x_NCTHW -> feature_ND, drawn from torch's random state."""
    member = members.load(package, encoder)
    module: nn.Module = member.Encoder(params.parse(member.Params, dict(options), section), num_channels)
    return module


def boxed(modality: str, recipe: str, options: Mapping[str, Any], section: str) -> Callable[[Footage], Boxes]:
    """The function that says where a recipe's arrays show the boxes of footage: as core.boxes.in_view gives them.

    Raises ParamsError for a recipe that keeps no pictures (it has no `view`).
    """
    member = members.load(f"pipeline.modalities.{modality}.recipes", recipe)
    if not hasattr(member, "view"):
        raise ParamsError(f"{section}: recipe '{recipe}' keeps no pictures for boxes to lie in; set `boxes` to false")
    told = params.parse(member.Params, dict(options), section)

    def seen(footage: Footage) -> Boxes:
        if footage.boxes is None:
            raise DataError("no boxes: the clip has none; ingest them or set `boxes` to false")
        check_inside(footage.boxes, *footage.frames([0]).shape[1:3])
        return in_view(footage.boxes, member.view(footage, told), footage.num_frames)

    return seen


def whole_view(footage: Footage, sampling: Sampling) -> View:
    """The view of a recipe that keeps all of a picture."""
    height, width = footage.frames([0]).shape[1:3]
    return View(frame_indices(footage.num_frames, sampling), 0, 0, height, width)


def sampled(footage: Footage, sampling: Sampling) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The frames a recipe looks at, as recorded, and their indices."""
    indices = frame_indices(footage.num_frames, sampling)
    return footage.frames(indices), indices


def on_grid(
    x_HW: npt.NDArray[Any], height: int, width: int, known_HW: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.float32]:
    """Pictures (..., H, W) averaged onto a grid, over the known pixels alone if some are not; 0 where none is."""
    return area_mean(x_HW, known_HW, height=height, width=width)


def blank(x_NCTHW: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which clips show one value throughout, or one that is no number: no encoder may see them."""
    flat = x_NCTHW.reshape(len(x_NCTHW), -1)
    with np.errstate(invalid="ignore"):
        empty: npt.NDArray[np.bool_] = (flat == flat[:, :1]).all(axis=1) | ~np.isfinite(flat).all(axis=1)
    return empty
