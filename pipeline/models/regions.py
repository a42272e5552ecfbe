"""Features of boxes: the mean of a map of features over each box, exactly.

The map is bilinear between the centres of its cells and constant beyond the outermost centres. The mean of
that surface over a box has a closed form (Jiang et al., ECCV 2018, precise RoI pooling, with one bin); RoIAlign (He et
al., ICCV 2017) samples it at a few points.
"""

# Shapes: K boxes, D channels, S frames of the map, T frames of the clip, G x P cells, 4 = x0 y0 x1 y1 in 0 to 1.
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Lattice:
    """Where the cells of a map lie in a clip of T x H x W: cell i of an axis looks at frame, row or column i * stride.

    This holds after convolutions with odd kernels padded by half their size. Cells that divide a picture equally, as
    RoIAlign assumes, would lie up to half a cell away.
    """

    size: tuple[int, int, int]
    stride: tuple[int, int, int]

    def cells(self, part_K: Tensor, axis: int) -> Tensor:
        """Parts (0 to 1) of the picture's height (axis 1) or width (2) in cells; the middle of cell i is at i + 1/2."""
        return (part_K * self.size[axis] - 0.5) / self.stride[axis] + 0.5


def box_means(places_DSGP: Tensor, frame_K: Tensor, corners_K4: Tensor, lattice: Lattice) -> Tensor:
    """region_KD of boxes in frames 0 .. T - 1 of the clip of the map; a box takes the nearest frame of the map."""
    num_steps, rows, columns = places_DSGP.shape[1:]
    step_K = ((2 * frame_K + lattice.stride[0]) // (2 * lattice.stride[0])).clamp(max=num_steps - 1)
    x0_K, y0_K, x1_K, y1_K = corners_K4.double().T  # of a sliver, a difference of float32 would be mostly rounding
    down_KG = cell_shares(lattice.cells(y0_K, 1), lattice.cells(y1_K, 1), rows).to(places_DSGP.dtype)
    across_KP = cell_shares(lattice.cells(x0_K, 2), lattice.cells(x1_K, 2), columns).to(places_DSGP.dtype)
    return torch.einsum("dkgp,kg,kp->kd", places_DSGP[:, step_K], down_KG, across_KP)


def cell_shares(low_K: Tensor, high_K: Tensor, num_cells: int) -> Tensor:
    """share_KG of each cell in the mean over the interval low .. high, in cells; they sum to 1.

    The weight of a cell rises from 0 at the middle of the one before it to 1 at its own and falls to 0 at the next, so
    the integral of the interpolation is made of those of straight lines.
    """
    low_K1, high_K1 = low_K[:, None], high_K[:, None]
    return (_integral(high_K1, num_cells) - _integral(low_K1, num_cells)) / (high_K1 - low_K1)


def _integral(x_K1: Tensor, num_cells: int) -> Tensor:
    """Integral up to x, in cells and but for a constant, of the weight of each cell."""
    away_KG = x_K1 - (torch.arange(num_cells, dtype=x_K1.dtype) + 0.5)
    rising_KG = (1 + away_KG.clamp(-1, 0)) ** 2 / 2
    falling_KG = away_KG.clamp(0, 1) - away_KG.clamp(0, 1) ** 2 / 2
    rising_KG[:, 0] = away_KG[:, 0].clamp(max=0)  # outside the outermost middles the weight stays 1
    falling_KG[:, -1] = away_KG[:, -1].clamp(min=0)
    return rising_KG + falling_KG
