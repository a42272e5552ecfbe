"""A clip moved and turned only once as a whole, so that the paths and turns of bodies are kept; any layout and sensor.

Joints that are missing from some frames, or far off in a single one, are interpolated. Joints that are missing from all
frames stay zero, except the layout's centre, for which zero means the origin: it is put between the shoulders. The clip
is stretched to a fixed number of frames, turned about the vertical until its main body's right -> left shoulder points
along +x on average, moved to that body's median place, and smoothed.
"""

# Shapes: M bodies, B of them kept, T frames as recorded, F of the result, V joints, 3 = x y z, C = 3 as channels.
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from pipeline.core import joints, params
from pipeline.core.errors import DataError
from pipeline.core.joints import JointLayout
from pipeline.core.upright import ROTATIONS, Up
from pipeline.formats.shared import Skeleton

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_SHOWN = 0.5  # a body is in a frame that has this share of the joints which the body has in any frame
_THROWN = 1.5  # trunks: no joint is so far off its path in a single frame, even at ten frames a second
_OFTEN = 5.0  # times the median of its clip, as at few frames a second such jumps are normal
_WIDTH = 1e-6  # shoulders, or hips, that are nearer to each other, seen from above, have no direction


class Params(params.Params):
    """Size of the result, and how it is cleaned.

    `up`: the sensor's axis that points upwards. auto: the axis from the main body's ankles, or where those are hidden
    from its hips, to its shoulders, found for each clip; it is wrong for somebody who lies. In pictures it is y or -y.
    """

    num_frames: int = Field(ge=2)
    num_bodies: int = Field(ge=1)
    smoothing: int = Field(ge=1)  # frames of the result over which each is averaged; 1: none
    up: Up | Literal["auto"]

    @field_validator("smoothing")
    @classmethod
    def _odd(cls, smoothing: int) -> int:
        if smoothing % 2 == 0:
            raise ValueError("expected an odd number of frames, so that one is the middle")
        return smoothing


def prepare(recording: Skeleton, params: Params) -> npt.NDArray[np.float32]:
    """x_CFVM: the bodies with the most motion, in that order; all zero where there are fewer than `num_bodies`.

    All share one time line, from the first to the last frame with any of them; a body is zero before its first and
    after its last frame. Raises DataError if no frame shows a body.
    """
    layout = joints.find(recording.layout)
    xyz_MTV3 = recording.xyz_MTV3.astype(np.float64)
    present_MTV = np.isfinite(xyz_MTV3).all(axis=3)
    if layout.planar:
        xyz_MTV3[..., 2] = 0.0  # a score, not a coordinate
    present_MTV &= (xyz_MTV3 != 0).any(axis=3)
    present_MTV &= ~_thrown(xyz_MTV3, present_MTV, layout)
    shown_MT = _shown(present_MTV)
    bodies = _most_moving(xyz_MTV3, present_MTV, shown_MT)[: params.num_bodies]
    if not bodies:
        raise DataError(f"no valid frame: none of {recording.num_frames} shows a body")
    times_F = _times(np.asarray(shown_MT[bodies].any(axis=0)), params.num_frames)
    x_BFV3 = np.stack([_bridged(xyz_MTV3[body], present_MTV[body], shown_MT[body], times_F) for body in bodies])
    x_BFV3 = _centred_between_shoulders(x_BFV3, layout)
    x_BFV3 = x_BFV3 @ _upright(x_BFV3[0], layout, params.up).T
    x_BFV3 = x_BFV3 @ _facing(x_BFV3[0], layout).T
    x_BFV3 = x_BFV3 - np.nanmedian(x_BFV3[0], axis=(0, 1))
    x_CFVM = np.zeros((3, params.num_frames, layout.num_joints, params.num_bodies), np.float32)
    for place, x_FV3 in enumerate(x_BFV3):
        x_CFVM[..., place] = np.nan_to_num(_smoothed(x_FV3, params.smoothing)).transpose(2, 0, 1)
    return x_CFVM


def _thrown(xyz_MTV3: Floats, present_MTV: Flags, layout: JointLayout) -> Flags:
    """Where a joint is far from its places both a frame before and a frame after, which is an error of the sensor."""
    thrown_MTV = np.zeros_like(present_MTV)
    for body, x_TV3 in enumerate(xyz_MTV3):
        held_TV3 = np.where(present_MTV[body][..., None], x_TV3, np.nan)
        trunk_T = np.linalg.norm(_middle(held_TV3, layout, "shoulder") - _middle(held_TV3, layout, "hip"), axis=1)
        if not np.isfinite(trunk_T).any():
            continue
        for joint in range(layout.num_joints):
            known = np.flatnonzero(present_MTV[body, :, joint])
            if len(known) < 3:
                continue
            path_K3 = x_TV3[known, joint]
            usual_K3 = np.median([path_K3[:-2], path_K3[1:-1], path_K3[2:]], axis=0)
            off_K = np.linalg.norm(path_K3[1:-1] - usual_K3, axis=1)
            is_off_K = off_K > max(_THROWN * np.nanmedian(trunk_T), _OFTEN * np.median(off_K))
            thrown_MTV[body, known[1:-1][is_off_K], joint] = True
    return thrown_MTV


def _shown(present_MTV: Flags) -> Flags:
    """The frames in which a body is present: with at least half of the joints that it has in any frame."""
    num_ever_M = present_MTV.any(axis=1).sum(axis=1)
    num_now_MT = present_MTV.sum(axis=2)
    return np.asarray((num_now_MT > 0) & (num_now_MT >= _SHOWN * num_ever_M[:, None]))


def _most_moving(xyz_MTV3: Floats, present_MTV: Flags, shown_MT: Flags) -> list[int]:
    """Bodies by motion energy, greatest first; ties in recorded order.

    Energy: the squared distance of each joint from its mean place, summed over joints and the frames with the body,
    less the part that independent noise in every frame contributes: a sixth of the squared second differences.
    """
    energies = []
    for body in np.flatnonzero(shown_MT.any(axis=1)):
        held = np.where(present_MTV[body][..., None], xyz_MTV3[body], np.nan)[shown_MT[body]]
        held = held[:, np.isfinite(held).all(axis=2).any(axis=0)]
        noise = float(np.nansum(np.square(np.diff(held, n=2, axis=0)))) / 6
        energies.append((noise - float(np.nansum(np.square(held - np.nanmean(held, axis=0)))), int(body)))
    return [body for _, body in sorted(energies)]


def _upright(held_FV3: Floats, layout: JointLayout, up: str) -> Floats:
    """The rotation of the upward axis onto +y."""
    if up != "auto":
        return ROTATIONS[up]
    ankles_F3, hips_F3, shoulders_F3 = (_middle(held_FV3, layout, name) for name in ("ankle", "hip", "shoulder"))
    upwards_F3 = shoulders_F3 - np.where(np.isfinite(ankles_F3), ankles_F3, hips_F3)
    upwards_F3 = upwards_F3[np.isfinite(upwards_F3).all(axis=1)]
    if not len(upwards_F3):
        return ROTATIONS["-y" if layout.planar else "y"]
    upwards_3 = np.median(upwards_F3, axis=0)
    axis = 1 if layout.planar else max((1, 2, 0), key=lambda axis: abs(upwards_3[axis]))
    return ROTATIONS[("" if upwards_3[axis] > 0 else "-") + "xyz"[axis]]


def _middle(held_FV3: Floats, layout: JointLayout, joint: str) -> Floats:
    """The middle (F, 3) between the right and the left joint of a name; NaN where either is missing."""
    right, left = _pair(held_FV3, layout, joint)
    return np.asarray((right + left) / 2)


def _pair(held_FV3: Floats, layout: JointLayout, joint: str) -> tuple[Floats, Floats]:
    """The right and the left joint (F, 3) of a name; NaN where the layout has no such joint."""
    if joint == "shoulder":
        right, left = layout.shoulders
        return held_FV3[:, right], held_FV3[:, left]
    lacks_F3 = np.full((len(held_FV3), 3), np.nan)
    sides = [
        held_FV3[:, layout.names.index(name)] if name in layout.names else lacks_F3
        for name in (f"{joint}_right", f"{joint}_left")
    ]
    return sides[0], sides[1]


def _facing(held_FV3: Floats, layout: JointLayout) -> Floats:
    """The rotation about y of the mean direction right -> left shoulder onto +x.

    The hips take the place of the shoulders if no frame has both of these; without hips, too, nothing is turned. Nor is
    a picture, which has no depth.
    """
    directions = [_across(held_FV3, layout, joint) for joint in ("shoulder", "hip")]
    across_F2 = next((direction_F2 for direction_F2 in directions if len(direction_F2)), np.zeros((0, 2)))
    if layout.planar or not len(across_F2):
        return np.eye(3)
    x, z = across_F2.mean(axis=0)
    length = float(np.hypot(x, z))
    cosine, sine = (x / length, z / length) if length > _WIDTH else (1.0, 0.0)
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])


def _across(held_FV3: Floats, layout: JointLayout, joint: str) -> Floats:
    """The directions in x and z from the right joint to the left one, for the frames that have one."""
    right, left = _pair(held_FV3, layout, joint)
    across_F2 = (left - right)[:, [0, 2]]
    width_F = np.linalg.norm(across_F2, axis=1)
    has_width_F = np.isfinite(width_F) & (np.nan_to_num(width_F) > _WIDTH)
    return np.asarray(across_F2[has_width_F] / width_F[has_width_F, None])


def _times(shown_T: Flags, num_frames: int) -> Floats:
    """The times of the result's frames, from the first to the last frame shown: at frame centres, as in resizing."""
    shown = np.flatnonzero(shown_T)
    length = int(shown[-1] - shown[0])
    times_F = (np.arange(num_frames) + 0.5) * (length + 1) / num_frames - 0.5
    return np.asarray(shown[0] + np.clip(times_F, 0, length))


def _bridged(xyz_TV3: Floats, present_TV: Flags, shown_T: Flags, times_F: Floats) -> Floats:
    """xyz_FV3 at these times, every joint by linear interpolation between the frames that have it.

    NaN for joints that no frame has, and for times before the body's first frame and after its last.
    """
    shown = np.flatnonzero(shown_T)
    held_F = (times_F > shown[0] - 0.5) & (times_F < shown[-1] + 0.5)
    x_FV3 = np.full((len(times_F), *xyz_TV3.shape[1:]), np.nan)
    for joint in np.flatnonzero(present_TV[shown].any(axis=0)):
        known = np.flatnonzero(present_TV[:, joint] & shown_T)
        for axis in range(3):
            x_FV3[held_F, joint, axis] = np.interp(times_F[held_F], known, xyz_TV3[known, joint, axis])
    return x_FV3


def _centred_between_shoulders(x_BFV3: Floats, layout: JointLayout) -> Floats:
    """Puts the centre joint of a body that never has it between its shoulders."""
    lacks_B11 = np.isnan(x_BFV3[:, :, layout.centre]).all(axis=(1, 2), keepdims=True)
    shoulders_BF3 = x_BFV3[:, :, list(layout.shoulders)].mean(axis=2)
    y_BFV3 = x_BFV3.copy()
    y_BFV3[:, :, layout.centre] = np.where(lacks_B11, shoulders_BF3, x_BFV3[:, :, layout.centre])
    return y_BFV3


def _smoothed(x_FV3: Floats, window: int) -> Floats:
    """The mean over a window around each frame with the body; at both ends over the frames that there are."""
    held_F = np.asarray(np.isfinite(x_FV3).any(axis=(1, 2)))
    x_HV3 = x_FV3[held_F]  # these frames follow each other
    sum_HV3 = np.cumsum(np.concatenate([np.zeros_like(x_HV3[:1]), x_HV3]), axis=0)
    start_H = np.clip(np.arange(len(x_HV3)) - window // 2, 0, None)
    end_H = np.clip(np.arange(len(x_HV3)) + window // 2 + 1, None, len(x_HV3))
    smooth_FV3 = np.full_like(x_FV3, np.nan)
    smooth_FV3[held_F] = (sum_HV3[end_H] - sum_HV3[start_H]) / (end_H - start_H)[:, None, None]
    return smooth_FV3
