"""Zero-shot scorers in closed form: ridge, prototypes and ESZSL over texts, and measured against described movements.

All standardise features on the training clips and clip outliers, so that one extreme number decides nothing.
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

_MIN_DEVIATION = 0.1  # of what texts tell of a measure, over classes with unit vectors
_MAX_DEVIATIONS = 3.0  # at which measures, and what texts tell of them, are clipped
_ROUNDING = 1e-5  # deviation of equal scores in single precision, relative to the greatest score


class Scorer(Protocol):
    """Scores of clips for classes; larger is likelier."""

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """(N, K)."""

    def cost(self, num_classes: int) -> Cost:
        """Of one clip, given the number of classes."""

    def state_dict(self) -> dict[str, Array]:
        """The weights by name."""


@dataclass(frozen=True)
class PrototypeScorer:
    """A prototype a class: the mean clips of seen classes, weighted as their texts make up its own text."""

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
        """Of the cosines; the prototypes are computed once."""
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
    """Movements measured in a clip, compared with the movements that a class's texts tell; no class is learned.

    Both are standardised by mean and deviation over the seen classes. A class whose texts tell no movement at all
    scores 0, as the mean class does. Where they tell only movements that are not measured, nothing measured moves.
    """

    mean_M: Array
    scale_M: Array
    told_mean_M: Array
    told_scale_M: Array

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Cosines of measured and told movements, (N, K)."""
        return self.clip_vectors(features_ND) @ self.text_vectors(texts).T

    def clip_vectors(self, features_ND: Array) -> Array:
        """Unit vectors (N, M) of the movements measured in clips."""
        return unit(_clipped((features_ND[:, : len(MEASURES)] - self.mean_M) * self.scale_M))

    def text_vectors(self, texts: ClassTexts) -> Array:
        """Unit vectors (K, M) of the movements that the texts of classes tell."""
        told_KM = texts.of_type(TOLD_MEASURES)
        is_told_K1 = np.any(np.hstack([told_KM, texts.further.get(MOVEMENT, told_KM)]), axis=1, keepdims=True)
        return unit(_clipped((told_KM - self.told_mean_M) * self.told_scale_M * is_told_K1))

    def cost(self, num_classes: int) -> Cost:
        """Of the cosines; only means and scales are learned."""
        return Cost(4 * len(MEASURES), num_classes * len(MEASURES))

    def state_dict(self) -> dict[str, Array]:
        """Means and scales."""
        told = {"told_mean": self.told_mean_M, "told_scale": self.told_scale_M}
        return {"mean": self.mean_M, "scale": self.scale_M, **told}


def fit_ridge(clips: Clips, texts: ClassTexts, embedder: ClassEmbedder, clip: float, penalty: float) -> LinearScorer:
    """Ridge regression to the texts, with the penalty for each clip of models.regression."""
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
    """Means of the clips of seen classes, with the texts of these classes."""
    scale, seen = Standardiser.of(clips.features_ND, clip), texts.of_clips(clips)
    mean_SD = _class_means(scale(clips.features_ND), seen.rows(clips.class_ids), len(seen.class_ids))
    return PrototypeScorer(scale, mean_SD.astype(np.float32), embedder(seen), gamma, embedder)


def fit_measured(clips: Clips, texts: ClassTexts) -> MeasuredScorer:
    """Means and scales of measured and told movements. Raises DataError for features that measure no movements."""
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
    """Scores of each clip with mean 0 and deviation 1 over the classes; 0 where all are equal up to rounding."""
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
    return np.clip(x, -_MAX_DEVIATIONS, _MAX_DEVIATIONS).astype(np.float32)
