"""The contract of an encoder: the class `Encoder` in a file of a modality, a torch module built from its `Params`.

Every encoder has:

- `dim`: the size D of its vectors.
- `forward`: one vector for each clip.
- `with_tokens`: the same vectors, and the tokens whose mean they are.
- `parts`: what can be hidden of a clip, such as "frames", and the axis of the input along which it lies.

An encoder of pictures also has (`PictureEncoder`):

- `places`: its last feature map.
- `stride`: how many frames, rows and columns of the clip lie between two cells of that map.

An encoder of several networks also has (`StreamedEncoder`):

- `by_stream`: the vectors of each network; joined end to end they are the clip's.
- `dims`: their sizes.

A recipe of pictures, which prepares clips for encoders, has:

- `view`: which part of a recorded picture it keeps.
"""

# Shapes: N clips, D feature size; of pictures S frames of the map, G x P cells.
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class Encoder(Protocol):
    """Clips -> one vector each. A clip's vector depends on that clip alone. No encoder is given an empty clip."""

    @property
    def dim(self) -> int:
        """D."""

    @property
    def parts(self) -> Mapping[str, int]:
        """Axis of the input by name of the part; every encoder has "frames". A hidden part is set to 0."""

    def __call__(self, x_NCT: Tensor, /) -> Tensor:
        """feature_ND of prepared clips, as the modality's recipes leave them."""

    def with_tokens(self, x_NCT: Tensor, /) -> tuple[Tensor, Tensor]:
        """feature_ND as by `forward`, and tokens (N, ..., D) whose mean over the middle axes it is in eval mode."""


@runtime_checkable
class PictureEncoder(Encoder, Protocol):
    """An encoder that keeps the place in the picture where it saw something."""

    @property
    def stride(self) -> tuple[int, int, int]:
        """In frames, rows and columns: cell i of an axis of `places` looks at frame, row or column i * stride."""

    def places(self, x_NCTHW: Tensor, /) -> Tensor:
        """places_NDSGP: the last feature map, one vector a cell; its D need not be `dim`."""


@runtime_checkable
class StreamedEncoder(Encoder, Protocol):
    """Several networks over views of the same clip, each trained by itself."""

    @property
    def dims(self) -> Sequence[int]:
        """The size of each network's vectors; D is their sum."""

    def by_stream(self, x_NCT: Tensor, /) -> list[Tensor]:
        """The vectors of each network; joined along D they are feature_ND."""


@runtime_checkable
class SplitlessMember(Protocol):
    """The file of an encoder whose weights belong to no split: the same file of weights serves all splits."""

    RECIPE: str  # the recipe that prepares clips for the encoder

    def seeds(self, weights: Path) -> list[int] | None:
        """The seeds whose weights are there; None where weights have no seed."""

    def frozen(
        self, weights: Path, seed: int | None, options: dict[str, Any], section: str
    ) -> "tuple[nn.Module, dict[str, Any]]":
        """The frozen encoder of a seed, and metadata of its weights: `weights_hash`, `pretrained`, `named_classes`."""


@runtime_checkable
class WeightlessMember(Protocol):
    """The file of an encoder that learns nothing: its features belong to no split and are named accordingly."""

    MEASURED: tuple[str, ...]  # what the first numbers of its vectors measure, by name


def encoder_of(module: nn.Module) -> Encoder:
    """The module, checked against the contract; TypeError, naming what it lacks, if it does not keep it."""
    if not isinstance(module, Encoder):
        lacks = sorted({"dim", "parts", "with_tokens"} - set(dir(module)))
        raise TypeError(f"{type(module).__module__}: its Encoder lacks {lacks}; see pipeline/models/encoder.py")
    return module
