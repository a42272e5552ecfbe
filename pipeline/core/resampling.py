"""Pictures made smaller by the mean over each new pixel's area, with a weight a pixel (0 = not known)."""

# Shapes: H x W pixels in, A x B pixels out, leading axes any.
from typing import Any

import numpy as np
import numpy.typing as npt


def area_mean(
    x_HW: npt.NDArray[Any], weight_HW: npt.NDArray[Any] | None, *, height: int, width: int
) -> npt.NDArray[np.float32]:
    """Means (..., A, B) over the pixels that each new pixel covers; 0 where no covered pixel has weight.

    New row a covers rows floor(a H / A) to ceil((a + 1) H / A), so that enlarging repeats pixels. Without weights every
    pixel counts alike.
    """
    if weight_HW is None:
        num_pixels = np.ones(x_HW.shape[-2:], np.float32)
        return _summed(x_HW.astype(np.float32), height, width) / _summed(num_pixels, height, width)
    weight = weight_HW.astype(np.float32)
    total = _summed(weight, height, width)
    known = np.where(weight > 0, x_HW, 0).astype(np.float32) * weight
    return np.asarray(_summed(known, height, width) / np.where(total > 0, total, 1), np.float32)


def _summed(x_HW: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
    rows_AH = _cover(x_HW.shape[-2], height)
    columns_WB = _cover(x_HW.shape[-1], width).T
    return np.asarray(rows_AH @ (x_HW @ columns_WB), np.float32)


def _cover(num_old: int, num_new: int) -> npt.NDArray[np.float32]:
    """1 where a new row covers an old one."""
    new, old = np.arange(num_new)[:, None], np.arange(num_old)[None, :]
    return ((old >= new * num_old // num_new) & (old < -(-(new + 1) * num_old // num_new))).astype(np.float32)
