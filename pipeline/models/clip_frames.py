"""CLIP's picture tower on each frame, pooled over time: features beside which class texts lie, for zero-shot by text.

It serves every filmed modality: pictures in colour, as the recipe `clip` of video leaves them, and grey ones of one
channel from 0 to 1, as those of depth and thermal do, which the tower is shown as grey pictures in three colours.

Its weights belong to no split: they come from a start file, or from a row of finetune, and say which classes the texts
that they were trained with name.
"""

# Shapes: N clips, M = N * T frames, C = 3 colours (or 1, grey), T frames, H x W pixels, D feature size, G x P patches.
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.core import params as core_params
from pipeline.core import pictures
from pipeline.core.errors import DataError, ParamsError
from pipeline.models import clip as clips
from pipeline.models import open_clips
from pipeline.models.clip import Clip, Pooling


class PoolingParams(core_params.Params):
    """What its weights do not tell."""

    pooling: Pooling


class Params(PoolingParams):
    """A tower of its own."""

    architecture: str | dict[str, Any]  # as open_clip names or configures it


class Recolour(nn.Module):
    """Clips as the recipe leaves them -> pictures in the colours and of the size that a tower was trained with."""

    recolour_C: Tensor
    shift_C: Tensor

    def __init__(self, clip: Clip, in_channels: int) -> None:
        super().__init__()
        self.height, self.width = clip.height, clip.width
        of_grey = torch.zeros(1), torch.ones(1)
        of_colours = torch.from_numpy(pictures.MEAN), torch.from_numpy(pictures.DEVIATION)
        mean_C, deviation_C = of_grey if in_channels == 1 else of_colours  # that the recipe has taken out
        self.register_buffer("recolour_C", deviation_C / clip.deviation_C, persistent=False)
        self.register_buffer("shift_C", (mean_C - clip.mean_C) / clip.deviation_C, persistent=False)

    def forward(self, x_NCTHW: Tensor) -> Tensor:
        """x_NTCHW, of three colours always."""
        height, width = x_NCTHW.shape[-2:]
        if (height, width) != (self.height, self.width):
            raise DataError(
                f"clip: pictures of {height} x {width} pixels, this tower sees {self.height} x {self.width}; "
                "set the size in the row of preprocess"
            )
        x_NTHWC = x_NCTHW.movedim(1, -1) * self.recolour_C + self.shift_C
        return x_NTHWC.movedim(-1, 2)


class FrameMeanEncoder(nn.Module):
    """An encoder whose vector of a clip is the mean of the vectors of its frames."""

    parts: ClassVar[dict[str, int]] = {"frames": 2}  # what of a clip can be hidden -> its axis in x_NCTHW

    @abstractmethod
    def tokens(self, x_NCTHW: Tensor) -> Tensor:
        """tokens_NTD, one a frame."""

    def forward(self, x_NCTHW: Tensor) -> Tensor:
        """feature_ND: the mean of the tokens."""
        return self.tokens(x_NCTHW).mean(dim=1)

    def with_tokens(self, x_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """The feature, and the tokens_NTD whose mean it is."""
        token_NTD = self.tokens(x_NCTHW)
        return token_NTD.mean(dim=1), token_NTD


class Encoder(FrameMeanEncoder):
    """Clips prepared by a recipe `clip`, of the tower's size -> one vector a clip, of size `dim`."""

    def __init__(self, params: PoolingParams, in_channels: int, clip: Clip | None = None) -> None:
        super().__init__()
        if clip is None:
            assert isinstance(params, Params)
            clip = random_clip(params.architecture).requires_grad_(False)
            clip.model.visual.requires_grad_(True)  # no text comes by: what gets no gradient would stop several devices
        self.clip, self.pooling = clip, params.pooling
        self.dim = clip.dim
        self.stride = stride(clip)  # of `places` in frames, rows and columns
        self.coloured = Recolour(clip, in_channels)

    def places(self, x_NCTHW: Tensor) -> Tensor:
        """places_NDTGP: the patches of each frame, in the space of the texts."""
        return places(self.clip.model.visual, self.coloured(x_NCTHW))

    def tokens(self, x_NCTHW: Tensor) -> Tensor:
        """tokens_NTD: each frame's vector as the pooling weighs it."""
        return self.clip.frames(self.coloured(x_NCTHW), self.pooling)


def random_clip(architecture: open_clips.Architecture) -> Clip:
    """A model with weights from torch's random state."""
    return Clip(architecture, open_clips.build(architecture, None), None)


def stride(clip: Clip) -> tuple[int, int, int]:
    """Of `places` in frames, rows and columns."""
    patch = getattr(clip.model.visual, "patch_size", (clip.height, clip.width))
    return 1, int(patch[0]), int(patch[1])


def places(visual: Any, x_NTCHW: Tensor) -> Tensor:
    """places_NDTGP: the patches of each frame, in the space of the texts.

    A patch's middle lies half a stride behind the row that the contract gives it, so each cell is the mean of the
    patches around that row: one more cell than patches.
    """
    if not isinstance(getattr(visual, "proj", None), Tensor) or getattr(visual, "attn_pool", None) is not None:
        raise ParamsError("clip: this architecture keeps no map of places; set regions to false")
    outputs = visual.forward_intermediates(
        x_NTCHW.flatten(0, 1), indices=1, normalize_intermediates=True, intermediates_only=True
    )
    patch_MDGP = torch.einsum("mwgp,wd->mdgp", outputs["image_intermediates"][0], visual.proj)
    place_MDGP = functional.avg_pool2d(functional.pad(patch_MDGP, (1, 1, 1, 1), mode="replicate"), 2, stride=1)
    place_NTDGP = place_MDGP.reshape(*x_NTCHW.shape[:2], *place_MDGP.shape[1:])
    return place_NTDGP.transpose(1, 2)


def seeds(weights: Path) -> list[int] | None:
    """The seeds of a row of finetune; None for a start file."""
    return open_clips.seeds(weights)


def frozen(
    weights: Path, seed: int | None, options: dict[str, Any], section: str, *, in_channels: int
) -> tuple[Encoder, dict[str, Any]]:
    """The encoder of a seed, at rest, and what is known of its weights; None: of a start file."""
    pooled = core_params.parse(PoolingParams, options, section)
    if seed is None:
        clip = clips.start(weights)
        metadata: dict[str, Any] = {"pretrained": clip.pretrained}
    else:
        clip, metadata = clips.load(weights, seed)
    encoder = Encoder(pooled, in_channels, clip)
    return encoder.requires_grad_(False).eval(), {**metadata, "weights_hash": open_clips.identity(weights, seed or 0)}
