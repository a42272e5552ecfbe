"""A small R(2+1)D: convolutions over space and over time by turns (Tran et al., CVPR 2018), for one-channel clips.

Beside each frame the network sees its difference from the clip's mean frame, in which a still background vanishes.
"""

# Shapes: N clips, C channels, T frames, H x W pixels, D feature size; S frames of G x P places after the last stage.
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params

KERNEL_FRAMES = 3


class Params(core_params.Params):
    """Channels of each stage; every stage halves the picture, every stage but the first the frames."""

    widths: Annotated[list[int], Field(min_length=1)]
    dropout: float = Field(ge=0, lt=1)


class Encoder(nn.Module):
    """Clips of pictures -> one vector a clip. `dim` is its size."""

    parts: ClassVar[dict[str, int]] = {"frames": 2}  # what of a clip can be hidden -> its axis in x_NCTHW

    def __init__(self, params: Params, in_channels: int) -> None:
        super().__init__()
        self.dim = params.widths[-1]
        halvings = len(params.widths)
        self.stride = (2 ** (halvings - 1), 2**halvings, 2**halvings)  # of `places` in frames, rows and columns
        self.normalise = nn.BatchNorm3d(2 * in_channels)
        channels = [2 * in_channels, *params.widths]
        self.stages = nn.Sequential(
            *(
                _stage(c, width, time_stride=1 if i == 0 else 2)
                for i, (c, width) in enumerate(zip(channels, params.widths, strict=False))
            )
        )
        self.dropout = nn.Dropout(params.dropout)

    def forward(self, x_NCTHW: Tensor) -> Tensor:
        """feature_ND: the mean of the tokens."""
        feature_ND: Tensor = self.dropout(self.places(x_NCTHW).mean(dim=(2, 3, 4)))
        return feature_ND

    def with_tokens(self, x_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """The feature, and what it is the mean of: tokens_NSGPD, one for each frame and place of the last stage."""
        places_NDSGP = self.places(x_NCTHW)
        return self.dropout(places_NDSGP.mean(dim=(2, 3, 4))), places_NDSGP.permute(0, 2, 3, 4, 1)

    def places(self, x_NCTHW: Tensor) -> Tensor:
        """places_NDSGP: the output of the last stage, for each of its frames S and places G x P."""
        moving = x_NCTHW - x_NCTHW.mean(dim=2, keepdim=True)
        place_NDSGP: Tensor = self.stages(self.normalise(torch.cat([x_NCTHW, moving], dim=1)))
        return place_NDSGP


def _stage(in_channels: int, channels: int, time_stride: int) -> nn.Module:
    half = KERNEL_FRAMES // 2
    return nn.Sequential(
        nn.Conv3d(in_channels, channels, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False),
        nn.BatchNorm3d(channels),
        nn.ReLU(),
        nn.Conv3d(channels, channels, (KERNEL_FRAMES, 1, 1), (time_stride, 1, 1), (half, 0, 0), bias=False),
        nn.BatchNorm3d(channels),
        nn.ReLU(),
    )
