"""A masked autoencoder on CLIP's vision tower: rebuild hidden patches of pictures and clips (He et al., CVPR 2022).

Action-SGFA's SG-MAE hides the patches where the scene graph's actions are. A picture is a clip of one frame.
"""

# Shapes: N items, T frames, C channels, H x W pixels, G x P patches of a frame, S = T G P, Q values of a patch,
# E width of the tower, M width of the decoder, D size of an embedding, B boxes, 4 = x1 y1 x2 y2 as shares (0 to 1).
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.models import losses, patch_masks, vision_tokens

if TYPE_CHECKING:
    from open_clip.transformer import VisionTransformer

EPSILON = 1e-6  # of MAE, in the variance of a patch


class DecoderParams(core_params.Params):
    """A small transformer. Its width is a multiple of 16, so that sines and cosines can share it (`positions`)."""

    dim: int = Field(ge=16, multiple_of=16)
    depth: int = Field(ge=1)
    heads: int = Field(ge=1)

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.dim % self.heads:
            raise ValueError(f"dim ({self.dim}) should be a multiple of heads ({self.heads})")
        return self


class Params(core_params.Params):
    """What is hidden, how, and the decoder that rebuilds it."""

    decoder: DecoderParams
    masking: Literal["none", "random", "graph"]  # none: nothing is hidden, and every patch is rebuilt
    share: float = Field(gt=0, lt=1)  # of a frame's patches, hidden at random; with graph where an item has no boxes
    ratio: float = Field(gt=0, le=1)  # with graph: of a frame's patches that meet a box
    masked_input: Literal["mask_token", "dropped"]  # what replaces a hidden patch in the tower


class Decoder(nn.Module):
    """Tokens of patches to pixels of patches; every patch of a clip attends to all others, of all frames."""

    def __init__(self, params: DecoderParams, width: int, num_values: int) -> None:
        super().__init__()
        self.embed = nn.Linear(width, params.dim)
        self.blocks = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    params.dim, params.heads, 4 * params.dim, 0.0, "gelu", batch_first=True, norm_first=True
                )
                for _ in range(params.depth)
            )
        )
        self.norm = nn.LayerNorm(params.dim)
        self.predict = nn.Linear(params.dim, num_values)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, patch_NTGPE: Tensor, hidden_NTGP: Tensor | None, token_M: Tensor | None) -> Tensor:
        """predicted_NSQ; `token_M` stands for the patches that were dropped."""
        x_NTGPM = self.embed(patch_NTGPE)
        if hidden_NTGP is not None and token_M is not None:
            x_NTGPM = torch.where(hidden_NTGP[..., None], token_M.to(x_NTGPM.dtype), x_NTGPM)
        place_TGPM = positions(patch_NTGPE.shape[1:4], x_NTGPM.shape[4], x_NTGPM.device)
        x_NSM = (x_NTGPM + place_TGPM.to(x_NTGPM.dtype)).flatten(1, 3)
        predicted_NSQ: Tensor = self.predict(self.norm(self.blocks(x_NSM)))
        return predicted_NSQ


class MaskedAutoencoder(nn.Module):
    """Decoder and mask token for a vision tower, which is an argument of each call and keeps its own weights."""

    def __init__(self, params: Params, visual: nn.Module) -> None:
        super().__init__()
        tower = vision_tokens.checked_tower(visual)
        height, width = tower.patch_size
        self.params = params
        self.patch_size = (height, width)
        self.grid_size = tower.grid_size
        self.reach = _edges(tower)
        embed_dim, num_channels = tower.conv1.weight.shape[:2]
        self.decoder = Decoder(params.decoder, embed_dim, num_channels * height * width)
        self.token: nn.Parameter | None = None
        if params.masking != "none":
            dim = embed_dim if params.masked_input == "mask_token" else params.decoder.dim
            self.token = nn.Parameter(torch.empty(dim).normal_(std=0.02))

    def hidden(self, boxes_NTB4: Tensor, rng: np.random.Generator) -> tuple[Tensor | None, Tensor]:
        """hidden_NTGP (None where nothing is ever hidden), and fell_back_N: items without boxes, masked at random.

        Drawn on the CPU, so that every device hides the same patches. At least one patch of every frame stays visible.
        """
        boxes = boxes_NTB4.detach().cpu().numpy()
        fell_back_N = np.zeros(len(boxes), dtype=np.bool_)
        if self.params.masking == "none":
            return None, torch.from_numpy(fell_back_N)
        if self.params.masking == "random":
            hidden_NTGP = patch_masks.random_patches(rng, (*boxes.shape[:2], *self.grid_size), self.params.share)
        else:
            share, ratio = self.params.share, self.params.ratio
            hidden_NTGP, fell_back_N = patch_masks.graph_patches(rng, boxes, self.reach, share, ratio)
        return torch.from_numpy(hidden_NTGP).to(boxes_NTB4.device), torch.from_numpy(fell_back_N)

    def encode(self, visual: nn.Module, x_NTCHW: Tensor, hidden_NTGP: Tensor | None) -> vision_tokens.EncodedFrames:
        """The tower's output for the clips without the hidden patches."""
        token_E = self.token if self.params.masked_input == "mask_token" else None
        return vision_tokens.encode(vision_tokens.checked_tower(visual), x_NTCHW, hidden_NTGP, token_E)

    def decode(self, patch_NTGPE: Tensor, hidden_NTGP: Tensor | None) -> Tensor:
        """predicted_NSQ from the tower's tokens of patches."""
        token_M = self.token if self.params.masked_input == "dropped" else None
        predicted_NSQ: Tensor = self.decoder(patch_NTGPE, hidden_NTGP, token_M)
        return predicted_NSQ

    def forward(self, visual: nn.Module, x_NTCHW: Tensor, hidden_NTGP: Tensor | None) -> Tensor:
        """predicted_NSQ: the pixels of every patch, normalised as `targets` are."""
        return self.decode(self.encode(visual, x_NTCHW, hidden_NTGP).patch_NTGPE, hidden_NTGP)

    def targets(self, x_NTCHW: Tensor) -> Tensor:
        """target_NSQ: the pixels of each patch with mean 0 and variance 1 over all its values, as in MAE.

        They are taken from the pictures as the tower sees them, normalised by channel. Taken from raw pixels each patch
        would be normalised again, so the choice shows in the weight of the channels against each other only.
        """
        patch_NSQ = vision_tokens.patches(x_NTCHW, self.patch_size).flatten(1, 3)
        variance_NS1 = patch_NSQ.var(dim=2, keepdim=True)
        return (patch_NSQ - patch_NSQ.mean(dim=2, keepdim=True)) / (variance_NS1 + EPSILON).sqrt()

    def loss(self, predicted_NSQ: Tensor, x_NTCHW: Tensor, hidden_NTGP: Tensor | None) -> Tensor:
        """Mean squared error over the hidden patches; over all patches where nothing is ever hidden."""
        masked_NS = None if hidden_NTGP is None else hidden_NTGP.flatten(1)
        return losses.reconstruction(predicted_NSQ, self.targets(x_NTCHW), masked_NS)


def positions(shape_TGP: torch.Size | tuple[int, int, int], dim: int, device: torch.device | str = "cpu") -> Tensor:
    """place_TGPM float64: fixed sines and cosines of row and column (3/8 of the width each) and of the frame (1/4).

    Each part is [sin(p w), cos(p w)] with w from 1 down to 1 / 10,000 (exclusive) in equal ratios. Any number of
    frames has its positions; a picture stands at frame 0.
    """
    frames, rows, columns = (_waves(num, part, device) for num, part in zip(shape_TGP, _parts(dim), strict=True))
    shape = (*shape_TGP, -1)
    spread = rows[None, :, None].expand(shape), columns[None, None].expand(shape), frames[:, None, None].expand(shape)
    return torch.cat(spread, dim=3)


def _parts(dim: int) -> tuple[int, int, int]:
    """Widths for frame, row and column."""
    return dim // 4, 3 * dim // 8, 3 * dim // 8


def _waves(num: int, width: int, device: torch.device | str) -> Tensor:
    half = width // 2
    rate = 10_000.0 ** -(torch.arange(half, dtype=torch.float64, device=device) / half)
    angle = torch.arange(num, dtype=torch.float64, device=device)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def _edges(tower: "VisionTransformer") -> tuple[patch_masks.Floats, patch_masks.Floats]:
    """Edges of rows and of columns of patches as shares of a frame, of which the last pixels may be in no patch."""
    rows, columns = (
        np.arange(num + 1) * size / pixels
        for num, size, pixels in zip(tower.grid_size, tower.patch_size, tower.image_size, strict=True)
    )
    return rows, columns
