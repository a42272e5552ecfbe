"""The contract of an encoder, `Encoder` in a file of a modality: a torch module built from its `Params`.

- `dim`: the size D of its vectors.
- `parts`: what of a clip can be hidden, such as "frames", and the axis of its input along which it lies.
- `forward`, by calling it: one vector a clip.
- `with_tokens`: beside it the vectors whose mean over the middle axes it is.

Of pictures also (`PictureEncoder`):

- `places`: its last map.
- `stride`: how far its cells lie apart in the clip.

Of several networks side by side also (`StreamedEncoder`):

- `by_stream`: the vectors of each, which end to end are the clip's.
- `dims`: their sizes.
"""

# Shapes: N clips, D feature size; of pictures S frames of the map, G x P cells.
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class Encoder(Protocol):
    """Clips -> one vector each. A clip's vector depends on that clip alone; no encoder is given an empty one."""

    @property
    def dim(self) -> int:
        """D."""

    @property
    def parts(self) -> Mapping[str, int]:
        """Axis of the input by name of the part; of every encoder "frames". Hidden is what is set to 0."""

    def __call__(self, x_NCT: Tensor, /) -> Tensor:
        """feature_ND of prepared clips, as the modality's recipes leave them."""

    def with_tokens(self, x_NCT: Tensor, /) -> tuple[Tensor, Tensor]:
        """feature_ND as by a call, and tokens (N, ..., D): in eval mode it is their mean over the middle axes."""


@runtime_checkable
class PictureEncoder(Encoder, Protocol):
    """An encoder that keeps where in the picture it saw something."""

    @property
    def stride(self) -> tuple[int, int, int]:
        """Of `places` in frames, rows and columns: cell i of an axis looks at frame, row or column i * stride."""

    def places(self, x_NCTHW: Tensor, /) -> Tensor:
        """places_NDSGP: what it finds at each frame and place that are left; its D need not be `dim`."""


@runtime_checkable
class StreamedEncoder(Encoder, Protocol):
    """Several networks over views of the same clip. Each learns by itself, as if there were no other."""

    @property
    def dims(self) -> Sequence[int]:
        """The size of each network's vectors; D is their sum."""

    def by_stream(self, x_NCT: Tensor, /) -> list[Tensor]:
        """The vectors of each network; end to end along D they are feature_ND."""


@runtime_checkable
class SplitlessMember(Protocol):
    """The file of an encoder whose weights belong to no split: those of a path serve all splits."""

    RECIPE: str  # which leaves clips as the encoder sees them

    def seeds(self, weights: Path) -> list[int] | None:
        """The seeds whose weights lie there; None where the weights have none."""

    def frozen(
        self, weights: Path, seed: int | None, options: dict[str, Any], section: str
    ) -> "tuple[nn.Module, dict[str, Any]]":
        """The encoder of a seed, at rest, and of its weights: `weights_hash`, `pretrained`, `named_classes`."""


@runtime_checkable
class WeightlessMember(Protocol):
    """The file of an encoder that learns nothing: what it gives belongs to no split, and is called so."""

    MEASURED: tuple[str, ...]  # what the first numbers of its vectors measure, by name


def encoder_of(module: nn.Module) -> Encoder:
    """A module as the encoder that it is; TypeError, naming what it lacks, if it does not keep the contract."""
    if not isinstance(module, Encoder):
        lacks = sorted({"dim", "parts", "with_tokens"} - set(dir(module)))
        raise TypeError(f"{type(module).__module__}: its Encoder lacks {lacks}; see pipeline/models/encoder.py")
    return module
