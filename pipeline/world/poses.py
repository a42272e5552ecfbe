"""Poses: joint angles over time, and where they put the 25 joints.

World space in metres: x to the left of a body that is not turned, y up from the floor, z to its front (right-handed).
Every function is pure: (body, pose) -> joints in world space.
"""

# Shapes: T frames, C channels of a pose, V = 25 joints, 3 = x y z.
import numpy as np
import numpy.typing as npt

from pipeline.core.joints import NTU25
from pipeline.world.bodies import Body

Array = npt.NDArray[np.float64]

_ARM = ("shoulder_forward", "shoulder_side", "shoulder_twist", "elbow")
_LEG = ("hip_forward", "hip_side", "knee")
# Degrees, all but the last three, which are metres. Forward, side (away from the middle), bend and flexion are
# positive; `twist` and `shake` are positive to the body's left, `lean` to its right.
CHANNELS = (
    *(f"{joint}_{side}" for side in ("left", "right") for joint in _ARM + _LEG),
    *("bend", "lean", "twist", "nod", "shake", "lift", "shift_forward", "shift_side"),
)


def at_rest(num_frames: int) -> dict[str, Array]:
    """A body that stands upright with its arms down: all channels zero."""
    return {channel: np.zeros(num_frames) for channel in CHANNELS}


def placed(body: Body, pose: dict[str, Array]) -> Array:
    """Joints xyz_TV3 in world space, in the order of core.joints.NTU25; the lower foot stands on the floor y = 0."""
    joints = _trunk(body, pose) | _arm(body, pose, "left") | _arm(body, pose, "right")
    joints |= _leg(body, pose, "left") | _leg(body, pose, "right")
    xyz_TV3 = np.stack([joints[name] for name in NTU25.names], axis=1)
    moved_T3 = np.stack([pose["shift_side"], pose["lift"] - xyz_TV3[..., 1].min(axis=1), pose["shift_forward"]], axis=1)
    return np.asarray(xyz_TV3 + moved_T3[:, None])


def stood(xyz_TV3: Array, *, heading_degrees: float, left_m: float, front_m: float) -> Array:
    """The same joints with the body turned to its left and then moved on the floor."""
    heading_T33 = _about_y(np.full(len(xyz_TV3), heading_degrees))
    return np.asarray(np.einsum("tij,tvj->tvi", heading_T33, xyz_TV3) + np.array([left_m, 0.0, front_m]))


def _trunk(body: Body, pose: dict[str, Array]) -> dict[str, Array]:
    lower_T33, upper_T33 = _spine(pose, 0.5), _spine(pose, 1.0)
    head_T33 = upper_T33 @ _about_y(pose["shake"]) @ _about_x(pose["nod"])
    base_T3 = np.zeros((len(pose["bend"]), 3))
    mid_T3 = base_T3 + _along(lower_T33, (0, body.lower_spine, 0))
    top_T3 = mid_T3 + _along(upper_T33, (0, body.upper_spine, 0))
    neck_T3 = top_T3 + _along(upper_T33, (0, body.neck, 0))
    head_T3 = neck_T3 + _along(head_T33, (0, body.head, 0.03))
    return {"spine_base": base_T3, "spine_mid": mid_T3, "spine_shoulder": top_T3, "neck": neck_T3, "head": head_T3}


def _arm(body: Body, pose: dict[str, Array], side: str) -> dict[str, Array]:
    sign = _sign(side)
    upper_T33 = _spine(pose, 1.0)
    shoulder_T3 = _along(_spine(pose, 0.5), (0, body.lower_spine, 0)) + _along(
        upper_T33, (sign * body.half_shoulders, body.upper_spine - 0.02, 0)
    )
    arm_T33 = upper_T33 @ _about_x(-pose[f"shoulder_forward_{side}"]) @ _about_z(sign * pose[f"shoulder_side_{side}"])
    arm_T33 = arm_T33 @ _about_y(sign * pose[f"shoulder_twist_{side}"])
    elbow_T3 = shoulder_T3 + _along(arm_T33, (0, -body.upper_arm, 0))
    forearm_T33 = arm_T33 @ _about_x(-pose[f"elbow_{side}"])
    wrist_T3 = elbow_T3 + _along(forearm_T33, (0, -body.forearm, 0))
    hand_T3 = wrist_T3 + _along(forearm_T33, (0, -body.hand, 0))
    tip_T3 = hand_T3 + _along(forearm_T33, (0, -body.hand, 0))
    thumb_T3 = wrist_T3 + _along(forearm_T33, (-sign * 0.02, -body.hand, 0.04))
    joints = {"shoulder": shoulder_T3, "elbow": elbow_T3, "wrist": wrist_T3, "hand": hand_T3}
    joints |= {"hand_tip": tip_T3, "thumb": thumb_T3}
    return {f"{name}_{side}": xyz_T3 for name, xyz_T3 in joints.items()}


def _leg(body: Body, pose: dict[str, Array], side: str) -> dict[str, Array]:
    sign = _sign(side)
    thigh_T33 = _about_x(-pose[f"hip_forward_{side}"]) @ _about_z(sign * pose[f"hip_side_{side}"])
    shank_T33 = thigh_T33 @ _about_x(pose[f"knee_{side}"])
    hip_T3 = np.tile([sign * body.half_hips, -0.04, 0], (len(pose["bend"]), 1))
    knee_T3 = hip_T3 + _along(thigh_T33, (0, -body.thigh, 0))
    ankle_T3 = knee_T3 + _along(shank_T33, (0, -body.shank, 0))
    foot_T3 = ankle_T3 + _along(shank_T33, (0, -0.05, body.foot))
    joints = {"hip": hip_T3, "knee": knee_T3, "ankle": ankle_T3, "foot": foot_T3}
    return {f"{name}_{side}": xyz_T3 for name, xyz_T3 in joints.items()}


def _spine(pose: dict[str, Array], share: float) -> Array:
    """Rotation of the trunk at a share of its height."""
    return _about_y(share * pose["twist"]) @ _about_z(share * pose["lean"]) @ _about_x(share * pose["bend"])


def _sign(side: str) -> float:
    return 1.0 if side == "left" else -1.0


def _along(rotation_T33: Array, offset: tuple[float, float, float]) -> Array:
    return np.asarray(rotation_T33 @ np.array(offset))


def _about_x(degrees_T: Array) -> Array:
    return _rotation(degrees_T, 1, 2)


def _about_y(degrees_T: Array) -> Array:
    return _rotation(degrees_T, 2, 0)


def _about_z(degrees_T: Array) -> Array:
    return _rotation(degrees_T, 0, 1)


def _rotation(degrees_T: Array, first: int, second: int) -> Array:
    """Rotations that turn axis `first` towards axis `second`, right-handed."""
    angle_T = np.deg2rad(degrees_T)
    rotation_T33 = np.tile(np.eye(3), (len(angle_T), 1, 1))
    rotation_T33[:, first, first] = rotation_T33[:, second, second] = np.cos(angle_T)
    rotation_T33[:, second, first] = np.sin(angle_T)
    rotation_T33[:, first, second] = -np.sin(angle_T)
    return rotation_T33
