"""An encoder with a linear map behind it."""

# Shapes: N clips, D size of the encoder's vectors, T of the mapped ones.
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from pipeline.models import text_space
from pipeline.models.encoder import PictureEncoder, encoder_of


class MappedEncoder(nn.Module):
    """An encoder whose vectors and tokens both go through a linear map.

    The map is affine, so the mean of the mapped tokens is the mapped vector. An encoder of pictures keeps its own last
    feature map (`places`).
    """

    def __init__(self, encoder: nn.Module, dim: int) -> None:
        super().__init__()
        inner = encoder_of(encoder)
        self.encoder, self.dim, self.parts = encoder, dim, inner.parts
        self.map = nn.Linear(inner.dim, dim)
        if isinstance(inner, PictureEncoder):
            self.places, self.stride = inner.places, inner.stride

    def forward(self, x_NCT: Tensor) -> Tensor:
        """mapped_NT."""
        mapped_NT: Tensor = self.map(self.encoder(x_NCT))
        return mapped_NT

    def with_tokens(self, x_NCT: Tensor) -> tuple[Tensor, Tensor]:
        """mapped_NT and the mapped tokens (N, ..., T)."""
        feature_ND, tokens = encoder_of(self.encoder).with_tokens(x_NCT)
        return self.map(feature_ND), self.map(tokens)


def with_kept_map(encoder: nn.Module, metadata: Mapping[str, Any]) -> nn.Module:
    """The encoder, with a linear map behind it where the metadata of its weights say that one was kept."""
    space = metadata.get(text_space.KEY)
    return encoder if space is None else MappedEncoder(encoder, space["dim"])
