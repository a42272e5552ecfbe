"""Seen and unseen classes in one list of candidates: two corrections of the bias of methods towards seen classes.

Both are fitted to clips of seen classes alone: held-out clips of fit classes stand in for seen classes, clips of val
classes, on which the method was not trained either, for unseen ones.

Calibrated stacking (Chao et al., ECCV 2016) subtracts one number from the scores of all seen classes. A gate (as in
SynSE, Gupta et al., ICIP 2021) estimates from the best scores of seen and of unseen classes the probability that a clip
is of an unseen class; the clip is then classified among the classes of that side alone.
"""

# Shapes: N clips, K classes, F numbers that a gate reads.
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core.stacking import sweep
from pipeline.models.methods.shared import Array, standardisation

Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NUM_BEST = 2  # scores of each side that a gate reads
PENALTY = (
    1e-2  # on the gate's weights, beside the mean loss of a clip: keeps them finite where a line separates the clips
)
_STEPS = 100


@dataclass(frozen=True)
class ScoredClips:
    """Scores of clips among seen and unseen candidates, and what the clips are."""

    score_NK: Array
    is_seen_K: Bools
    truth_N: npt.NDArray[np.int64]  # columns

    @property
    def of_seen(self) -> Bools:
        """Which clips are of a seen class."""
        return np.asarray(self.is_seen_K[self.truth_N])


def calibration(scored: ScoredClips) -> float:
    """The number to subtract from the scores of seen classes for the greatest harmonic mean of both accuracies.

    It lies midway between two leads of seen over unseen scores at which answers change. Of equally good numbers it is
    the one with the widest interval around it; 0 where no number classifies clips of both sides correctly.
    """
    at_U, seen_P, unseen_P = sweep(scored.score_NK, scored.is_seen_K, scored.truth_N)
    middle_G, room_G = (at_U[1:] + at_U[:-1]) / 2, np.diff(at_U)
    seen_G, unseen_G = seen_P[1:-1], unseen_P[1:-1]
    mean_G = 2 * seen_G * unseen_G / np.where(seen_G + unseen_G > 0, seen_G + unseen_G, 1.0)
    if not mean_G.size or mean_G.max() <= 0:
        return 0.0
    best_G = mean_G >= mean_G.max() - 1e-12
    return float(middle_G[np.argmax(np.where(best_G, room_G, -1.0))])


@dataclass(frozen=True)
class Gate:
    """A logistic regression of `unseen` on the best scores of seen and of unseen candidates."""

    num_best: int
    mean_F: Array
    scale_F: Array
    weight_F: Doubles
    bias: float

    def __call__(self, score_NK: Array, is_seen_K: Bools) -> Array:
        """The probability (N) that a clip is of an unseen class, if seen and unseen clips are equally frequent."""
        x_NF = (_best(score_NK, is_seen_K, self.num_best) - self.mean_F) * self.scale_F
        return _sigmoid(x_NF @ self.weight_F + self.bias).astype(np.float32)


def fit_gate(scored: ScoredClips, num_best: int) -> Gate:
    """Fit a gate; both sides have equal weight, however many clips they have."""
    best_NF = _best(scored.score_NK, scored.is_seen_K, num_best)
    mean_F, scale_F = standardisation(best_NF.astype(np.float32))
    is_unseen_N = ~scored.of_seen
    weight_N = np.where(is_unseen_N, 0.5 / is_unseen_N.sum(), 0.5 / (~is_unseen_N).sum())
    weight_F, bias = fit_logistic((best_NF - mean_F) * scale_F, is_unseen_N, weight_N, PENALTY)
    return Gate(num_best, mean_F, scale_F, weight_F, bias)


def fit_logistic(x_NF: Doubles, is_one_N: Bools, weight_N: Doubles, penalty: float) -> tuple[Doubles, float]:
    """Weights and bias that minimise the weighted sum of clips' log losses plus penalty/2 |weights|^2, by Newton."""
    x_NG = np.concatenate([x_NF, np.ones((len(x_NF), 1))], axis=1)
    ridge_G = np.append(np.full(x_NF.shape[1], penalty), 0.0)
    w_G = np.zeros(x_NG.shape[1])
    for _ in range(_STEPS):
        p_N = _sigmoid(x_NG @ w_G)
        slope_G = x_NG.T @ (weight_N * (p_N - is_one_N)) + ridge_G * w_G
        bend_GG = (x_NG * (weight_N * p_N * (1 - p_N))[:, None]).T @ x_NG + np.diag(ridge_G + 1e-12)
        step_G = np.linalg.solve(bend_GG, slope_G)
        w_G -= step_G / max(
            1.0, float(np.linalg.norm(step_G))
        )  # limited steps avoid overshooting far from the solution
        if np.abs(slope_G).max() < 1e-12:
            break
    return w_G[:-1], float(w_G[-1])


def _best(score_NK: Array, is_seen_K: Bools, num_best: int) -> Doubles:
    """The best scores of seen classes in descending order, and then those of unseen ones."""
    sides = [np.sort(score_NK[:, side].astype(np.float64), axis=1) for side in (is_seen_K, ~is_seen_K)]
    return np.concatenate([side_NK[:, ::-1][:, :num_best] for side_NK in sides], axis=1)


def _sigmoid(x: Doubles) -> Doubles:
    p: Doubles = 0.5 * (1 + np.tanh(0.5 * x))
    return p
