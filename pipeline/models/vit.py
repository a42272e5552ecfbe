"""A vision transformer over the patches of a clip, in space and time, for pictures of few channels (ImageBind, 2023).

A patch spans `patch_frames` frames. ImageBind's depth encoder has dim 384, 12 blocks and 8 heads, its thermal one 768,
12 and 12; both see one frame of 224 x 224 in patches of 16 x 16, norm the patches and take the class token.
With a fixed camera most of a picture stands still, and few clips do not teach the network to ignore it: `sees` can
remove what stands still.
"""

# Shapes: N clips, C channels, T frames, H x W pixels, D feature size; S x G x P patches in time, rows and columns,
# L = 1 + S G P tokens, the class token first.
from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from pipeline.core import params as core_params
from pipeline.core.errors import DataError
from pipeline.models.transformer import Activation, Block

_SPREAD = 0.02  # standard deviation of positions and class token before training


class Params(core_params.Params):
    """Sizes of clips (as in the recipe), of patches and of the network."""

    num_frames: int = Field(ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    sees: Literal["pictures", "changes", "both"]  # changes: each frame's difference from the clip's mean frame
    patch_frames: int = Field(ge=1)
    patch_height: int = Field(ge=1)
    patch_width: int = Field(ge=1)
    dim: int = Field(ge=1)
    num_blocks: int = Field(ge=1)
    num_heads: int = Field(ge=1)
    activation: Activation
    first_norm: Literal["patches", "tokens"]  # of the patches alone (ImageBind), or of all after positions (CLIP)
    pooling: Literal["class", "mean"]  # the class token, or the mean of the patches
    drop_path: float = Field(ge=0, lt=1)  # of the last block; from 0 at the first it grows evenly

    @model_validator(mode="after")
    def _whole(self) -> "Params":
        for whole, part in (
            ("num_frames", "patch_frames"),
            ("height", "patch_height"),
            ("width", "patch_width"),
            ("dim", "num_heads"),
        ):
            if getattr(self, whole) % getattr(self, part):
                raise ValueError(f"{whole} {getattr(self, whole)} should be a multiple of {part} {getattr(self, part)}")
        return self

    @property
    def size(self) -> tuple[int, int, int]:
        """T, H, W of the clips it sees."""
        return self.num_frames, self.height, self.width

    @property
    def patch(self) -> tuple[int, int, int]:
        """Frames, rows and columns of a patch."""
        return self.patch_frames, self.patch_height, self.patch_width


class Encoder(nn.Module):
    """Clips of pictures -> one vector a clip. `dim` is its size."""

    parts: ClassVar[dict[str, int]] = {"frames": 2}  # what of a clip can be hidden -> its axis in x_NCTHW

    def __init__(self, params: Params, in_channels: int) -> None:
        super().__init__()
        self.params, self.dim = params, params.dim
        self.stride = params.patch  # of `places` in frames, rows and columns
        self.grid = tuple(whole // part for whole, part in zip(params.size, params.patch, strict=True))
        num_patches = self.grid[0] * self.grid[1] * self.grid[2]
        num_channels = 2 * in_channels if params.sees == "both" else in_channels
        self.stem = nn.Conv3d(num_channels, self.dim, params.patch, params.patch, bias=False)
        self.class_D = nn.Parameter(torch.empty(self.dim).normal_(std=_SPREAD))
        self.position_LD = nn.Parameter(torch.empty(1 + num_patches, self.dim).normal_(std=_SPREAD))
        self.first_norm = nn.LayerNorm(self.dim)
        self.blocks = nn.Sequential(
            *(
                Block(
                    self.dim, params.num_heads, params.activation, params.drop_path * i / max(params.num_blocks - 1, 1)
                )
                for i in range(params.num_blocks)
            )
        )
        self.last_norm = nn.LayerNorm(self.dim)

    def forward(self, x_NCTHW: Tensor) -> Tensor:
        """feature_ND: the class token, or the mean of the patches."""
        return self._pooled(self._tokens(x_NCTHW))

    def with_tokens(self, x_NCTHW: Tensor) -> tuple[Tensor, Tensor]:
        """The feature, and tokens_NSGPD whose mean it is, one a patch.

        A class token is no mean of patches: then all patches are moved alike until their mean is the class token.
        """
        token_NLD = self._tokens(x_NCTHW)
        feature_ND, patch_NKD = self._pooled(token_NLD), token_NLD[:, 1:]
        if self.params.pooling == "class":
            patch_NKD = patch_NKD + (feature_ND - patch_NKD.mean(dim=1))[:, None]
        return feature_ND, patch_NKD.reshape(-1, *self.grid, self.dim)

    def places(self, x_NCTHW: Tensor) -> Tensor:
        """places_NDSGP: the patches, each cell the mean of those around the frame, row and column of its contract.

        A patch's middle lies half a stride behind those, so there is one more cell than patches along an axis on which
        a patch spans more than one.
        """
        patch_NDSGP = self._tokens(x_NCTHW)[:, 1:].reshape(-1, *self.grid, self.dim).movedim(-1, 1)
        spans = [min(part, 2) for part in self.stride]
        sides = [span - 1 for span in reversed(spans) for _ in range(2)]
        return functional.avg_pool3d(functional.pad(patch_NDSGP, sides, mode="replicate"), spans, stride=1)

    def _seen(self, x_NCTHW: Tensor) -> Tensor:
        """x_NCTHW as `sees` says; for `both`, pictures come first."""
        if self.params.sees == "pictures":
            return x_NCTHW
        change_NCTHW = x_NCTHW - x_NCTHW.mean(dim=2, keepdim=True)
        return change_NCTHW if self.params.sees == "changes" else torch.cat([x_NCTHW, change_NCTHW], dim=1)

    def _pooled(self, token_NLD: Tensor) -> Tensor:
        return token_NLD[:, 0] if self.params.pooling == "class" else token_NLD[:, 1:].mean(dim=1)

    def _tokens(self, x_NCTHW: Tensor) -> Tensor:
        """last_NLD: all tokens after the last norm. DataError for clips of another size."""
        if x_NCTHW.shape[2:] != self.params.size:
            seen, known = (" x ".join(map(str, size)) for size in (x_NCTHW.shape[2:], self.params.size))
            raise DataError(
                f"vit: clips of {seen} (frames x height x width), this encoder has positions for {known}; "
                "set num_frames, height and width in its options to those of the recipe"
            )
        patch_NKD = self.stem(self._seen(x_NCTHW)).flatten(2).transpose(1, 2)
        if self.params.first_norm == "patches":
            patch_NKD = self.first_norm(patch_NKD)
        class_N1D = self.class_D.to(patch_NKD.dtype).expand(len(patch_NKD), 1, -1)
        token_NLD = torch.cat([class_N1D, patch_NKD], dim=1) + self.position_LD
        if self.params.first_norm == "tokens":
            token_NLD = self.first_norm(token_NLD)
        last_NLD: Tensor = self.last_norm(self.blocks(token_NLD))
        return last_NLD
