"""Figures: joints become solid people with clothes, and things to hold and throw, each part with colour and warmth."""

# Shapes: T frames, V joints, N solids, 3 = x y z or r g b.
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt

from pipeline.core.joints import NTU25
from pipeline.world.poses import Array

# From joint, to joint, radius in metres, what covers it. Read as: a stick of flesh and cloth between two joints.
_PARTS: tuple[tuple[str, str, float, str], ...] = (
    ("spine_base", "spine_mid", 0.125, "shirt"),
    ("spine_mid", "spine_shoulder", 0.135, "shirt"),
    ("shoulder_left", "shoulder_right", 0.075, "shirt"),
    ("hip_left", "hip_right", 0.1, "trousers"),
    ("neck", "head", 0.06, "skin"),
    ("head", "head", 0.11, "head"),
    *(
        part
        for side in ("left", "right")
        for part in (
            (f"shoulder_{side}", f"elbow_{side}", 0.055, "shirt"),
            (f"elbow_{side}", f"wrist_{side}", 0.042, "skin"),
            (f"wrist_{side}", f"hand_tip_{side}", 0.042, "skin"),
            (f"hip_{side}", f"knee_{side}", 0.08, "trousers"),
            (f"knee_{side}", f"ankle_{side}", 0.06, "trousers"),
            (f"ankle_{side}", f"foot_{side}", 0.05, "shoe"),
        )
    ),
)
_CELSIUS = {"skin": 32.5, "head": 33.5, "shirt": 28.5, "trousers": 27.5, "shoe": 25.0}
_PROP_CELSIUS = 21.0
_GRAVITY = 9.81
_SECONDS_A_FRAME = 1 / 30


@dataclass(frozen=True, eq=False)
class Solids:
    """Capsules over time with what covers them: colour (0 to 1) and temperature in degrees Celsius.

    `thing_N` is the place in `things` of what each is a part of: a person has many parts.
    """

    start_TN3: Array
    stop_TN3: Array
    radius_N: Array
    color_N3: Array
    celsius_N: Array
    thing_N: npt.NDArray[np.int64]
    things: tuple[str, ...]


def together(parts: list[Solids]) -> Solids:
    """All solids of a scene as one."""
    firsts = accumulate((len(part.things) for part in parts), initial=0)
    return Solids(
        np.concatenate([part.start_TN3 for part in parts], axis=1),
        np.concatenate([part.stop_TN3 for part in parts], axis=1),
        np.concatenate([part.radius_N for part in parts]),
        np.concatenate([part.color_N3 for part in parts]),
        np.concatenate([part.celsius_N for part in parts]),
        np.concatenate([part.thing_N + first for part, first in zip(parts, firsts, strict=False)]),
        tuple(thing for part in parts for thing in part.things),
    )


def dressed(xyz_TV3: Array, rng: np.random.Generator) -> Solids:
    """A person around joints (NaN where absent), in the clothes that `rng` chooses."""
    starts, stops = ([NTU25.names.index(part[end]) for part in _PARTS] for end in (0, 1))
    skin = np.array([0.87, 0.68, 0.55]) * rng.uniform(0.45, 1.1)
    worn = {"skin": skin, "head": skin * 0.9, "shoe": np.full(3, rng.uniform(0.08, 0.3))}
    worn |= {cloth: _vivid(rng) for cloth in ("shirt", "trousers")}
    return Solids(
        xyz_TV3[:, starts],
        xyz_TV3[:, stops],
        np.array([part[2] for part in _PARTS]) * rng.uniform(0.92, 1.12),
        np.stack([np.clip(worn[part[3]], 0, 1) for part in _PARTS]),
        np.array([_CELSIUS[part[3]] for part in _PARTS]) + rng.normal(0.0, 0.5),
        np.zeros(len(_PARTS), np.int64),
        ("person",),
    )


def prop(xyz_TV3: Array, rng: np.random.Generator) -> Solids:
    """A coloured ball or stick in a hand; some are thrown on the way and fall to the floor (y = 0) in an arc."""
    side = "left" if rng.random() < 0.5 else "right"
    wrist_T3, hand_T3 = (xyz_TV3[:, NTU25.names.index(f"{joint}_{side}")] for joint in ("wrist", "hand_tip"))
    is_ball, is_thrown = rng.random() < 0.5, rng.random() < 0.4
    radius, length = (float(rng.uniform(0.07, 0.11)), 0.0) if is_ball else (0.025, float(rng.uniform(0.3, 0.6)))
    along_T3 = hand_T3 - wrist_T3
    along_T3 = along_T3 / np.maximum(np.linalg.norm(along_T3, axis=1, keepdims=True), 1e-6)
    start_T3 = hand_T3 + along_T3 * (radius if is_ball else -0.1)
    if is_thrown:
        start_T3 = _thrown(start_T3, leaves=int(rng.integers(len(xyz_TV3) // 3, len(xyz_TV3))), radius=radius, rng=rng)
    color = _vivid(rng)[None]
    stop_T3 = start_T3 + length * along_T3
    return Solids(
        start_T3[:, None],
        stop_T3[:, None],
        np.array([radius]),
        color,
        np.array([_PROP_CELSIUS]),
        np.zeros(1, np.int64),
        ("ball" if is_ball else "stick",),
    )


def furniture(num_frames: int, num_things: int, wall_behind_m: float, rng: np.random.Generator) -> Solids:
    """Poles, bars and balls that stay where they are, before the wall behind the middle of the world."""
    ends_N23, radii, colors, things = [], [], [], []
    for _ in range(num_things):
        radius = float(rng.uniform(0.04, 0.2))
        foot_3 = np.array([rng.uniform(-2.2, 2.2), radius, -(wall_behind_m - 0.1 - radius)])
        pole, bar = (0.0, rng.uniform(0.4, 1.8), 0.0), (rng.uniform(0.4, 1.0), 0.0, 0.0)
        lift_3 = (0.0, rng.uniform(0.0, 1.6), 0.0)
        kind = int(rng.integers(3))
        start_3 = foot_3 + (lift_3 if kind == 1 else (0.0, 0.0, 0.0))
        ends_N23.append((start_3, start_3 + ((0.0, 0.0, 0.0), bar, pole)[kind]))
        radii.append(radius)
        colors.append(_vivid(rng))
        things.append(("ball", "bar", "pole")[kind])
    ends_TN23 = np.broadcast_to(np.array(ends_N23).reshape(1, -1, 2, 3), (num_frames, num_things, 2, 3))
    return Solids(
        ends_TN23[:, :, 0],
        ends_TN23[:, :, 1],
        np.array(radii),
        np.array(colors).reshape(-1, 3),
        np.full(num_things, _PROP_CELSIUS),
        np.arange(num_things),
        tuple(things),
    )


def _thrown(xyz_T3: Array, *, leaves: int, radius: float, rng: np.random.Generator) -> Array:
    """Free flight from frame `leaves` on, with the hand's own speed and a push; it stays where it meets the floor."""
    before = max(leaves - 1, 0)
    speed_3 = (xyz_T3[leaves] - xyz_T3[before]) / _SECONDS_A_FRAME + rng.normal(0, 1, 3) + (0, 1.5, 0)
    flight_T3 = xyz_T3.copy()
    for earlier, now in pairwise(range(leaves, len(xyz_T3))):
        flight_T3[now] = flight_T3[earlier] + speed_3 * _SECONDS_A_FRAME
        speed_3 = speed_3 - (0, _GRAVITY * _SECONDS_A_FRAME, 0)
        if flight_T3[now, 1] <= radius:
            flight_T3[now, 1], speed_3 = radius, np.array([0.0, _GRAVITY * _SECONDS_A_FRAME, 0.0])
    return flight_T3


def _vivid(rng: np.random.Generator) -> Array:
    """A saturated colour of any hue, rgb 0 to 1."""
    hue = rng.uniform(0, 6)
    pure = np.clip(np.abs((hue + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1, 0, 1)
    return np.asarray(pure * rng.uniform(0.5, 0.95) + 0.05)
