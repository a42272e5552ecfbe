"""The modalities (senses), one package each: skeleton, depth, thermal and video. They do not import each other.

- `__init__`: `read`, `prepare`, `build` and `is_empty`, without importing torch (`Modality`).
- `recipes/`: one file per preparation, with `Params`, `prepare` and, if it keeps pictures, `view` (`Recipe`).
- `_augmentation`, where clips can be augmented (`Augmentable`), and other private helpers.
- Every other file: an encoder, with `Params` and `Encoder` (`models.encoder`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from pipeline.core import members, params

Floats = npt.NDArray[np.float32]
Augmentation = Callable[[Floats, np.random.Generator], Floats]  # x_CT... -> a random variant of it

if TYPE_CHECKING:
    from torch import nn

    from pipeline.core.boxes import View
    from pipeline.formats.shared import Footage


@runtime_checkable
class Modality(Protocol):
    """What the package of a modality offers, without importing torch before `build`."""

    def read(self, dataset: str) -> Callable[[Path], Any]:
        """The reader of a dataset's recordings in this modality."""

    def prepare(
        self, recipe: str, options: Mapping[str, Any], section: str
    ) -> Callable[[Any], npt.NDArray[np.float32]]:
        """The function that makes the array x_CT... of a recording; DataError for one that cannot be used."""

    def build(self, encoder: str, options: Mapping[str, Any], layout: str, section: str) -> "nn.Module":
        """A new encoder (models.encoder) for recordings of a layout, drawn from torch's random state."""

    def is_empty(self, x_NCT: npt.NDArray[np.float32], /) -> npt.NDArray[np.bool_]:
        """Which prepared clips hold nothing, so that no encoder may see them."""


@runtime_checkable
class Augmentable(Modality, Protocol):
    """A modality whose prepared clips can be augmented for training."""

    def augment(self, options: Mapping[str, Any], layout: str, section: str) -> Augmentation:
        """The function that draws a variant of a prepared clip of a layout; it can be pickled."""


@runtime_checkable
class Recipe(Protocol):
    """A file of `recipes/`: recordings -> arrays."""

    Params: type[params.Params]

    def prepare(self, recording: Any, params: Any, /) -> npt.NDArray[np.float32]:
        """x_CT... of a recording; raises DataError for one that cannot be used."""


@runtime_checkable
class PictureRecipe(Recipe, Protocol):
    """A recipe that keeps pictures, or parts of them."""

    def view(self, footage: "Footage", params: Any, /) -> "View":
        """The part of the recorded pictures that its arrays keep."""


def sense(modality: str) -> Modality:
    """The package of a modality. ParamsError, listing the modalities, for an unknown name."""
    return cast(Modality, members.load(__name__, modality))
