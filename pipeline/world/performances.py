"""Performances: a subject does an action once, in this subject's manner. Action -> pose channels over time."""

# Shapes: T frames.
from dataclasses import replace

import numpy as np

from pipeline.world.actions import Action
from pipeline.world.bodies import Style
from pipeline.world.poses import CHANNELS, Array, at_rest
from pipeline.world.primitives import PRIMITIVES, Curve

FRAMES_PER_SECOND = 30.0
_METRES_PER_DEGREE = 0.003  # of unintended movement: a metre channel sways this much for each degree of the others
_METRE_CHANNELS = ("shift_forward", "shift_side")


def idle(style: Style, num_frames: int, rng: np.random.Generator) -> dict[str, Array]:
    """A body that stands there: the subject's posture and the slow sway of every joint."""
    pose_T = at_rest(num_frames)
    for channel in CHANNELS:
        if channel != "lift":
            pose_T[channel] += _sway(style, num_frames, rng) * (_METRES_PER_DEGREE if channel in _METRE_CHANNELS else 1)
    pose_T["bend"] += style.stoop
    for side in ("left", "right"):
        pose_T[f"shoulder_side_{side}"] += style.arm_spread
        pose_T[f"elbow_{side}"] += style.elbow_bend
        pose_T[f"hip_side_{side}"] += style.stance
    return pose_T


def performed(action: Action, style: Style, num_frames: int, rng: np.random.Generator) -> dict[str, Array]:
    """The action within the frames, from rest and back to rest, unless it ends otherwise, as sitting down does."""
    pose_T = idle(style, num_frames, rng)
    time_T = np.arange(num_frames) / max(1, num_frames - 1)
    first, last = rng.uniform(0.02, 0.12), rng.uniform(0.88, 0.98)
    edges = np.linspace(first, last, len(action.steps) + 1)
    edges[1:-1] += rng.uniform(-0.05, 0.05, len(edges) - 2)
    for step, start, end in zip(action.steps, edges[:-1], edges[1:], strict=True):
        for limb, motion in step:
            late = rng.uniform(0.0, 0.06) * (end - start)
            u_T = np.clip((time_T - start - late) / (end - start - late), 0.0, 1.0)
            _play(pose_T, limb, motion, u_T, _manner(style, limb, rng))
    return pose_T


def _play(pose_T: dict[str, Array], limb: str, motion: str, u_T: Array, style: Style) -> None:
    """Add one limb's curves to the pose, and the little that the opposite limb joins in with."""
    side, _, kind = limb.rpartition(" ")
    for curve in PRIMITIVES[kind][motion]:
        moved_T = style.amplitude * curve.amplitude * curve.form(u_T)
        pose_T[_channel(curve, side)] += moved_T
        if side:
            pose_T[_channel(curve, "right" if side == "left" else "left")] += style.sympathy * moved_T


def _channel(curve: Curve, side: str) -> str:
    return f"{curve.channel}_{side}" if side else curve.channel


def _manner(style: Style, limb: str, rng: np.random.Generator) -> Style:
    """The style with the amplitude of this limb on this occasion."""
    weak = limb == ("left arm" if style.right_handed else "right arm")
    occasion = float(np.clip(rng.normal(1.0, 0.05), 0.85, 1.15))
    return replace(style, amplitude=style.amplitude * occasion * (style.weaker_arm if weak else 1.0))


def _sway(style: Style, num_frames: int, rng: np.random.Generator) -> Array:
    """Two slow sines with a random phase, in degrees."""
    seconds_T = np.arange(num_frames) / FRAMES_PER_SECOND
    hertz, phase, size = rng.uniform(0.15, 0.8, 2), rng.uniform(0, 2 * np.pi, 2), rng.normal(0, style.sway, 2)
    return np.asarray((size * np.sin(2 * np.pi * hertz * seconds_T[:, None] + phase)).sum(axis=1))
