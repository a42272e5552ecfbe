"""The senses, one package each: read a recording, prepare it, encode it. They do not know each other.

- `__init__`: `read`, `prepare`, `build` and `is_empty`, without importing torch (`Modality`).
- `recipes/`: a file per preparation, `Params`, `prepare` and, if it keeps pictures, `view` (`Recipe`).
- `variants`, where there are some of a clip to learn from (`Augmentable`).
- Every other file: an encoder, `Params` and `Encoder` (`models.encoder`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from pipeline.core import members, params

Floats = npt.NDArray[np.float32]
Augmentation = Callable[[Floats, np.random.Generator], Floats]  # x_CT... and what draws -> another x_CT...

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
        """The function that makes the array x_CT... of a recording; it raises DataError for one that cannot be used."""

    def build(self, encoder: str, options: Mapping[str, Any], layout: str, section: str) -> "nn.Module":
        """A new encoder (models.encoder) for recordings of a layout, drawn from torch's random state."""

    def is_empty(self, x_NCT: npt.NDArray[np.float32], /) -> npt.NDArray[np.bool_]:
        """Which prepared clips hold nothing: no encoder may see them."""


@runtime_checkable
class Augmentable(Modality, Protocol):
    """A modality whose prepared clips have variants to learn from."""

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
        """What of the recorded pictures its arrays keep."""


def sense(modality: str) -> Modality:
    """The package of a modality; a name that is none is a ParamsError that lists those there are."""
    return cast(Modality, members.load(__name__, modality))
