"""The input of 2s-AGCN, MS-G3D, MST-GCN and Shift-GCN: the two most active bodies, centred, upright, facing front.

After Shi et al. 2019: the preprocessing of its released code (data_gen/ntu_gendata.py, preprocess.py). The bodies with
the greatest spread are kept. Leading empty frames are dropped, and the clip is repeated to fill 300 frames. The main
body's centre becomes the origin of every frame. Its spine in the first frame becomes z, and then its shoulders x, for
the whole clip.
"""

# Shapes: M bodies, T frames as recorded, F frames of the result, V joints, C = 3 coordinates.
import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import joints, params
from pipeline.core.errors import DataError
from pipeline.formats.shared import Skeleton

Floats = npt.NDArray[np.float64]
# The joint that becomes the origin, and the joint below it: the bone between them becomes z.
_SPINES = (("spine_mid", "spine_base"), ("spine", "hip_centre"))


class Params(params.Params):
    """Size of the result."""

    num_frames: int = Field(ge=1)
    num_bodies: int = Field(ge=1)


def prepare(recording: Skeleton, params: Params) -> npt.NDArray[np.float32]:
    """x_CFVM; bodies that are absent from a frame are zero in it. Raises DataError for layouts without a spine."""
    layout = joints.find(recording.layout)
    spine = next((spine for spine in _SPINES if set(spine) <= set(layout.names)), None)
    if spine is None or layout.planar:
        wanted = " or ".join(" and ".join(names) for names in _SPINES)
        raise DataError(f"layout {recording.layout}: the recipe turns a spine upright; expected joints {wanted}")
    xyz_MTV3 = _padded(_most_active(np.nan_to_num(recording.xyz_MTV3.astype(np.float64)), params), params.num_frames)
    middle, base = (layout.names.index(name) for name in spine)
    present = (xyz_MTV3 != 0).any(axis=-1, keepdims=True)
    xyz_MTV3 = np.where(present, xyz_MTV3 - xyz_MTV3[:1, :, middle, None], 0.0)
    right, left = layout.shoulders
    xyz_MTV3 = xyz_MTV3 @ turn(xyz_MTV3[0, 0, middle] - xyz_MTV3[0, 0, base], np.array([0.0, 0.0, 1.0])).T
    xyz_MTV3 = xyz_MTV3 @ turn(xyz_MTV3[0, 0, left] - xyz_MTV3[0, 0, right], np.array([1.0, 0.0, 0.0])).T
    return np.ascontiguousarray(xyz_MTV3.transpose(3, 1, 2, 0), dtype=np.float32)


def _most_active(xyz_MTV3: Floats, params: Params) -> Floats:
    """The bodies with the greatest standard deviation over joints and frames, summed over x, y, z, and zeros."""
    energies = [_spread(body) for body in xyz_MTV3]
    order = sorted((-energy, body) for body, energy in enumerate(energies) if energy >= 0)[: params.num_bodies]
    if not order:
        raise DataError("no valid frame: no body in any frame")
    active_MTV3 = np.zeros((params.num_bodies, *xyz_MTV3.shape[1:]))
    active_MTV3[: len(order)] = xyz_MTV3[[body for _, body in order]]
    return active_MTV3


def _spread(xyz_TV3: Floats) -> float:
    """The sum of the standard deviations of x, y and z over joints and frames with the body; -1 if there are none."""
    present_TV3 = xyz_TV3[np.asarray(xyz_TV3.any(axis=(1, 2)))]
    return float(present_TV3.std(axis=(0, 1)).sum()) if len(present_TV3) else -1.0


def _padded(xyz_MTV3: Floats, num_frames: int) -> Floats:
    """The clip from the main body's first to its last frame, repeated until there are `num_frames`."""
    shown_T = xyz_MTV3[0].any(axis=(1, 2))
    clip = xyz_MTV3[:, int(shown_T.argmax()) : len(shown_T) - int(shown_T[::-1].argmax())]
    return clip[:, np.arange(num_frames) % clip.shape[1]]


def turn(vector: Floats, onto: Floats) -> Floats:
    """The smallest rotation (3, 3) of a vector's direction onto a unit vector; the identity for a null vector.

    By Rodrigues' formula; a vector of the opposite direction is turned about any axis across it.
    """
    length = np.linalg.norm(vector)
    if length < 1e-8:
        return np.eye(3)
    unit = vector / length
    axis, cosine = np.cross(unit, onto), float(unit @ onto)
    if cosine < -1 + 1e-9:
        across = np.cross(unit, np.eye(3)[int(np.abs(unit).argmin())])
        across = across / np.linalg.norm(across)
        return np.asarray(2 * np.outer(across, across) - np.eye(3))
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 + cosine))
