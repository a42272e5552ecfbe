"""What the filmed modalities have in common: their contract, and what their recipes do alike. No torch."""

# Shapes: N clips, C channels, T frames, H x W pixels.
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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

Reader = Callable[[Path], Footage]
Prepare = Callable[[Footage], npt.NDArray[np.float32]]


@dataclass(frozen=True)
class FilmedModality:
    """The contract of a filmed modality, which its `__init__` offers as functions; all that differs stands here.

    `num_channels` says what a pixel may be (a layout of the footage) and how many channels a prepared array then has.
    """

    modality: str
    num_channels: Mapping[str, int]

    def read(self, dataset: str) -> Reader:
        """The reader of a dataset's recordings in this modality."""
        readers = datasets.load(dataset).readers
        if self.modality not in readers:
            raise ParamsError(f"dataset '{dataset}' has no {self.modality}, only {sorted(readers)}")
        found: Reader = readers[self.modality]
        return found

    def prepare(self, recipe: str, options: Mapping[str, Any], section: str) -> Prepare:
        """The function that makes x_CTHW of footage; it raises DataError for footage that cannot be used.

        `options` are the recipe's Params, `section` is where params.yaml gives them.
        """
        member = members.load(f"pipeline.modalities.{self.modality}.recipes", recipe)
        told = params.parse(member.Params, dict(options), section)

        def prepared(footage: Footage) -> npt.NDArray[np.float32]:
            x_CTHW: npt.NDArray[np.float32] = member.prepare(footage, told)
            return x_CTHW

        return prepared

    def build(self, encoder: str, options: Mapping[str, Any], layout: str, section: str) -> "nn.Module":
        """A new encoder x_NCTHW -> feature_ND for footage of a layout, drawn from torch's random state."""
        if layout not in self.num_channels:
            raise ParamsError(f"{self.modality} footage is {' or '.join(sorted(self.num_channels))}, not '{layout}'")
        member = members.load(f"pipeline.modalities.{self.modality}", encoder)
        told = params.parse(member.Params, dict(options), section)
        module: nn.Module = member.Encoder(told, self.num_channels[layout])
        return module

    def is_empty(self, x_NCTHW: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Which clips show one value throughout, or one that is no number: no encoder may see them."""
        flat = x_NCTHW.reshape(len(x_NCTHW), -1)
        with np.errstate(invalid="ignore"):
            empty: npt.NDArray[np.bool_] = (flat == flat[:, :1]).all(axis=1) | ~np.isfinite(flat).all(axis=1)
        return empty


def box_reader(modality: str, recipe: str, options: Mapping[str, Any], section: str) -> Callable[[Footage], Boxes]:
    """The function that says where a recipe's arrays show the boxes of footage: as core.boxes.in_view gives them.

    Raises ParamsError for a recipe that keeps no pictures (it has no `view`).
    """
    member = members.load(f"pipeline.modalities.{modality}.recipes", recipe)
    if not isinstance(member, modalities.PictureRecipe):
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


def square_view(footage: Footage, sampling: Sampling, size: int) -> View:
    """The view of a recipe that keeps `squares`."""
    height, width = footage.frames([0]).shape[1:3]
    (new_height, new_width), (top, left) = pictures.layout(height, width, size, size)
    down, across = height / new_height, width / new_width
    frames = frame_indices(footage.num_frames, sampling)
    return View(frames, top * down, left * across, size * down, size * across)


def squares(picture_THW: npt.NDArray[pictures.Value], size: int) -> npt.NDArray[pictures.Value]:
    """The middle square of each picture (T, H, W, ...), its side `size`, as CLIP's image towers want them."""
    return np.stack([pictures.middle(picture, size, size) for picture in picture_THW])


def grey_squares(bright_THW: npt.NDArray[np.floating], size: int) -> npt.NDArray[np.float32]:
    """`squares` of brightness from 0 to 1, which what bicubic resizing adds at edges is cut back to."""
    return np.clip(squares(bright_THW.astype(np.float32), size), 0, 1)


def sampled(footage: Footage, sampling: Sampling) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The frames a recipe looks at, as recorded, and their indices."""
    indices = frame_indices(footage.num_frames, sampling)
    return footage.frames(indices), indices


def on_grid(
    x_HW: npt.NDArray[Any], height: int, width: int, known_HW: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.float32]:
    """Pictures (..., H, W) averaged onto a grid, over the known pixels alone if some are not; 0 where none is."""
    return area_mean(x_HW, known_HW, height=height, width=width)
