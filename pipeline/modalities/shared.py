"""What modalities share: reading and preparing, the filmed modalities, parts of the recipes of pictures. No torch."""

# Shapes: N clips, C channels, T frames, H x W pixels.
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline import modalities
from pipeline.core import members, params, pictures
from pipeline.core.boxes import Boxes, View, check_inside, in_view
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.resampling import area_mean
from pipeline.core.sampling import Sampling, frame_indices
from pipeline.datasets import shared as datasets
from pipeline.formats.shared import Footage

if TYPE_CHECKING:
    from torch import nn

Prepare = Callable[[Any], npt.NDArray[np.float32]]


def reader(modality: str, dataset: str) -> Callable[[Path], Any]:
    """The reader of a dataset's recordings in a modality; ParamsError where the dataset has none."""
    readers = datasets.load(dataset).readers
    if modality not in readers:
        raise ParamsError(f"dataset '{dataset}' has no {modality}, only {sorted(readers)}")
    return readers[modality]


def preparation(modality: str, recipe: str, options: Mapping[str, Any], section: str) -> Prepare:
    """The function that makes x_CT... of a recording; it raises DataError for one that cannot be used.

    `options` are the recipe's Params; `section` is where params.yaml gives them.
    """
    member = members.load(f"pipeline.modalities.{modality}.recipes", recipe)
    parsed = params.parse(member.Params, dict(options), section)

    def prepare(recording: Any) -> npt.NDArray[np.float32]:
        x_CT: npt.NDArray[np.float32] = member.prepare(recording, parsed)
        return x_CT

    return prepare


@dataclass(frozen=True)
class FilmedModality:
    """The functions that the `__init__` of a filmed modality offers.

    `num_channels`: the layouts of footage that it may have, and the number of channels of a prepared array for each.
    """

    modality: str
    num_channels: Mapping[str, int]

    def read(self, dataset: str) -> Callable[[Path], Footage]:
        """The reader of a dataset's recordings in this modality."""
        return reader(self.modality, dataset)

    def prepare(self, recipe: str, options: Mapping[str, Any], section: str) -> Prepare:
        """The function that makes x_CTHW of footage, as `preparation` gives it."""
        return preparation(self.modality, recipe, options, section)

    def build(self, encoder: str, options: Mapping[str, Any], layout: str, section: str) -> "nn.Module":
        """A new encoder x_NCTHW -> feature_ND for footage of a layout, drawn from torch's random state."""
        if layout not in self.num_channels:
            raise ParamsError(f"{self.modality} footage is {' or '.join(sorted(self.num_channels))}, not '{layout}'")
        member = members.load(f"pipeline.modalities.{self.modality}", encoder)
        parsed = params.parse(member.Params, dict(options), section)
        module: nn.Module = member.Encoder(parsed, self.num_channels[layout])
        return module

    def is_empty(self, x_NCTHW: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Which clips have the same value everywhere, or one that is no number: no encoder may see them."""
        flat = x_NCTHW.reshape(len(x_NCTHW), -1)
        with np.errstate(invalid="ignore"):
            empty: npt.NDArray[np.bool_] = (flat == flat[:, :1]).all(axis=1) | ~np.isfinite(flat).all(axis=1)
        return empty


def box_reader(modality: str, recipe: str, options: Mapping[str, Any], section: str) -> Callable[[Footage], Boxes]:
    """The function that maps the boxes of footage into a recipe's arrays, as core.boxes.in_view does.

    Raises ParamsError for a recipe without `view`, which keeps no pictures.
    """
    member = members.load(f"pipeline.modalities.{modality}.recipes", recipe)
    if not isinstance(member, modalities.PictureRecipe):
        raise ParamsError(f"{section}: recipe '{recipe}' keeps no pictures for boxes to lie in; set `boxes` to false")
    parsed = params.parse(member.Params, dict(options), section)

    def boxes(footage: Footage) -> Boxes:
        if footage.boxes is None:
            raise DataError("no boxes: the clip has none; ingest them or set `boxes` to false")
        check_inside(footage.boxes, *footage.frames([0]).shape[1:3])
        return in_view(footage.boxes, member.view(footage, parsed), footage.num_frames)

    return boxes


class GridParams(params.Params):
    """Params of a recipe that averages pictures onto a grid: which frames, and the size of the grid."""

    sampling: Sampling
    height: int = Field(ge=1)
    width: int = Field(ge=1)


class SquareParams(params.Params):
    """Params of a recipe that keeps the middle square of pictures: which frames, and the side of the square."""

    sampling: Sampling
    size: int = Field(ge=1)


def whole_view(footage: Footage, params: GridParams) -> View:
    """The `view` of a recipe that keeps all of a picture."""
    height, width = footage.frames([0]).shape[1:3]
    return View(frame_indices(footage.num_frames, params.sampling), 0, 0, height, width)


def square_view(footage: Footage, params: SquareParams) -> View:
    """The `view` of a recipe that keeps `squares`."""
    height, width = footage.frames([0]).shape[1:3]
    (new_height, new_width), (top, left) = pictures.layout(height, width, params.size, params.size)
    down, across = height / new_height, width / new_width
    frames = frame_indices(footage.num_frames, params.sampling)
    return View(frames, top * down, left * across, params.size * down, params.size * across)


def squares(picture_THW: npt.NDArray[pictures.Value], size: int) -> npt.NDArray[pictures.Value]:
    """The middle square, of side `size`, of each picture (T, H, W, ...), as CLIP's picture towers expect it."""
    return np.stack([pictures.middle(picture, size, size) for picture in picture_THW])


def grey_squares(bright_THW: npt.NDArray[np.floating], size: int) -> npt.NDArray[np.float32]:
    """`squares` of brightness from 0 to 1, without the overshoot of bicubic resizing at edges."""
    return np.clip(squares(bright_THW.astype(np.float32), size), 0, 1)


def sampled(footage: Footage, sampling: Sampling) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The sampled frames, as recorded, and their indices."""
    indices = frame_indices(footage.num_frames, sampling)
    return footage.frames(indices), indices


def on_grid(
    x_HW: npt.NDArray[Any], height: int, width: int, known_HW: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.float32]:
    """Pictures (..., H, W) averaged onto a grid, over the known pixels only; 0 where none is known."""
    return area_mean(x_HW, known_HW, height=height, width=width)
