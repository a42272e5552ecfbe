"""Start a transformer over the patches of grey clips (models.vit) from CLIP's picture tower.

Tower and encoder see the same grey picture. The tower sees brightness g as (g - mean) / deviation in each of three
colours, so its kernel for grey is the sum over colours of kernel / deviation; the means add a constant to each
patch, which goes into the positions. The kernel is spread evenly over the frames of a patch, so a still clip gives what
one frame gives. Positions repeat along time. Kernels for changes between frames, if the encoder sees them, start at 0.
"""

# Shapes: D width of the tower, E size of its projected vectors, C = 3 colours, F frames, H x W pixels of a patch,
# S x G x P patches.
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.core.errors import ParamsError
from pipeline.models.dense import num_params
from pipeline.models.transformer import Activation, Block
from pipeline.models.vit import Encoder

if TYPE_CHECKING:
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer


@torch.no_grad()
def start_from(encoder: nn.Module, visual: nn.Module) -> Tensor:
    """Copy the weights of `visual`, a vision transformer of open_clip, into `encoder` (models.vit), in place.

    Returns weight_ED of the tower's projection, which maps the encoder's vectors to the space of pictures and texts.
    With a patch in time and the tower's size and patches, a still clip of brightness 0 to 1 then gives what the tower
    gives for the picture before its projection. A grid of another size gets its positions by bicubic interpolation, and
    a patch of another size its kernel by the pseudo-inverse of bilinear resizing (FlexiViT, Beyer et al. 2023).
    ParamsError for a tower of another build.
    """
    from pipeline.models.vision_tokens import checked_tower

    assert isinstance(encoder, Encoder)
    tower = checked_tower(visual)
    _check(encoder, tower)
    deviation_C, mean_C = (torch.tensor(values) for values in (tower.image_std, tower.image_mean))
    kernel_DCHW = tower.conv1.weight / deviation_C[:, None, None]
    kernel_DHW = resized_kernel(kernel_DCHW.sum(dim=1), encoder.stride[1:])
    frames = encoder.stride[0]
    encoder.stem.weight.zero_()
    encoder.stem.weight[:, 0] = (kernel_DHW / frames)[:, None]
    dark_D = -(kernel_DCHW * mean_C[:, None, None]).sum(dim=(1, 2, 3))
    encoder.class_D.copy_(tower.class_embedding)
    place_KD = resized_grid(tower.positional_embedding[1:], tower.grid_size, encoder.grid[1:])
    encoder.position_LD[0].copy_(tower.positional_embedding[0])
    encoder.position_LD[1:].copy_((place_KD + dark_D).repeat(encoder.grid[0], 1))
    encoder.first_norm.load_state_dict(tower.ln_pre.state_dict())
    encoder.last_norm.load_state_dict(tower.ln_post.state_dict())
    for block, tower_block in zip(encoder.blocks, tower.transformer.resblocks, strict=True):
        assert isinstance(block, Block)
        _copy(block, tower_block)
    return torch.eye(encoder.dim) if tower.proj is None else tower.proj.detach().T.clone()


def resized_kernel(kernel_DHW: Tensor, size: tuple[int, ...]) -> Tensor:
    """The kernel for patches of another size: on a patch resized to it, it gives what the old one gave on the patch.

    Exactly so where patches grow; where they shrink, as nearly as least squares can.
    """
    height, width = kernel_DHW.shape[1:]
    if (height, width) == tuple(size):
        return kernel_DHW
    basis_K1HW = torch.eye(height * width, dtype=torch.float64, device=kernel_DHW.device).reshape(-1, 1, height, width)
    resized_KQ = functional.interpolate(basis_K1HW, size, mode="bilinear").flatten(1)
    kernel_DQ = kernel_DHW.flatten(1).double() @ torch.linalg.pinv(resized_KQ).T
    resized_DHW: Tensor = kernel_DQ.reshape(-1, *size).to(kernel_DHW)
    return resized_DHW


def resized_grid(place_KD: Tensor, old: tuple[int, ...], new: tuple[int, ...]) -> Tensor:
    """Positions (G P, D) of a grid of patches for one of another number of rows and columns."""
    if tuple(old) == tuple(new):
        return place_KD
    place_1DGP = place_KD.T.reshape(1, -1, *old)
    grown_1DGP = functional.interpolate(place_1DGP, new, mode="bicubic", antialias=True)
    return grown_1DGP[0].flatten(1).T


def _check(encoder: Encoder, tower: "VisionTransformer") -> None:
    """ParamsError that names the first option in which the encoder differs from the tower."""
    params, block = encoder.params, tower.transformer.resblocks[0]
    options = {
        "dim": (params.dim, tower.conv1.out_channels),
        "num_blocks": (params.num_blocks, len(tower.transformer.resblocks)),
        "num_heads": (params.num_heads, block.attn.num_heads),
        "activation": (params.activation, _activation(block)),
        "first_norm": (params.first_norm, "tokens"),
    }
    if params.sees == "changes":
        raise ParamsError("vit: an encoder that sees changes alone cannot start from a picture tower; set sees to both")
    for name, (value, expected) in options.items():
        if value != expected:
            raise ParamsError(f"vit: {name} is {value}, that of the picture tower it starts from {expected}; set it so")
    if not isinstance(tower.ln_pre, nn.LayerNorm) or num_params(block) != num_params(encoder.blocks[0]):
        raise ParamsError("vit: this picture tower has no first norm, or blocks of other layers; start from another")


def _activation(block: "ResidualAttentionBlock") -> Activation:
    return "gelu" if isinstance(block.mlp.gelu, nn.GELU) else "quick_gelu"


def _copy(block: Block, tower_block: "ResidualAttentionBlock") -> None:
    block.norm_attention.load_state_dict(tower_block.ln_1.state_dict())
    block.norm_layers.load_state_dict(tower_block.ln_2.state_dict())
    block.inward.weight.copy_(tower_block.attn.in_proj_weight)
    block.inward.bias.copy_(tower_block.attn.in_proj_bias)
    block.outward.load_state_dict(tower_block.attn.out_proj.state_dict())
    block.up.load_state_dict(tower_block.mlp.c_fc.state_dict())
    block.down.load_state_dict(tower_block.mlp.c_proj.state_dict())
