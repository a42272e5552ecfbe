"""Zero-shot scorers in closed form: ridge, prototypes and ESZSL over texts, and movements measured against told ones.

All standardise features on the training clips and clip what lies far out, so that one wild number decides nothing.
"""

# Shapes: N clips, D feature size, S seen classes, K classes, T text size, M measures.
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.measures import MEASURES
from pipeline.models.methods.shared import Array, ClassEmbedder, ClassTexts, Clips, Cost, standardisation, unit
from pipeline.models.regression import LinearScorer, Standardiser, ridge_solution
from pipeline.text.prompts import MOVEMENT, TOLD_MEASURES

Doubles = npt.NDArray[np.float64]

_MIN_DEVIATION = 0.1  # of what is told of a measure, over classes whose vectors are unit ones
_FURTHEST = 3.0  # deviations, of measures and of what is told of them
_ROUNDING = 1e-5  # a deviation of a clip's scores, in parts of the greatest, that single precision makes of equal ones


class Scorer(Protocol):
    """What scores clips and classes, larger is likelier."""

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """(N, K)."""

    def cost(self, num_classes: int) -> Cost:
        """Of one clip among so many classes."""

    def state_dict(self) -> dict[str, Array]:
        """The weights by name."""


@dataclass(frozen=True)
class PrototypeScorer:
    """Every class as the mean of the seen classes' clips, weighted by how well their texts make up its own."""

    standardiser: Standardiser
    mean_SD: Array  # of each seen class's clips
    text_ST: Array
    gamma: float
    embedder: ClassEmbedder

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Cosine of each clip with each class's prototype, (N, K): w = (S S' + gamma I)^-1 S t of its text t."""
        seen_ST, text_KT = self.text_ST.astype(np.float64), self.embedder(texts).astype(np.float64)
        gram_SS = seen_ST @ seen_ST.T + self.gamma * np.eye(len(seen_ST))
        weight_SK = np.linalg.solve(gram_SS, seen_ST @ text_KT.T)
        prototype_KD = (weight_SK.T @ self.mean_SD).astype(np.float32)
        return unit(self.standardiser(features_ND).astype(np.float32)) @ unit(prototype_KD).T

    def cost(self, num_classes: int) -> Cost:
        """Of the cosines; the prototypes are at hand."""
        return Cost(self.mean_SD.size, num_classes * self.mean_SD.shape[1])

    def state_dict(self) -> dict[str, Array]:
        """The seen classes' means and texts."""
        return {
            "prototypes": self.mean_SD,
            "texts": self.text_ST,
            **self.standardiser.state_dict(),
            **self.embedder.state_dict(),
        }


@dataclass(frozen=True)
class MeasuredScorer:
    """What a clip's movements measure against what a class's texts tell of them; no class is learnt.

    Seen classes give both the same scale: mean and deviation over classes, of their clips' measures and of what is
    told of them. A class whose texts tell no movement at all scores 0, as the mean class does; where they tell some
    that no measure is of, it is one in which nothing measured moves.
    """

    mean_M: Array
    scale_M: Array
    told_mean_M: Array
    told_scale_M: Array

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Cosine of what is measured and what is told, (N, K)."""
        return self.shown(features_ND) @ self.told(texts).T

    def shown(self, features_ND: Array) -> Array:
        """Unit vectors (N, M) of what is measured in clips."""
        return unit(_clipped((features_ND[:, : len(MEASURES)] - self.mean_M) * self.scale_M))

    def told(self, texts: ClassTexts) -> Array:
        """Unit vectors (K, M) of what is told of classes."""
        told_KM = texts.of_type(TOLD_MEASURES)
        is_told_K1 = np.any(np.hstack([told_KM, texts.further.get(MOVEMENT, told_KM)]), axis=1, keepdims=True)
        return unit(_clipped((told_KM - self.told_mean_M) * self.told_scale_M * is_told_K1))

    def cost(self, num_classes: int) -> Cost:
        """Of the cosines; only the scales are learnt."""
        return Cost(4 * len(MEASURES), num_classes * len(MEASURES))

    def state_dict(self) -> dict[str, Array]:
        """The scales."""
        told = {"told_mean": self.told_mean_M, "told_scale": self.told_scale_M}
        return {"mean": self.mean_M, "scale": self.scale_M, **told}


def fit_ridge(clips: Clips, texts: ClassTexts, embedder: ClassEmbedder, clip: float, penalty: float) -> LinearScorer:
    """Ridge regression to the texts; `penalty` a clip, as in models.regression."""
    scale = Standardiser.of(clips.features_ND, clip)
    y_NT = embedder(texts)[texts.rows(clips.class_ids)].astype(np.float64)
    mean_T = y_NT.mean(axis=0)
    weight_DT = ridge_solution(scale(clips.features_ND), y_NT - mean_T, penalty)
    return LinearScorer(scale, weight_DT.astype(np.float32), mean_T.astype(np.float32), embedder, by_cosine=True)


def fit_eszsl(
    clips: Clips, texts: ClassTexts, embedder: ClassEmbedder, clip: float, penalty: float, text_penalty: float
) -> LinearScorer:
    """(X'X/N + penalty I)^-1 X'Y/N S (S'S + text_penalty I)^-1 (Romera-Paredes, Torr 2015); Y is 1 or -1."""
    scale, seen = Standardiser.of(clips.features_ND, clip), texts.of_clips(clips)
    text_ST = embedder(seen).astype(np.float64)
    y_NS = np.where(seen.rows(clips.class_ids)[:, None] == np.arange(len(text_ST)), 1.0, -1.0)
    by_feature_DT = ridge_solution(scale(clips.features_ND), y_NS @ text_ST, penalty)
    gram_TT = text_ST.T @ text_ST + text_penalty * np.eye(text_ST.shape[1])
    weight_DT = np.linalg.solve(gram_TT, by_feature_DT.T).T
    bias_T = np.zeros(text_ST.shape[1], np.float32)
    return LinearScorer(scale, weight_DT.astype(np.float32), bias_T, embedder, by_cosine=False)


def fit_prototypes(
    clips: Clips, texts: ClassTexts, embedder: ClassEmbedder, clip: float, gamma: float
) -> PrototypeScorer:
    """The means of the seen classes, and their texts."""
    scale, seen = Standardiser.of(clips.features_ND, clip), texts.of_clips(clips)
    mean_SD = _class_means(scale(clips.features_ND), seen.rows(clips.class_ids), len(seen.class_ids))
    return PrototypeScorer(scale, mean_SD.astype(np.float32), embedder(seen), gamma, embedder)


def fit_measured(clips: Clips, texts: ClassTexts) -> MeasuredScorer:
    """The scales of measures and of what is told. Raises DataError for features that measure no movements."""
    if clips.measured != MEASURES:
        raise DataError(
            "the features hold no measured movements, which this method compares with what the texts tell; name a "
            "store of the encoder 'kinematics', extracted anew, or leave 'measured' out of `scorers`"
        )
    seen = texts.of_clips(clips)
    shown_ND = clips.features_ND[:, : len(MEASURES)].astype(np.float64)
    shown_SM = _class_means(shown_ND, seen.rows(clips.class_ids), len(seen.class_ids))
    told_SM = seen.of_type(TOLD_MEASURES).astype(np.float64)
    mean_M, scale_M = standardisation(shown_SM.astype(np.float32))
    told_scale_M = 1 / np.maximum(told_SM.std(axis=0), _MIN_DEVIATION)
    return MeasuredScorer(mean_M, scale_M, told_SM.mean(axis=0).astype(np.float32), told_scale_M.astype(np.float32))


def z_scores(score_NK: Array) -> Array:
    """Clip by clip with mean 0 and deviation 1 over the classes; 0 where all score the same but for rounding."""
    score = score_NK.astype(np.float64)
    deviation_N1 = score.std(axis=1, keepdims=True)
    centred_NK = score - score.mean(axis=1, keepdims=True)
    differ_N1 = deviation_N1 > _ROUNDING * np.abs(score).max(axis=1, keepdims=True)
    z_NK = np.divide(centred_NK, deviation_N1, out=np.zeros_like(score), where=differ_N1)
    return np.asarray(z_NK, dtype=np.float32)


def training_error(scorer: "Scorer", clips: Clips, texts: ClassTexts) -> float:
    """The share of training clips whose class does not score best among the seen ones."""
    seen = texts.of_clips(clips)
    return float(np.mean(scorer.scores(clips.features_ND, seen).argmax(axis=1) != seen.rows(clips.class_ids)))


def _class_means(x_ND: Doubles, row_N: npt.NDArray[np.int64], num_classes: int) -> Doubles:
    sum_SD = np.zeros((num_classes, x_ND.shape[1]))
    np.add.at(sum_SD, row_N, x_ND)
    return np.asarray(sum_SD / np.bincount(row_N, minlength=num_classes)[:, None])


def _clipped(x: Array) -> Array:
    return np.clip(x, -_FURTHEST, _FURTHEST).astype(np.float32)
