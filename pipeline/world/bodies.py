"""Bodies and their manners: how long the bones of a subject are and how this subject moves."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.core.params import Params

_MAX_SIZE_DIFFERENCE = 0.13


class Sizes(Params):
    """How tall the people of a world are: 1 is a person of about 1.72 metres."""

    mean: Annotated[float, Field(ge=0.6, le=1.2)]
    deviation: Annotated[float, Field(ge=0, le=0.2)]


@dataclass(frozen=True)
class Body:
    """Bone lengths in metres; left and right are alike."""

    lower_spine: float
    upper_spine: float
    neck: float
    head: float
    half_shoulders: float
    upper_arm: float
    forearm: float
    hand: float
    half_hips: float
    thigh: float
    shank: float
    foot: float


@dataclass(frozen=True)
class Style:
    """How a subject moves: what stays the same from action to action and differs between people."""

    pace: float  # time of this subject over the usual time
    amplitude: float  # size of movements over the usual size
    weaker_arm: float  # amplitude of the arm that is not the dominant one, over that of the dominant one
    right_handed: bool
    stoop: float  # degrees the trunk leans forward at rest
    arm_spread: float  # degrees the arms stand off at rest
    elbow_bend: float  # degrees at rest
    stance: float  # degrees the legs stand apart at rest
    sympathy: float  # share of a limb's movement that the opposite limb joins in with
    sway: float  # degrees of the slow movements nobody intends


def sampled_body(rng: np.random.Generator, sizes: Sizes) -> Body:
    """A person at most 13 % from the mean in size; proportions vary by a few per cent a bone."""
    low, high = sizes.mean - _MAX_SIZE_DIFFERENCE, sizes.mean + _MAX_SIZE_DIFFERENCE
    size = float(np.clip(rng.normal(sizes.mean, sizes.deviation), low, high))
    usual = (0.30, 0.24, 0.08, 0.17, 0.18, 0.29, 0.25, 0.08, 0.10, 0.42, 0.41, 0.15)
    return Body(*(length * size * float(np.clip(rng.normal(1.0, 0.04), 0.9, 1.1)) for length in usual))


def sampled_style(rng: np.random.Generator) -> Style:
    """A person's manner; nine people of ten are right-handed."""
    return Style(
        pace=float(np.clip(rng.normal(1.0, 0.12), 0.75, 1.3)),
        amplitude=float(np.clip(rng.normal(1.0, 0.12), 0.7, 1.25)),
        weaker_arm=float(rng.uniform(0.85, 1.0)),
        right_handed=bool(rng.random() < 0.9),
        stoop=float(rng.uniform(-2.0, 9.0)),
        arm_spread=float(rng.uniform(4.0, 14.0)),
        elbow_bend=float(rng.uniform(8.0, 25.0)),
        stance=float(rng.uniform(2.0, 8.0)),
        sympathy=float(rng.uniform(0.0, 0.12)),
        sway=float(rng.uniform(0.8, 2.0)),
    )
