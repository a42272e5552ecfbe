"""The measured movements of bodies, by name and in the order of core.measures. Lengths are those of the trunk."""

# Shapes: P bodies, T frames.
import numpy as np
import numpy.typing as npt

from pipeline.core.measures import MEASURES, OF_SIDE, SIDED
from pipeline.modalities.skeleton._poses import Poses

Floats = npt.NDArray[np.float64]
_SIDES = ("right", "left")
_LOW, _HIGH = 5, 95  # percentiles in place of minimum and maximum, so that no single frame decides
_STILL = 0.005  # a speed due to noise, in trunks a frame
_SMALL = 0.05  # a length due to noise, in trunks
_SLOWEST_REPEATED = 3  # a repeated movement has at least so many periods in a clip


def measured(bodies: Poses) -> Floats:
    """(P, measures)."""
    right, left = (_of_side(bodies, side) for side in _SIDES)
    measures = _of_body(bodies, right_leads_P=right["arm moves"] > left["arm moves"])
    for name in SIDED:
        measures[name] = np.maximum(right[name], left[name])
        measures[f"{name}{OF_SIDE}"] = right[name] - left[name]
    for limb in ("arm", "leg"):
        measures[f"{limb}s both"] = np.minimum(right[f"{limb} moves"], left[f"{limb} moves"])
    return np.stack([measures[name] for name in MEASURES], axis=1)


def _of_side(bodies: Poses, side: str) -> dict[str, Floats]:
    """The sided measures of one side, (P) each."""
    hand_PT3, ankle_PT3 = bodies.joint(f"hand_{side}"), bodies.joint(f"ankle_{side}")
    speed_PT, leg_PT = _speeds(hand_PT3), _speeds(ankle_PT3)
    x_PT, y_PT, z_PT = np.moveaxis(hand_PT3, 2, 0)
    knee_PT = _angle(bodies.joint(f"hip_{side}"), bodies.joint(f"knee_{side}"), ankle_PT3)
    return {
        "arm moves": np.log(speed_PT.mean(axis=1) + _STILL),
        "arm fast": np.log(_percentile(speed_PT, _HIGH) + _STILL),
        "arm high": _percentile(y_PT, _HIGH),
        "arm low": -_percentile(y_PT, _LOW),
        "arm vertical": np.log(_range(y_PT) + _SMALL),
        "arm lateral": np.log(_range(x_PT) + _SMALL),
        "arm sagittal": np.log(_range(z_PT) + _SMALL),
        "arm across": _percentile(x_PT if side == "right" else -x_PT, _HIGH),  # +x is the body's left
        "arm near head": -_percentile(bodies.between(f"hand_{side}", "head"), _LOW),
        "arm far": _percentile(bodies.between(f"hand_{side}", f"shoulder_{side}"), _HIGH),
        "leg moves": np.log(leg_PT.mean(axis=1) + _STILL),
        "leg bent": -_percentile(knee_PT, _LOW),
        "leg raised": _percentile(ankle_PT3[:, :, 1], _HIGH),
    }


def _of_body(bodies: Poses, *, right_leads_P: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """The measures without a side, (P) each, except those of both limbs together."""
    hand_PT3 = np.where(right_leads_P[:, None, None], bodies.joint("hand_right"), bodies.joint("hand_left"))
    feet_PT = (bodies.joint("ankle_right") + bodies.joint("ankle_left"))[:, :, 1] / 2
    height_PT = bodies.joint("head")[:, :, 1] - feet_PT
    tenth = max(1, height_PT.shape[1] // 10)
    neck_PT3, root_PT3 = bodies.joint("neck"), bodies.root_PT3
    return {
        "arms in turn": -_alike(bodies.joint("hand_right")[..., 1:], bodies.joint("hand_left")[..., 1:]),
        "legs in turn": -_alike(bodies.joint("knee_right"), bodies.joint("knee_left")),
        "hand clockwise": _clockwise(hand_PT3),
        "hand to the left": _sweep(hand_PT3[:, :, 0]),
        "body rises": height_PT[:, -tenth:].mean(axis=1) - height_PT[:, :tenth].mean(axis=1),
        "body low": -_percentile(height_PT, 2 * _LOW),
        "trunk leans": _percentile(np.hypot(neck_PT3[:, :, 0], neck_PT3[:, :, 2]), _HIGH),
        "travels": np.log(np.maximum(_range(root_PT3[:, :, 0]), _range(root_PT3[:, :, 2])) + 2 * _SMALL),
        "jumps": _percentile(root_PT3[:, :, 1], _HIGH) - np.median(root_PT3[:, :, 1], axis=1),
        "repeated": _repeated(bodies),
    }


def _percentile(curve_PT: Floats, share: int) -> Floats:
    return np.asarray(np.percentile(curve_PT, share, axis=1))


def _range(curve_PT: Floats) -> Floats:
    return _percentile(curve_PT, _HIGH) - _percentile(curve_PT, _LOW)


def _speeds(place_PT3: Floats) -> Floats:
    return np.asarray(np.linalg.norm(np.diff(place_PT3, axis=1), axis=-1))


def _angle(start_PT3: Floats, corner_PT3: Floats, end_PT3: Floats) -> Floats:
    """The angle at a corner, in radians; a right angle where two joints coincide."""
    first, second = start_PT3 - corner_PT3, end_PT3 - corner_PT3
    lengths_PT = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    cosine_PT = (first * second).sum(axis=-1) / np.maximum(lengths_PT, 1e-9)
    return np.asarray(np.arccos(np.clip(cosine_PT, -1, 1)))


def _alike(first_PTC: Floats, second_PTC: Floats) -> Floats:
    """The cosine of two velocities, over all frames at once; near 0 where hardly anything moves."""
    first, second = (np.diff(place_PTC, axis=1) for place_PTC in (first_PTC, second_PTC))
    norms_P = np.square(first).sum(axis=(1, 2)) * np.square(second).sum(axis=(1, 2))
    return np.asarray((first * second).sum(axis=(1, 2)) / np.sqrt(norms_P + 1e-3))


def _clockwise(hand_PT3: Floats) -> Floats:
    """How far the hand turns clockwise, seen by the body: the area in x and y swept a frame, relative to its spread."""
    x_PT, y_PT = np.moveaxis(hand_PT3[..., :2] - hand_PT3[..., :2].mean(axis=1, keepdims=True), 2, 0)
    swept_P = (x_PT * np.gradient(y_PT, axis=1) - y_PT * np.gradient(x_PT, axis=1)).mean(axis=1)
    return np.asarray(swept_P / (np.square(x_PT) + np.square(y_PT) + 0.01).mean(axis=1))


def _sweep(x_PT: Floats) -> Floats:
    """The way from the hand's rightmost to its leftmost place; negative if it was leftmost first."""
    leftwards_P = np.sign(x_PT.argmax(axis=1) - x_PT.argmin(axis=1))
    return np.asarray(leftwards_P * _range(x_PT))


def _repeated(bodies: Poses) -> Floats:
    """The share of the hands' and knees' movement with three or more periods a clip."""
    joints = ("hand_right", "hand_left", "knee_right", "knee_left")
    curves_PTQ = np.concatenate([bodies.joint(name) for name in joints], axis=2)
    power_PF = np.square(np.abs(np.fft.rfft(curves_PTQ, axis=1))).sum(axis=2)[:, 1:]
    return np.asarray(power_PF[:, _SLOWEST_REPEATED - 1 :].sum(axis=1) / np.maximum(power_PF.sum(axis=1), 1e-9))
