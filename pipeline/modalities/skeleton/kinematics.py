"""Kinematic features: numbers that describe how bodies move. Nothing is trained; any layout and number of bodies.

A clip's vector is the mean over its bodies of: the measured movements of core.measures; then fourteen statistics of
every curve (fourteen joints about the hips, the hips, distances between joints); then how two bodies stand to each
other. Recipes that keep where a body goes, such as `whole50`, tell it more than those that centre every frame.
"""

# Shapes: N clips, C = 3 axes, T frames, V joints, M bodies, P bodies present, Q curves, D feature size.
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.joints import JointLayout
from pipeline.core.measures import MEASURES
from pipeline.modalities.skeleton._measured import measured
from pipeline.modalities.skeleton._poses import JOINTS, Poses, poses

Floats = npt.NDArray[np.float64]

MEASURED = MEASURES  # the names of a vector's first numbers, which mark an encoder without weights

_LOW, _HIGH = 5, 95  # percentiles in place of minimum and maximum, so that no single frame decides
_PERIODS = 6  # amplitudes of one to six periods a clip
_NUM_STATISTICS = 8 + _PERIODS
_AMPLITUDE = 1e-3  # of noise, in lengths of the trunk
_PAIRS = (
    ("hand_right", "hand_left"),
    ("hand_right", "head"),
    ("hand_left", "head"),
    ("hand_right", "hip_right"),
    ("hand_left", "hip_left"),
    ("hand_right", "hip_left"),
    ("hand_left", "hip_right"),
    ("hand_right", "shoulder_left"),
    ("hand_left", "shoulder_right"),
    ("hand_right", "ankle_right"),
    ("hand_left", "ankle_left"),
    ("ankle_right", "ankle_left"),
)
_NUM_CURVES = 3 * len(JOINTS) + 3 + len(_PAIRS)
_NUM_BETWEEN = 4


class Params(core_params.Params):
    """No options."""


class Encoder(nn.Module):
    """Clips of joint positions -> one vector a clip. `dim` is its size."""

    parts: ClassVar[dict[str, int]] = {"frames": 2, "joints": 3}  # what of a clip can be hidden -> its axis in x_NCTVM

    def __init__(self, params: Params, layout: JointLayout) -> None:  # noqa: ARG002 - the interface of the folder
        super().__init__()
        self.layout = layout
        self.dim = len(MEASURES) + _NUM_STATISTICS * _NUM_CURVES + _NUM_BETWEEN

    def forward(self, x_NCTVM: Tensor) -> Tensor:
        """feature_ND: the mean over the bodies present; 0 for a clip without a body."""
        return self.with_tokens(x_NCTVM)[0]

    def with_tokens(self, x_NCTVM: Tensor) -> tuple[Tensor, Tensor]:
        """The feature, and tokens_NMD, one a body; an absent body has the mean of those present."""
        x = x_NCTVM.detach().cpu().numpy()
        bodies = poses(x, self.layout)
        feature_PE = np.concatenate([measured(bodies), _statistics(_curves(bodies))], axis=1)
        num_clips, num_bodies = len(x), x.shape[4]
        mean_NE, count_N = _mean_by_clip(feature_PE, bodies.clip_P, num_clips)
        token_NME = np.repeat(mean_NE[:, None], num_bodies, axis=1)
        token_NME[bodies.clip_P, _place_of(x)] = feature_PE
        between_NMB = np.repeat(_between(bodies, count_N)[:, None], num_bodies, axis=1)
        token_NMD = np.concatenate([token_NME, between_NMB], axis=2)
        tokens = torch.from_numpy(token_NMD.astype(np.float32))
        return torch.from_numpy(token_NMD.mean(axis=1).astype(np.float32)), tokens


def _place_of(x_NCTVM: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """The place in its clip of each body present."""
    return np.nonzero(x_NCTVM.any(axis=(1, 2, 3)))[1]


def _mean_by_clip(feature_PE: Floats, clip_P: npt.NDArray[np.int64], num_clips: int) -> tuple[Floats, Floats]:
    """The mean over each clip's bodies, and their number."""
    count_N = np.bincount(clip_P, minlength=num_clips).astype(np.float64)
    sum_NE = np.zeros((num_clips, feature_PE.shape[1]))
    np.add.at(sum_NE, clip_P, feature_PE)
    return sum_NE / np.maximum(count_N, 1)[:, None], count_N


def _curves(bodies: Poses) -> Floats:
    """curve_PTQ."""
    joints_PTQ = bodies.pose_PTJ3.reshape(*bodies.pose_PTJ3.shape[:2], 3 * len(JOINTS))
    apart_PTQ = np.stack([bodies.between(*pair) for pair in _PAIRS], axis=2)
    start_P13 = np.median(bodies.root_PT3, axis=1, keepdims=True)
    return np.concatenate([joints_PTQ, bodies.root_PT3 - start_P13, apart_PTQ], axis=2)


def _statistics(curve_PTQ: Floats) -> Floats:
    """(P, statistics of all curves): level, spread, extremes, change, speed, and amplitudes by period."""
    num_frames = curve_PTQ.shape[1]
    tenth, middle = max(1, num_frames // 10), num_frames // 2
    begin, end = curve_PTQ[:, :tenth].mean(axis=1), curve_PTQ[:, -tenth:].mean(axis=1)
    half = curve_PTQ[:, max(0, middle - tenth // 2) : middle + tenth // 2 + 1].mean(axis=1)
    speed = np.abs(np.diff(curve_PTQ, axis=1))
    amplitude = np.abs(np.fft.rfft(curve_PTQ, axis=1))[:, 1 : _PERIODS + 1] / num_frames
    amplitude = np.pad(amplitude, ((0, 0), (0, _PERIODS - amplitude.shape[1]), (0, 0)))
    statistics = [
        curve_PTQ.mean(axis=1),
        curve_PTQ.std(axis=1),
        *np.percentile(curve_PTQ, (_LOW, _HIGH), axis=1),
        end - begin,
        half - begin,
        speed.mean(axis=1),
        np.percentile(speed, _HIGH, axis=1),
        *np.moveaxis(np.log(amplitude + _AMPLITUDE), 1, 0),
    ]
    return np.concatenate(statistics, axis=1)


def _between(bodies: Poses, count_N: Floats) -> Floats:
    """The first two bodies of a clip: 1, then mean, minimum and change of their distance; zeros for a single body."""
    between = np.zeros((len(count_N), _NUM_BETWEEN))
    for clip in np.flatnonzero(count_N > 1):
        first_T3, second_T3 = bodies.root_PT3[bodies.clip_P == clip][:2]
        apart_T = np.linalg.norm(first_T3 - second_T3, axis=1)
        between[clip] = 1.0, apart_T.mean(), apart_T.min(), apart_T[-1] - apart_T[0]
    return between
