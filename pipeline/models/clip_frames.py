"""CLIP's picture tower on each frame, pooled over time: features beside which class texts lie, for zero-shot by text.

It serves every filmed modality: colour pictures, as the recipe `clip` of video gives them, and pictures of one channel
from 0 to 1, as the recipes of depth and thermal do. The tower sees these as grey pictures in three colours.

Its weights belong to no split: they come from a start file or from a row of finetune, whose metadata list the classes
that its training texts name.
"""

# Shapes: N clips, M = N * T frames, C = 3 colours (or 1, grey), T frames, H x W pixels, D feature size, G x P patches.
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
    """Options that weights do not tell."""

    pooling: Pooling


class Params(PoolingParams):
    """An architecture with random weights."""

    architecture: str | dict[str, Any]  # as open_clip names or configures it


class Recolour(nn.Module):
    """Prepared clips -> pictures normalised as in the training of a tower. DataError for another size."""

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
        """x_NTCHW, always of three colours."""
        height, width = x_NCTHW.shape[-2:]
        if (height, width) != (self.height, self.width):
            raise DataError(
                f"clip: pictures of {height} x {width} pixels, this tower sees {self.height} x {self.width}; "
                "set the size in the row of preprocess"
            )
        x_NTHWC = x_NCTHW.movedim(1, -1) * self.recolour_C + self.shift_C
        return x_NTHWC.movedim(-1, 2)


class Encoder(nn.Module):
    """Clips prepared by a recipe `clip`, of the tower's size -> one vector a clip, of size `dim`."""

    parts: ClassVar[dict[str, int]] = {"frames": 2}  # what of a clip can be hidden -> its axis in x_NCTHW

    def __init__(self, params: PoolingParams, in_channels: int, clip: Clip | None = None) -> None:
        super().__init__()
        if clip is None:
            assert isinstance(params, Params)
            clip = random_clip(params.architecture).requires_grad_(False)
            clip.model.visual.requires_grad_(
                True
            )  # the text tower gets no gradient, which several devices would wait for
        self.clip, self.pooling = clip, params.pooling
        self.dim = clip.dim
        self.stride = stride(clip)  # of `places` in frames, rows and columns
        self.coloured = Recolour(clip, in_channels)

    def forward(self, x_NCTHW: Tensor) -> Tensor:
        """feature_ND: the mean of the tokens."""
        return self._frame_tokens(x_NCTHW).mean(dim=1)

    def with_tokens(self, x_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """The feature, and tokens_NTD whose mean it is: each frame's vector as the pooling weights it."""
        token_NTD = self._frame_tokens(x_NCTHW)
        return token_NTD.mean(dim=1), token_NTD

    def places(self, x_NCTHW: Tensor) -> Tensor:
        """places_NDTGP: the patches of each frame, in the space of the texts."""
        return places(self.clip.model.visual, self.coloured(x_NCTHW))

    def _frame_tokens(self, x_NCTHW: Tensor) -> Tensor:
        return self.clip.frames(self.coloured(x_NCTHW), self.pooling)


def random_clip(architecture: open_clips.Architecture) -> Clip:
    """A model with weights from torch's random state."""
    return Clip(architecture, open_clips.build(architecture, None), None)


def stride(clip: Clip) -> tuple[int, int, int]:
    """The stride of `places` in frames, rows and columns."""
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
    """The frozen encoder of a seed, or of a start file for None, and metadata of its weights."""
    pooled = core_params.parse(PoolingParams, options, section)
    if seed is None:
        clip = clips.start(weights)
        metadata: dict[str, Any] = {"pretrained": clip.pretrained}
    else:
        clip, metadata = clips.load(weights, seed)
    encoder = Encoder(pooled, in_channels, clip)
    return encoder.requires_grad_(False).eval(), {**metadata, "weights_hash": open_clips.identity(weights, seed or 0)}
