"""A small CNN on each frame, then a convolution over time (as in temporal segment networks).

Each frame comes with its difference from the clip's mean frame, in which the still background vanishes. The last map is
not averaged but kept as a coarse grid, so that left and right stay apart.
"""

# Shapes: N clips, C channels, T frames, H x W pixels, D feature size, G x P places of the last map.
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params

GRID = 3
KERNEL_FRAMES = 5


class Params(core_params.Params):
    """Channels of each halving of the picture, and the size of the feature."""

    widths: Annotated[list[int], Field(min_length=1)]
    dim: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)


class Encoder(nn.Module):
    """Clips of pictures -> one vector a clip. `dim` is its size."""

    parts: ClassVar[dict[str, int]] = {"frames": 2}  # what of a clip can be hidden -> its axis in x_NCTHW

    def __init__(self, params: Params, in_channels: int) -> None:
        super().__init__()
        self.dim = params.dim
        self.stride = (1, 2 ** len(params.widths), 2 ** len(params.widths))  # of `places` in frames, rows and columns
        channels = [2 * in_channels, *params.widths]
        self.frame = nn.Sequential(
            nn.BatchNorm2d(2 * in_channels),
            *(_halving(c, width) for c, width in zip(channels, params.widths, strict=False)),
        )
        self.coarse = nn.Sequential(nn.AdaptiveAvgPool2d(GRID), nn.Flatten())
        self.time = nn.Sequential(
            nn.Dropout(params.dropout),
            nn.Conv1d(params.widths[-1] * GRID**2, self.dim, KERNEL_FRAMES, padding=KERNEL_FRAMES // 2, bias=False),
            nn.BatchNorm1d(self.dim),
            nn.ReLU(),
        )

    def forward(self, x_NCTHW: Tensor) -> Tensor:
        """feature_ND: the mean of the tokens."""
        feature_ND: Tensor = self._tokens(x_NCTHW).mean(dim=2)
        return feature_ND

    def with_tokens(self, x_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """The feature, and the tokens_NTD whose mean it is: the output of the temporal convolution at each frame."""
        token_NDT = self._tokens(x_NCTHW)
        return token_NDT.mean(dim=2), token_NDT.transpose(1, 2)

    def places(self, x_NCTHW: Tensor) -> Tensor:
        """places_NDTGP: the last map of each frame, G x P places, before grid and time; D is the last width."""
        moving = x_NCTHW - x_NCTHW.mean(dim=2, keepdim=True)
        frames = torch.cat([x_NCTHW, moving], dim=1).transpose(1, 2)
        places_NDTGP: Tensor = self.frame(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]).transpose(1, 2)
        return places_NDTGP

    def _tokens(self, x_NCTHW: Tensor) -> Tensor:
        pictures = self.places(x_NCTHW).transpose(1, 2)
        coarse = self.coarse(pictures.flatten(0, 1)).unflatten(0, pictures.shape[:2])
        token_NDT: Tensor = self.time(coarse.transpose(1, 2))
        return token_NDT


def _halving(in_channels: int, channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(in_channels, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
