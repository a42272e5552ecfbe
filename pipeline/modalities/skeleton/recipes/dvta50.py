"""The input of DVTA, SMIE and AimCLR: a fixed number of frames, centred bodies whose shoulders lie along x.

In camera space (x to the side, y up, z away from the sensor, metres). For each body, frames without it are dropped and
the others are stretched to `num_frames` by linear interpolation. The layout's centre joint becomes the origin of every
frame, and every frame is turned about the vertical until right -> left shoulder points along +x.

After Guo et al. 2022 (AimCLR): the preprocessing of its released code, with two differences. There the angle has one
sign for the whole clip; here each frame has its own, so that a turn cannot mirror a body. There x points from the left
shoulder to the right one, which is the same up to half a turn.
"""

# Shapes: M bodies, T frames as recorded, F frames of the result, V joints, 3 = x y z, C = 3 as channels.
import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import joints, params
from pipeline.core.errors import DataError
from pipeline.core.joints import JointLayout
from pipeline.formats.shared import Skeleton

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Params(params.Params):
    """Size of the result."""

    num_frames: int = Field(ge=2)
    num_bodies: int = Field(ge=1)


def prepare(recording: Skeleton, params: Params) -> npt.NDArray[np.float32]:
    """x_CTVM: the bodies with the most motion, in that order; all zero where there are fewer than `num_bodies`.

    All bodies share one time line: the frames that show any of them. A body's gaps are interpolated; before its first
    and after its last frame it is zero. Raises DataError if no frame shows a whole body.
    """
    layout = joints.find(recording.layout)
    xyz_MTV3 = recording.xyz_MTV3.astype(np.float64)
    valid_MT = np.isfinite(xyz_MTV3).all(axis=(2, 3)) & (xyz_MTV3 != 0).any(axis=(2, 3))
    chosen = _most_moving(xyz_MTV3, valid_MT, params.num_bodies)
    if not chosen:
        raise DataError(
            f"no valid frame: none of {recording.num_frames} shows all {layout.num_joints} joints of a body"
        )
    kept_T = valid_MT[chosen].any(axis=0)
    x_CFVM = np.zeros((3, params.num_frames, layout.num_joints, params.num_bodies), np.float32)
    for place, body in enumerate(chosen):
        xyz_FV3, shown_F = _stretch(xyz_MTV3[body, kept_T], valid_MT[body, kept_T], params.num_frames)
        turned_FV3 = _face_front(xyz_FV3 - xyz_FV3[:, layout.centre, None], layout)
        x_CFVM[..., place][:, shown_F] = turned_FV3[shown_F].transpose(2, 0, 1)
    return x_CFVM


def _most_moving(xyz_MTV3: Floats, valid_MT: Flags, num_bodies: int) -> list[int]:
    """The bodies with the greatest motion energy, greatest first; ties in recorded order.

    Energy: the squared distance of each joint from its mean place, summed over joints and the frames with the body. So
    neither a motionless object nor a false detection of a few frames wins over an actor.
    """
    energies = []
    for body in np.flatnonzero(valid_MT.any(axis=1)):
        shown_TV3 = xyz_MTV3[body, valid_MT[body]]
        energies.append((-float(np.square(shown_TV3 - shown_TV3.mean(axis=0)).sum()), int(body)))
    return [body for _, body in sorted(energies)[:num_bodies]]


def _stretch(xyz_TV3: Floats, valid_T: Flags, num_frames: int) -> tuple[Floats, Flags]:
    """xyz_FV3, and in which frames the body is present: frame f is time (f + 1/2) T / F - 1/2, as in resizing."""
    num_recorded = len(xyz_TV3)
    times_F = np.clip((np.arange(num_frames) + 0.5) * num_recorded / num_frames - 0.5, 0, num_recorded - 1)
    known = np.flatnonzero(valid_T)
    after = np.clip(np.searchsorted(known, times_F), 1, max(1, len(known) - 1))
    before_F, after_F = known[after - 1], known[np.minimum(after, len(known) - 1)]
    share_F = np.clip((times_F - before_F) / np.maximum(after_F - before_F, 1), 0, 1)[:, None, None]
    shown_F = (times_F > known[0] - 0.5) & (times_F < known[-1] + 0.5)
    return xyz_TV3[before_F] * (1 - share_F) + xyz_TV3[after_F] * share_F, shown_F


def _face_front(xyz_FV3: Floats, layout: JointLayout) -> Floats:
    """Each frame turned about y until right -> left shoulder points along +x; unchanged if that is vertical."""
    right, left = layout.shoulders
    across_F3 = xyz_FV3[:, left] - xyz_FV3[:, right]
    width_F = np.hypot(across_F3[:, 0], across_F3[:, 2])
    has_width_F = width_F > 1e-6
    cos_F1 = np.where(has_width_F, across_F3[:, 0] / np.maximum(width_F, 1e-6), 1.0)[:, None]
    sin_F1 = np.where(has_width_F, across_F3[:, 2] / np.maximum(width_F, 1e-6), 0.0)[:, None]
    x, y, z = np.moveaxis(xyz_FV3, 2, 0)
    return np.stack([cos_F1 * x + sin_F1 * z, y, cos_F1 * z - sin_F1 * x], axis=2)
