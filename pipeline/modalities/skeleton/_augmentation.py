"""Augmentation of a prepared skeleton: random changes that a network should learn to ignore.

For clips in metres with y up, as the recipes leave them. All joints of a clip are turned about the vertical through the
origin by one angle and scaled by one factor. Time runs a little faster at one end than at the other. Every coordinate
gets its own noise. Absent bodies stay absent.
"""

# Shapes: C = 3 coordinates, T frames, V joints, M bodies.
import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import joints, params

Floats = npt.NDArray[np.float32]
METRIC_LAYOUTS = ("ntu25", "kinect20")  # their joints are measured in metres, not estimated in a picture


class Params(params.Params):
    """How far a variant may be from the clip; 0 leaves that aspect unchanged."""

    yaw_degrees: float = Field(ge=0, le=180)  # greatest turn to either side
    scale: float = Field(ge=0, lt=1)  # factors from 1 - scale to 1 + scale
    time_warp: float = Field(ge=0, lt=1)  # at most so much faster at one end of the clip, and slower at the other
    noise: float = Field(ge=0)  # standard deviation, in metres


def is_metric(layout: str) -> bool:
    """Whether the joints of a layout are in metres; those of an own layout are, unless they lie in pictures."""
    return layout in METRIC_LAYOUTS or (layout not in joints.LAYOUTS and not joints.find(layout).planar)


def augmented(x_CTVM: Floats, rng: np.random.Generator, params: Params) -> Floats:
    """A random variant of a clip. All aspects are always drawn, so that none changes the draw of another."""
    yaw, scale, warp = rng.uniform(-1, 1, size=3)
    noise_CTVM = rng.standard_normal(x_CTVM.shape)
    y_CTVM = _warped(x_CTVM.astype(np.float64), warp * params.time_warp)
    y_CTVM = _turned(y_CTVM, np.deg2rad(yaw * params.yaw_degrees)) * (1 + scale * params.scale)
    return np.where(_present(y_CTVM), y_CTVM + params.noise * noise_CTVM, 0).astype(np.float32)


def _present(x_CTVM: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Where a body is present, (1, T, 1, M)."""
    return np.asarray(x_CTVM.any(axis=(0, 2), keepdims=True))


def _warped(x_CTVM: npt.NDArray[np.float64], warp: float) -> npt.NDArray[np.float64]:
    """The clip warped in time: at u in [0, 1] it shows u + warp sin(pi u) / pi, up to the last frame with a body.

    Between a frame with a body and one without it the nearer one counts.
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
    y_CTVM = x_CTVM.copy()
    y_CTVM[:, : last + 1] = before * (1 - share) + after * share
    return y_CTVM


def _turned(x_CTVM: npt.NDArray[np.float64], angle: float) -> npt.NDArray[np.float64]:
    """The clip turned about y, by an angle in radians."""
    x, y, z = x_CTVM
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([cosine * x + sine * z, y, cosine * z - sine * x])
