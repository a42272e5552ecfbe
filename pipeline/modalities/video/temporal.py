"""A transformer over CLIP's vectors of frames (X-CLIP, Ni et al. 2022; Text4Vis).

The blocks look at all frames and add their output to each frame's unit vector; the clip's vector is the mean. Untrained
blocks add nothing, so that training begins at the mean of the frames.
"""

# Shapes: N clips, C = 3 colours, T frames, H x W pixels, D feature size, G x P patches.
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.core import params as core_params
from pipeline.core.errors import DataError, ParamsError
from pipeline.models import clip_frames
from pipeline.models.transformer import Block

_SPREAD = 0.02  # standard deviation of positions before training


class Params(core_params.Params):
    """The picture tower, whether it is trained, and the transformer over its vectors."""

    architecture: str | dict[str, Any]  # as open_clip names or configures it
    frames: Literal["frozen", "trained"]
    num_frames: int = Field(ge=1)
    num_blocks: int = Field(ge=1)
    num_heads: int = Field(ge=1)


class Encoder(clip_frames.FrameMeanEncoder):
    """Clips as the recipe `clip` leaves them, of the tower's size -> one vector a clip. `dim` is its size."""

    def __init__(self, params: Params, in_channels: int) -> None:
        super().__init__()
        clip = clip_frames.random_clip(params.architecture)
        self.dim, self.stride = clip.dim, clip_frames.stride(clip)
        if self.dim % params.num_heads:
            raise ParamsError(
                f"temporal: the tower's vectors of {self.dim} cannot be divided among {params.num_heads} heads; set "
                "num_heads to a divisor"
            )
        self.visual, self.coloured = clip.model.visual, clip_frames.Recolour(clip, in_channels)
        self.learns_frames = params.frames == "trained"
        self.visual.requires_grad_(self.learns_frames)
        self.position_TD = nn.Parameter(torch.empty(params.num_frames, self.dim).normal_(std=_SPREAD))
        self.blocks = nn.Sequential(*(Block(self.dim, params.num_heads, "gelu", 0) for _ in range(params.num_blocks)))
        for block in self.blocks:
            assert isinstance(block, Block)
            block.silence()

    def train(self, mode: bool = True) -> "Encoder":
        """As for every module, but a frozen tower stays in eval mode: without dropout or new statistics."""
        super().train(mode)
        self.visual.train(mode and self.learns_frames)
        return self

    def places(self, x_NCTHW: Tensor) -> Tensor:
        """places_NDTGP: the patches of each single frame, in the space of the tower."""
        return clip_frames.places(self.visual, self.coloured(x_NCTHW))

    def tokens(self, x_NCTHW: Tensor) -> Tensor:
        """tokens_NTD: each frame's vector after the transformer."""
        num_frames = len(self.position_TD)
        if x_NCTHW.shape[2] != num_frames:
            raise DataError(
                f"temporal: clips of {x_NCTHW.shape[2]} frames, this encoder has positions for {num_frames}; "
                "set num_frames in its options to that of the recipe"
            )
        x_NTCHW = self.coloured(x_NCTHW)
        frame_MD = functional.normalize(self.visual(x_NTCHW.flatten(0, 1)), dim=-1)
        placed_NTD = frame_MD.reshape(*x_NTCHW.shape[:2], -1) + self.position_TD
        token_NTD: Tensor = self.blocks(placed_NTD) - self.position_TD
        return token_NTD


def start_from(encoder: nn.Module, visual: nn.Module) -> Tensor:
    """Copy the weights of a picture tower of open_clip into the encoder.

    Returns the map from the encoder's vectors to the tower's space, which is the identity. ParamsError for another
    architecture or other colour statistics.
    """
    assert isinstance(encoder, Encoder)
    current, state = encoder.visual.state_dict(), visual.state_dict()
    fits = current.keys() == state.keys() and all(current[name].shape == state[name].shape for name in current)
    colours = ("image_size", "image_mean", "image_std")
    if not fits or any(getattr(encoder.visual, name) != getattr(visual, name) for name in colours):
        raise ParamsError(
            "temporal: the picture tower to start from is of another architecture; name it in the options"
        )
    encoder.visual.load_state_dict(state)
    return torch.eye(encoder.dim)
