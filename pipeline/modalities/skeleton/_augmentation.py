"""Variants of a prepared skeleton: what a network should not learn to tell apart.

Of clips whose coordinates are places in metres with y up, as the recipes leave them: every joint of a clip is turned
about the vertical through the origin by one angle and scaled by one factor, time runs a little faster at one end than
at the other, and every coordinate gets its own noise. Bodies that are absent stay absent.
"""

# Shapes: C = 3 coordinates, T frames, V joints, M bodies.
import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import params

Floats = npt.NDArray[np.float32]
METRIC_LAYOUTS = ("ntu25", "kinect20")  # layouts whose joints are measured in metres, not estimated in a picture


class Params(params.Params):
    """How far a variant may be from the clip; 0 leaves that side of it alone."""

    yaw_degrees: float = Field(ge=0, le=180)  # turned by at most so much, to either side
    scale: float = Field(ge=0, lt=1)  # times 1 - scale to 1 + scale
    time_warp: float = Field(ge=0, lt=1)  # by up to so much faster at one end of the clip, and slower at the other
    noise: float = Field(ge=0)  # standard deviation, in metres


def augmented(x_CTVM: Floats, random: np.random.Generator, params: Params) -> Floats:
    """One variant of a clip. Sides are drawn in one order, so that none changes what is drawn of another."""
    yaw, scale, warp = random.uniform(-1, 1, size=3)
    noise_CTVM = random.standard_normal(x_CTVM.shape)
    found = _warped(x_CTVM.astype(np.float64), warp * params.time_warp)
    found = _turned(found, np.deg2rad(yaw * params.yaw_degrees)) * (1 + scale * params.scale)
    return np.where(_present(found), found + params.noise * noise_CTVM, 0).astype(np.float32)


def _present(x_CTVM: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Where a body is, (1, T, 1, M)."""
    return np.asarray(x_CTVM.any(axis=(0, 2), keepdims=True))


def _warped(x_CTVM: npt.NDArray[np.float64], warp: float) -> npt.NDArray[np.float64]:
    """Frame u of [0, 1] shows what was at u + warp sin(pi u) / pi, up to the last frame that shows anybody.

    Between a frame with a body and one without it is as in the nearer one.
    """
    shown_T = np.flatnonzero(_present(x_CTVM).any(axis=(0, 2, 3)))
    last = int(shown_T[-1]) if len(shown_T) else 0
    if last == 0 or warp == 0:
        return x_CTVM
    u_T = np.arange(last + 1) / last
    times_T = np.clip((u_T + warp * np.sin(np.pi * u_T) / np.pi) * last, 0, last)
    before_T = np.minimum(times_T.astype(int), last - 1)
    share_T = (times_T - before_T)[:, None, None]
    before, after = x_CTVM[:, before_T], x_CTVM[:, before_T + 1]
    torn = _present(before) != _present(after)
    share = np.where(torn, np.round(share_T), share_T)
    found = x_CTVM.copy()
    found[:, : last + 1] = before * (1 - share) + after * share
    return found


def _turned(x_CTVM: npt.NDArray[np.float64], angle: float) -> npt.NDArray[np.float64]:
    """About y, by an angle in radians."""
    x, y, z = x_CTVM
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([cosine * x + sine * z, y, cosine * z - sine * x])
