"""Dropout that is cheaper on the CPU: 32 random bits an element in place of torch's 64, the same distribution."""

import torch
from torch import Tensor, nn

_DRAWS = 2**32


class Dropout(nn.Dropout):
    """As `nn.Dropout`, with p exact to 2**-32; random numbers take half of its time on the CPU."""

    def forward(self, x: Tensor) -> Tensor:
        """x with a share p of its elements set to 0 and the others divided by 1 - p; x itself in eval mode."""
        if not self.training or self.p == 0 or x.device.type != "cpu":
            return super().forward(x)
        words = torch.empty((x.numel() + 1) // 2, dtype=torch.int64).random_(-(2**63), None)
        draws = words.view(torch.int32)[: x.numel()].view(x.shape)
        max_kept = round((1 - self.p) * _DRAWS) - _DRAWS // 2 - 1  # the largest draw that keeps its element
        return x * (draws <= max_kept).to(x.dtype).div_(1 - self.p)
