"""Max pooling over three neighbouring frames, computed by comparisons.

Unlike that of a pooling layer, its gradient is the same on every device: two equal frames get half of it each.
"""

# Shapes: P bodies, C channels, T frames, V joints, S frames after the stride.
import torch
from torch import Tensor, nn


class FrameMax(nn.Module):
    """The maximum of every `stride`-th frame and its two neighbours."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x_PCTV: Tensor) -> Tensor:
        """y_PCSV."""
        wide = nn.functional.pad(x_PCTV, (0, 0, 1, 1), value=-torch.inf)
        before, here, after = (wide[:, :, start : start + x_PCTV.shape[2] : self.stride] for start in range(3))
        return torch.maximum(torch.maximum(before, here), after)
