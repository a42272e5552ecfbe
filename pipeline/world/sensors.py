"""Sensors: what a tracker makes of bodies it sees: jitter that grows with distance, lost frames, lost bodies."""

# Shapes: M bodies, T frames, V joints, 3 = x y z in camera space, metres.
import numpy as np
import numpy.typing as npt

from pipeline.world.poses import Array

_REFERENCE_DISTANCE_M = 3.0


def jittered(xyz_MTV3: Array, noise_mm: float, rng: np.random.Generator) -> Array:
    """Joints with Gaussian noise: `noise_mm` at 3 m, growing with the square of the distance, as depth noise does.

    Joints on the far side of the body are guessed rather than seen and jitter up to three times as much.
    """
    z_MTV = xyz_MTV3[..., 2]
    behind_MTV = np.clip((z_MTV - z_MTV[..., :1]) / 0.3, 0.0, 1.0)  # joint 0 is the base of the spine
    scale_MTV = noise_mm / 1000 * (z_MTV / _REFERENCE_DISTANCE_M) ** 2 * (1 + 2 * behind_MTV)
    return np.asarray(xyz_MTV3 + scale_MTV[..., None] * rng.normal(size=xyz_MTV3.shape))


def kept_frames(num_frames: int, dropped: float, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Indices of the frames that reach the disk; the first always does."""
    draw_T = rng.random((num_frames,))
    draw_T[0] = 1.0
    return np.flatnonzero(draw_T >= dropped)


def blinked(xyz_MTV3: Array, empty: float, rng: np.random.Generator) -> Array:
    """Bodies with a share of the frames, never the first, in which the tracker found none: NaN."""
    draw_T = rng.random((xyz_MTV3.shape[1],))
    draw_T[0] = 1.0
    return np.where((draw_T < empty)[:, None, None], np.nan, xyz_MTV3)
