"""A transformer over the vectors that CLIP's picture tower gives of frames (X-CLIP, Ni et al. 2022; Text4Vis).

It only adds to them: each frame's unit vector gets what the blocks found looking at all frames, and the clip's vector
is the mean. Untrained blocks add nothing, so that training begins at the mean of the frames.
"""

# Shapes: N clips, C = 3 colours, T frames, H x W pixels, D feature size, G x P patches.
from typing import Any, ClassVar, Literal

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
    """The picture tower, whether it learns too, and the transformer over its vectors."""

    architecture: str | dict[str, Any]  # as open_clip names or configures it
    frames: Literal["frozen", "trained"]
    num_frames: int = Field(ge=1)
    num_blocks: int = Field(ge=1)
    num_heads: int = Field(ge=1)


class Encoder(nn.Module):
    """Clips as the recipe `clip` leaves them, of the tower's size -> one vector a clip. `dim` is its size."""

    parts: ClassVar[dict[str, int]] = {"frames": 2}  # what of a clip can be hidden -> its axis in x_NCTHW

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
        """As of every module, but a frozen tower stays at rest: it drops nothing and gathers no statistics."""
        super().train(mode)
        self.visual.train(mode and self.learns_frames)
        return self

    def forward(self, x_NCTHW: Tensor) -> Tensor:
        """feature_ND: the mean of the tokens."""
        return self._found(x_NCTHW).mean(dim=1)

    def with_tokens(self, x_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """The feature, and what it is the mean of: tokens_NTD, one a frame."""
        found_NTD = self._found(x_NCTHW)
        return found_NTD.mean(dim=1), found_NTD

    def places(self, x_NCTHW: Tensor) -> Tensor:
        """places_NDTGP: the patches of each frame by itself, in the space of the tower."""
        return clip_frames.places(self.visual, self.coloured(x_NCTHW))

    def _found(self, x_NCTHW: Tensor) -> Tensor:
        num_frames = len(self.position_TD)
        if x_NCTHW.shape[2] != num_frames:
            raise DataError(
                f"temporal: clips of {x_NCTHW.shape[2]} frames, this encoder has positions for {num_frames}; "
                "set num_frames in its options to that of the recipe"
            )
        x_NTCHW = self.coloured(x_NCTHW)
        frame_MD = functional.normalize(self.visual(x_NTCHW.flatten(0, 1)), dim=-1)
        placed_NTD = frame_MD.reshape(*x_NTCHW.shape[:2], -1) + self.position_TD
        found_NTD: Tensor = self.blocks(placed_NTD) - self.position_TD
        return found_NTD


def start_from(encoder: nn.Module, visual: nn.Module) -> Tensor:
    """Take the weights of a whole picture tower of open_clip.

    Returns the map from the encoder's vectors to the tower's space, where they are already: identity. ParamsError for
    another architecture or other colours.
    """
    assert isinstance(encoder, Encoder)
    own, given = encoder.visual.state_dict(), visual.state_dict()
    alike = own.keys() == given.keys() and all(own[name].shape == given[name].shape for name in own)
    colours = ("image_size", "image_mean", "image_std")
    if not alike or any(getattr(encoder.visual, name) != getattr(visual, name) for name in colours):
        raise ParamsError(
            "temporal: the picture tower to start from is of another architecture; name it in the options"
        )
    encoder.visual.load_state_dict(given)
    return torch.eye(encoder.dim)
