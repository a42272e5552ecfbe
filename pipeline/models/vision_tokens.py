"""Patches of pictures and clips, and a vision transformer of open_clip run with some of them hidden from it.

A picture is a clip of one frame. The tower looks at each frame by itself, as CLIP does.
"""

# Shapes: N items, T frames, F = N T frames in all, C channels, H x W pixels, G x P patches of a frame, S = G P,
# L tokens of a frame (the class token and patches), E width of the tower, D size of its embedding, Q values of a patch.
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from pipeline.core.errors import ParamsError

if TYPE_CHECKING:
    from open_clip.transformer import VisionTransformer


class EncodedFrames(NamedTuple):
    """The output of a tower: an embedding of each frame, and a token for each patch."""

    embedding_NTD: Tensor
    patch_NTGPE: Tensor  # zeros where the patch was dropped


def checked_tower(visual: nn.Module) -> "VisionTransformer":
    """The vision tower, if it keeps a token for each patch and reads the embedding off its class token."""
    from open_clip.transformer import (
        VisionTransformer,
    )  # takes seconds, unless it is already imported, as for every tower

    if not isinstance(visual, VisionTransformer):
        raise ParamsError(f"masked patches need a vision transformer such as ViT-B-32, found {type(visual).__name__}")
    if visual.attn_pool is not None or visual.pool_type != "tok":
        raise ParamsError("masked patches need a vision tower with a class token and no pooling, such as ViT-B-32")
    return visual


def patches(x_NTCHW: Tensor, size: tuple[int, int]) -> Tensor:
    """patch_NTGPQ: the values of each patch by row, column, channel. What no whole patch covers is left out."""
    height, width = size
    cells_NTCGPhw = x_NTCHW.unfold(3, height, height).unfold(4, width, width)
    return cells_NTCGPhw.permute(0, 1, 3, 4, 5, 6, 2).flatten(4)


def encode(
    visual: "VisionTransformer", x_NTCHW: Tensor, hidden_NTGP: Tensor | None = None, token_E: Tensor | None = None
) -> EncodedFrames:
    """Run the tower on every frame; with nothing hidden the embedding is what the tower itself gives.

    `token_E` stands for a hidden patch, before positions are added. Without it hidden patches are dropped, and a
    frame is computed from the others alone. Either way hidden pixels have no effect. Patch dropout is off.
    """
    token_FSE = visual.conv1(x_NTCHW.flatten(0, 1)).flatten(2).transpose(1, 2)
    hidden_FS = None if hidden_NTGP is None else hidden_NTGP.flatten(2).flatten(0, 1)
    if hidden_FS is not None and token_E is not None:
        token_FSE = torch.where(hidden_FS[:, :, None], token_E.to(token_FSE.dtype), token_FSE)
    token_FLE = _placed(visual, token_FSE)
    if hidden_FS is None or token_E is not None:
        pooled_FD, patch_FSE = visual._pool(visual.transformer(token_FLE))
    else:
        pooled_FD, patch_FSE = _without(visual, token_FLE, hidden_FS)
    embedding_FD = pooled_FD if visual.proj is None else pooled_FD @ visual.proj
    frames = x_NTCHW.shape[:2]
    return EncodedFrames(
        embedding_FD.unflatten(0, frames), patch_FSE.unflatten(1, visual.grid_size).unflatten(0, frames)
    )


def _placed(visual: "VisionTransformer", patch_FSE: Tensor) -> Tensor:
    """token_FLE: the class token and the patches with their positions, as they enter the transformer."""
    class_F1E = visual.class_embedding.to(patch_FSE.dtype).expand(len(patch_FSE), 1, -1)
    token_FLE = torch.cat([class_F1E, patch_FSE], dim=1) + visual.positional_embedding.to(patch_FSE.dtype)
    placed_FLE: Tensor = visual.ln_pre(token_FLE)
    return placed_FLE


def _without(visual: "VisionTransformer", token_FLE: Tensor, hidden_FS: Tensor) -> tuple[Tensor, Tensor]:
    """pooled_FD and patch_FSE of the tokens left of each frame; patch tokens are put back among zeros.

    Frames with fewer tokens than the fullest are filled up with hidden ones, which nothing attends to.
    """
    hidden_FL = nn.functional.pad(hidden_FS, (1, 0), value=False)
    num_left_F = (~hidden_FL).sum(dim=1)
    max_left, min_left = (int(num) for num in (num_left_F.max(), num_left_F.min()))
    order_FL = hidden_FL.to(torch.uint8).argsort(dim=1, stable=True)[:, :max_left]
    index_FLE = order_FL[:, :, None].expand(-1, -1, token_FLE.shape[2])
    mask = None if max_left == min_left else _mask(visual, hidden_FL.gather(1, order_FL), token_FLE.dtype)
    pooled_FD, left_FSE = visual._pool(visual.transformer(token_FLE.gather(1, index_FLE), attn_mask=mask))
    spread_FSE = left_FSE.new_zeros(*hidden_FS.shape, left_FSE.shape[2]).scatter(1, index_FLE[:, 1:] - 1, left_FSE)
    return pooled_FD, spread_FSE.masked_fill(hidden_FS[:, :, None], 0)


def _mask(visual: "VisionTransformer", filler_FL: Tensor, dtype: torch.dtype) -> Tensor:
    """What attention adds: -inf towards fillers, for every frame and head and from every token."""
    heads = visual.transformer.resblocks[0].attn.num_heads
    num_frames, num_tokens = filler_FL.shape
    added_FL = torch.zeros(filler_FL.shape, dtype=dtype, device=filler_FL.device).masked_fill(filler_FL, float("-inf"))
    return added_FL[:, None, None].expand(-1, heads, num_tokens, -1).reshape(num_frames * heads, num_tokens, num_tokens)
