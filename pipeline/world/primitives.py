"""Primitives: what one limb can do, as curves of pose channels over the time the movement takes."""

# Shapes: T frames.
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.world.poses import Array

# A wave form maps time in the movement, 0 to 1, to a share of the amplitude.
WaveForm = Callable[[Array], Array]


@dataclass(frozen=True)
class Curve:
    """One channel's part in a movement: amplitude in the channel's unit times the wave form."""

    channel: str  # of a limb without its side
    amplitude: float
    form: WaveForm


def ease(u_T: Array) -> Array:
    """From 0 at 0 to 1 at 1 with no jolt."""
    u_T = np.clip(u_T, 0.0, 1.0)
    return np.asarray(u_T * u_T * (3.0 - 2.0 * u_T))


def hold(u_T: Array) -> Array:
    """Go there, stay, come back."""
    return ease(u_T / 0.3) - ease((u_T - 0.7) / 0.3)


def stay(u_T: Array) -> Array:
    """Go there and remain."""
    return ease(u_T / 0.5)


def leave(u_T: Array) -> Array:
    """Be there from the start and go away."""
    return 1.0 - stay(u_T)


def bumps(times: int) -> WaveForm:
    """Go there and come back, so many times."""
    return lambda u_T: np.sin(np.pi * times * np.clip(u_T, 0, 1)) ** 2


def sway(times: int) -> WaveForm:
    """To one side and to the other, so many times, fading in and out."""
    return lambda u_T: np.sin(2 * np.pi * times * u_T) * np.clip(hold(u_T) * 1.5, 0, 1)


def within(first: float, last: float, form: WaveForm) -> WaveForm:
    """A form squeezed into a part of the time."""
    return lambda u_T: form((u_T - first) / (last - first))


_SIDES = ("left", "right")

# Limb kind -> motion -> curves. An arm's or leg's channels get their side when a limb is chosen.
PRIMITIVES: dict[str, dict[str, tuple[Curve, ...]]] = {
    "arm": {
        "raise": (Curve("shoulder_forward", 155, hold), Curve("elbow", -8, hold)),
        "wave": (
            Curve("shoulder_side", 70, hold),
            Curve("shoulder_twist", 85, hold),
            Curve("elbow", 75, hold),
            Curve("elbow", 35, sway(3)),
        ),
        "punch": (
            Curve("shoulder_forward", 20, hold),
            Curve("shoulder_forward", 65, bumps(2)),
            Curve("elbow", 110, hold),
            Curve("elbow", -105, bumps(2)),
        ),
        "swing": (Curve("shoulder_forward", 55, sway(3)),),
        "clap": (
            Curve("shoulder_forward", 48, hold),
            Curve("shoulder_side", 14, hold),
            Curve("elbow", 48, hold),
            Curve("shoulder_side", -38, bumps(4)),
        ),
        "spread": (Curve("shoulder_side", 85, hold),),
        "curl": (Curve("elbow", 125, bumps(3)),),
        "reach": (Curve("shoulder_forward", 25, hold), Curve("elbow", -8, hold)),
        "drink": (Curve("shoulder_forward", 55, hold), Curve("shoulder_twist", -35, hold), Curve("elbow", 115, hold)),
        "phone": (Curve("shoulder_forward", 72, hold), Curve("shoulder_side", 25, hold), Curve("elbow", 135, hold)),
    },
    "leg": {
        "kick": (Curve("hip_forward", 75, bumps(1)), Curve("knee", 80, within(0.0, 0.6, bumps(1)))),
        "lift": (Curve("hip_forward", 85, hold), Curve("knee", 90, hold)),
    },
    "trunk": {
        "bend": (
            Curve("bend", 75, hold),
            *(Curve(f"shoulder_forward_{side}", 70, hold) for side in _SIDES),  # the arms hang down
        ),
        "turn": (Curve("twist", 50, sway(2)),),
    },
    "head": {
        "shake": (Curve("shake", 60, sway(2)),),
        "nod": (Curve("nod", 30, bumps(3)),),
    },
    "body": {
        "sit": (
            *(Curve(f"hip_forward_{side}", 85, stay) for side in _SIDES),
            *(Curve(f"knee_{side}", 85, stay) for side in _SIDES),
            Curve("bend", 25, bumps(1)),
            Curve("shift_forward", -0.35, stay),
        ),
        "rise": (
            *(Curve(f"hip_forward_{side}", 85, leave) for side in _SIDES),
            *(Curve(f"knee_{side}", 85, leave) for side in _SIDES),
            Curve("bend", 25, bumps(1)),
            Curve("shift_forward", -0.35, leave),
        ),
        "squat": (
            *(Curve(f"hip_forward_{side}", 105, hold) for side in _SIDES),
            *(Curve(f"knee_{side}", 128, hold) for side in _SIDES),
            Curve("bend", 30, hold),
            *(Curve(f"shoulder_forward_{side}", 45, hold) for side in _SIDES),  # for balance
        ),
        "jump": (
            *(Curve(f"hip_forward_{side}", 40, bumps(3)) for side in _SIDES),
            *(Curve(f"knee_{side}", 70, bumps(3)) for side in _SIDES),
            Curve("lift", 0.3, within(1 / 6, 5 / 6, bumps(2))),
        ),
    },
}
