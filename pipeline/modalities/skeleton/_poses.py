"""Prepared skeletons of any layout -> the same fourteen joints, relative to the hips, in lengths of the trunk."""

# Shapes: N clips, C = 3 axes, T frames, V joints of the layout, M bodies, P bodies present, J = 14 joints.
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core.joints import JointLayout

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# A joint, its names in layouts, the best first, and its substitute where all of them are missing: the layout's centre
# (""), another of these joints, or a point that `_canonical` derives from the shoulders.
_SHOULDERS = (
    ("shoulder_right", ("shoulder_right", "shoulder_left"), ""),
    ("shoulder_left", ("shoulder_left", "shoulder_right"), ""),
)
_OTHERS = (
    ("hip_right", ("hip_right", "hip_centre", "spine_base", "hip_left"), "below"),
    ("hip_left", ("hip_left", "hip_centre", "spine_base", "hip_right"), "below"),
    ("head", ("head", "nose", "neck"), "neck"),
    ("elbow_right", ("elbow_right",), "shoulder_right"),
    ("elbow_left", ("elbow_left",), "shoulder_left"),
    ("hand_right", ("wrist_right", "hand_right"), "elbow_right"),
    ("hand_left", ("wrist_left", "hand_left"), "elbow_left"),
    ("knee_right", ("knee_right",), "hip_right"),
    ("knee_left", ("knee_left",), "hip_left"),
    ("ankle_right", ("ankle_right", "foot_right"), "knee_right"),
    ("ankle_left", ("ankle_left", "foot_left"), "knee_left"),
)
JOINTS = (*(name for name, _, _ in (*_SHOULDERS, *_OTHERS)), "neck")  # the last between the shoulders
_WIDTHS = 1.4  # of the shoulders: how far hips that are not visible are below them
_WIDEST = 95  # percentile of the shoulders' width in a clip, as they look narrow from the side
_SHORTEST = 0.05  # of the body's reach from its hips; a shorter trunk is not trusted


@dataclass(frozen=True)
class Poses:
    """The bodies of some clips, clip by clip."""

    clip_P: Ints  # whose bodies they are
    pose_PTJ3: Floats  # relative to the middle of the hips
    root_PT3: Floats  # that middle

    def joint(self, name: str) -> Floats:
        """The positions of a joint, (P, T, 3)."""
        return self.pose_PTJ3[:, :, JOINTS.index(name)]

    def between(self, first: str, second: str) -> Floats:
        """The distance of two joints, (P, T)."""
        return np.asarray(np.linalg.norm(self.joint(first) - self.joint(second), axis=-1))


def poses(x_NCTVM: npt.NDArray[np.float32], layout: JointLayout) -> Poses:
    """The poses of every body that is not all zero. In frames without it, it stays as in the frame before.

    A clip of a single frame becomes two equal frames.
    """
    x_NMTV3 = x_NCTVM.astype(np.float64).transpose(0, 4, 2, 3, 1)
    if x_NMTV3.shape[2] == 1:
        x_NMTV3 = np.repeat(x_NMTV3, 2, axis=2)
    clip_P, body_P = np.nonzero(x_NMTV3.any(axis=(2, 3, 4)))
    x_PTV3 = _held(x_NMTV3[clip_P, body_P])
    present_PV = np.asarray(x_PTV3.any(axis=(1, 3)))
    present_PV[:, layout.centre] = True  # recipes put it at the origin
    pose_PTJ3 = _canonical(x_PTV3, present_PV, layout)
    hips = [JOINTS.index("hip_right"), JOINTS.index("hip_left")]
    root_PT3 = pose_PTJ3[:, :, hips].mean(axis=2)
    about_PTJ3 = pose_PTJ3 - root_PT3[:, :, None]
    scale_P = 1 / _lengths(about_PTJ3)
    return Poses(clip_P, about_PTJ3 * scale_P[:, None, None, None], root_PT3 * scale_P[:, None, None])


def _held(x_PTV3: Floats) -> Floats:
    """Frames without the body are replaced by the last one with it, or, before the first one, by that."""
    shown_PT = x_PTV3.any(axis=(2, 3))
    frame_PT = np.where(shown_PT, np.arange(x_PTV3.shape[1]), -1)
    last_PT = np.maximum.accumulate(frame_PT, axis=1)
    source_PT = np.where(last_PT >= 0, last_PT, shown_PT.argmax(axis=1)[:, None])
    return x_PTV3[np.arange(len(x_PTV3))[:, None], source_PT]


def _canonical(x_PTV3: Floats, present_PV: npt.NDArray[np.bool_], layout: JointLayout) -> Floats:
    """The fourteen joints. Hips that are not visible are assumed straight below the shoulders."""
    places = {"": x_PTV3[:, :, layout.centre]}

    def take(sources: Sequence[tuple[str, tuple[str, ...], str]]) -> None:
        for name, names, instead in sources:
            places[name] = places[instead]
            for source in reversed([layout.names.index(n) for n in names if n in layout.names]):
                places[name] = np.where(present_PV[:, source, None, None], x_PTV3[:, :, source], places[name])

    take(_SHOULDERS)
    places["neck"] = (places["shoulder_right"] + places["shoulder_left"]) / 2
    width_PT = np.linalg.norm(places["shoulder_right"] - places["shoulder_left"], axis=-1)
    down_P = _WIDTHS * np.percentile(width_PT, _WIDEST, axis=1)
    places["below"] = places["neck"] - down_P[:, None, None] * np.array([0.0, 1.0, 0.0])
    take(_OTHERS)
    return np.stack([places[name] for name in JOINTS], axis=2)


def _lengths(about_PTJ3: Floats) -> Floats:
    """The length (P) of each trunk; else the body's reach from its hips, or 1 if it is a single point."""
    away_PTJ = np.linalg.norm(about_PTJ3, axis=-1)
    trunk_P = np.median(away_PTJ[:, :, JOINTS.index("neck")], axis=1)
    reach_P = np.median(away_PTJ.max(axis=2), axis=1)
    length_P = np.where(trunk_P > _SHORTEST * reach_P, trunk_P, reach_P)
    return np.where(length_P > 0, length_P, 1.0)
