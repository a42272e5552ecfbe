"""Means and maxima over places whose backward pass on a GPU adds in a fixed order, as deterministic training needs.

torch's adaptive means and its maxima in three dimensions do not, and are refused there.
"""

# Shapes: M pictures or groups of pictures, C channels, F frames of a group, H x W pixels, G x P parts of a picture.
import torch
from torch import Tensor, nn
from torch.nn import functional


class Parts(nn.Module):
    """The mean over each of `num` x `num` parts of a picture, as torch's AdaptiveAvgPool2d cuts them."""

    def __init__(self, num: int) -> None:
        super().__init__()
        self.num = num

    def forward(self, x_MCHW: Tensor) -> Tensor:
        """part_MCGP."""
        down_GH, across_PW = (_shares(self.num, size, x_MCHW) for size in x_MCHW.shape[-2:])
        return torch.einsum("mchw,gh,pw->mcgp", x_MCHW, down_GH, across_PW)


class Maxima(nn.Module):
    """The maxima of 2 x 2 pixels and of one frame or of two, as torch's MaxPool3d finds them."""

    def __init__(self, frames: int, padding: int) -> None:
        super().__init__()
        self.frames, self.padding = frames, padding

    def forward(self, x_MCFHW: Tensor) -> Tensor:
        """maximum_MCFHW, with half as many rows, columns and, for two frames, frames; odd remainders are dropped."""
        num_frames = x_MCFHW.shape[2]
        flat = functional.max_pool2d(x_MCFHW.flatten(1, 2), 2, padding=self.padding)
        maximum_MCFHW = flat.reshape(*x_MCFHW.shape[:3], *flat.shape[2:])
        if self.frames == 1:
            return maximum_MCFHW
        end = num_frames // 2 * 2
        return torch.maximum(maximum_MCFHW[:, :, 0:end:2], maximum_MCFHW[:, :, 1:end:2])


def _shares(num: int, size: int, like: Tensor) -> Tensor:
    """share_GH of each of `size` cells in the mean over each of `num` parts, which overlap where they cut a cell."""
    part_G1, cell_H = torch.arange(num, device=like.device)[:, None], torch.arange(size, device=like.device)
    inside_GH = (cell_H >= part_G1 * size // num) & (cell_H * num < (part_G1 + 1) * size)
    return inside_GH.to(like.dtype) / inside_GH.sum(dim=1, keepdim=True)
