"""From one joint layout to another: which joints stand for which, so that encoders of one sensor read another's."""

# Shapes: V joints of the source, W joints of the target, 3 = x y z.
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import joints
from pipeline.core.errors import DataError

# Where a layout lacks a joint of another, the mean of the joints named stands for it. Read: target joint <- sources.
_MADE_OF: dict[str, dict[str, tuple[str, ...]]] = {
    "ntu25": {
        "spine_base": ("hip_centre",), "spine_mid": ("spine",), "spine_shoulder": ("shoulder_centre",),
        "neck": ("shoulder_centre",), "hand_tip_left": ("hand_left", "wrist_left"),
        "hand_tip_right": ("hand_right", "wrist_right"), "thumb_left": ("hand_left", "wrist_left"),
        "thumb_right": ("hand_right", "wrist_right"), "hand_left": ("wrist_left",), "hand_right": ("wrist_right",),
        "foot_left": ("ankle_left",), "foot_right": ("ankle_right",), "head": ("nose",),
    },
    "kinect20": {
        "shoulder_centre": ("spine_shoulder", "neck"), "spine": ("spine_mid",), "hip_centre": ("spine_base",),
        "hand_left": ("wrist_left",), "hand_right": ("wrist_right",), "foot_left": ("ankle_left",),
        "foot_right": ("ankle_right",), "head": ("nose",),
    },
    "openpose18": {
        "nose": ("head",), "neck": ("spine_shoulder", "shoulder_centre"), "eye_right": ("nose", "head"),
        "eye_left": ("nose", "head"), "ear_right": ("head",), "ear_left": ("head",),
    },
    "coco17": {
        "nose": ("head",), "eye_right": ("nose", "head"), "eye_left": ("nose", "head"), "ear_right": ("head",),
        "ear_left": ("head",),
    },
    "mediapipe33": {
        "nose": ("head",), "ear_left": ("head", "nose"), "ear_right": ("head", "nose"),
        "mouth_left": ("nose", "head"), "mouth_right": ("nose", "head"),
        **{f"eye_{part}{side}": (f"eye_{side}", "nose", "head")
           for part in ("inner_", "", "outer_") for side in ("left", "right")},
        **{f"{part}_{side}": (f"hand_{side}", f"wrist_{side}")
           for part in ("pinky", "index", "thumb") for side in ("left", "right")},
        **{f"{part}_{side}": (f"ankle_{side}",) for part in ("heel", "foot") for side in ("left", "right")},
    },
}  # fmt: skip
# Of a user's own layout: whatever stands for a joint in one of these.
_IN_ANY: dict[str, tuple[str, ...]] = {}
for _made_of in _MADE_OF.values():
    for _joint, _stand_ins in _made_of.items():
        _IN_ANY[_joint] = tuple(dict.fromkeys((*_IN_ANY.get(_joint, ()), *_stand_ins)))
# What no single joint stands for but two together do, in any layout.
_MIDDLES = {
    "neck": ("shoulder_left", "shoulder_right"), "spine_shoulder": ("shoulder_left", "shoulder_right"),
    "shoulder_centre": ("shoulder_left", "shoulder_right"), "spine_base": ("hip_left", "hip_right"),
    "hip_centre": ("hip_left", "hip_right"),
    "spine_mid": ("shoulder_left", "shoulder_right", "hip_left", "hip_right"),
    "spine": ("shoulder_left", "shoulder_right", "hip_left", "hip_right"),
}  # fmt: skip


def weights(source: str, target: str) -> npt.NDArray[np.float64]:
    """W x V matrix whose rows sum to 1: target joint w is the weighted mean of source joints.

    A joint of the same name is taken as it is; else the first joint that `_MADE_OF` names and the source has, else a
    middle. Raises DataError for layouts that do not exist and for a joint that nothing stands for.
    """
    theirs, ours = joints.find(source), joints.find(target)
    have = theirs.names
    weights_WV = np.zeros((ours.num_joints, len(have)))
    for row, joint in enumerate(ours.names):
        used = _sources(joint, have, _MADE_OF.get(target, _IN_ANY))
        if not used:
            raise DataError(
                f"{theirs.title} ({', '.join(have)}) has nothing that stands for joint '{joint}' of {ours.title}; "
                "name the joint so in layout.yaml, if it is there under another name"
            )
        weights_WV[row, [have.index(name) for name in used]] = 1 / len(used)
    return weights_WV


def mapped(xyz_V3: npt.NDArray[Any], source: str, target: str) -> npt.NDArray[Any]:
    """Joints (..., V, 3) of one layout as (..., W, 3) of another; a joint made of an absent one (NaN) is absent."""
    if source == target:
        return xyz_V3
    weights_WV = weights(source, target).astype(xyz_V3.dtype)
    absent = np.isnan(xyz_V3)
    xyz_W3 = np.einsum("wv,...vc->...wc", weights_WV, np.where(absent, 0, xyz_V3))
    made_of_absent = np.einsum("wv,...vc->...wc", weights_WV, absent.astype(xyz_V3.dtype)) > 0
    return np.where(made_of_absent, np.asarray(np.nan, xyz_V3.dtype), xyz_W3)


def _sources(joint: str, have: tuple[str, ...], made_of: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if joint in have:
        return (joint,)
    stand_in = next(((name,) for name in made_of.get(joint, ()) if name in have), ())
    middle = _MIDDLES.get(joint, ())
    return stand_in or (middle if set(middle) <= set(have) else ())
