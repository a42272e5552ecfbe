"""Linear maps from features of clips to the texts of their classes, and ridge regression for a grid of penalties."""

# Shapes: N clips, D feature size, K classes, T text size.
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.models.methods.shared import (
    Array,
    ClassEmbedder,
    ClassTexts,
    Clips,
    Cost,
    Grid,
    OneTextParams,
    standardisation,
    unit,
)

Doubles = npt.NDArray[np.float64]


class PenaltyParams(OneTextParams):
    """Which texts are the target, and the grid of penalties."""

    lambdas: Grid  # penalty a clip: 1 = as strong as unit features

    @property
    def settings(self) -> list[str]:
        """The penalties."""
        return [str(penalty) for penalty in self.lambdas]

    @property
    def setting_name(self) -> str:
        """Settings are values of lambda."""
        return "lambda"


@dataclass(frozen=True)
class Standardiser:
    """Features with mean 0 and deviation 1 on the training clips, clipped at so many deviations."""

    mean_D: Array
    scale_D: Array
    clip: float  # infinity: they are not clipped

    @classmethod
    def of(cls, features_ND: Array, clip: float) -> "Standardiser":
        """From the training clips."""
        return cls(*standardisation(features_ND), clip)

    def __call__(self, features_ND: Array) -> Doubles:
        """The features of any clips."""
        return np.clip(((features_ND - self.mean_D) * self.scale_D).astype(np.float64), -self.clip, self.clip)

    def state_dict(self) -> dict[str, Array]:
        """Mean and scale."""
        return {"mean": self.mean_D, "scale": self.scale_D}


@dataclass(frozen=True)
class LinearScorer:
    """Features mapped linearly into the text space: ridge by cosine, ESZSL by inner product."""

    standardiser: Standardiser
    weight_DT: Array
    bias_T: Array
    embedder: ClassEmbedder
    by_cosine: bool

    def vectors(self, features_ND: Array) -> Array:
        """Vectors (N, T) in the text space, unit ones for cosines."""
        mapped_NT = (self.standardiser(features_ND) @ self.weight_DT + self.bias_T).astype(np.float32)
        return unit(mapped_NT) if self.by_cosine else mapped_NT

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Each clip's mapped vector with each class, (N, K)."""
        return self.vectors(features_ND) @ self.embedder(texts).T

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """The vectors that are compared, and their products."""
        vectors_NT, text_KT = self.vectors(features_ND), self.embedder(texts)
        return {"direct": vectors_NT @ text_KT.T, "vectors": vectors_NT, "text_vectors": text_KT}

    def cost(self, num_classes: int) -> Cost:
        """Of the map and the products."""
        size = self.weight_DT.size
        return Cost(size + self.bias_T.size, size + num_classes * self.bias_T.size)

    def state_dict(self) -> dict[str, Array]:
        """The weights by name."""
        weights = {"weight": self.weight_DT, "bias": self.bias_T}
        return {**weights, **self.standardiser.state_dict(), **self.embedder.state_dict()}


class RidgeScorer(LinearScorer):
    """The same, kept under the names and in the layout (T, D) of a linear layer of torch."""

    def state_dict(self) -> dict[str, Array]:
        """The weights by name."""
        weights = {"linear.weight": self.weight_DT.T, "linear.bias": self.bias_T}
        return {**self.standardiser.state_dict(), **weights, **self.embedder.state_dict()}


def fit_grid(clips: Clips, texts: ClassTexts, params: PenaltyParams) -> Iterator[tuple[RidgeScorer, float]]:
    """One solution a penalty and its mean squared error on the training clips.

    W = (X'X/N + lambda I)^-1 X'Y/N with X standardised and Y centred, in float64.
    """
    embedder = params.embedder(clips, texts)
    y_NT = embedder(texts)[texts.rows(clips.class_ids)].astype(np.float64)
    standardiser, mean_T = Standardiser.of(clips.features_ND, np.inf), y_NT.mean(axis=0)
    x_ND = standardiser(clips.features_ND)
    for penalty in params.lambdas:
        w_DT = ridge_solution(x_ND, y_NT - mean_T, penalty)
        scorer = RidgeScorer(standardiser, w_DT.astype(np.float32), mean_T.astype(np.float32), embedder, by_cosine=True)
        yield scorer, float(np.square(x_ND @ w_DT + mean_T - y_NT).sum(axis=1).mean())


def ridge_solution(x_ND: Doubles, y_NT: Doubles, penalty: float) -> Doubles:
    """The minimiser (D, T) of mean_n |x_n W - y_n|^2 + penalty |W|^2."""
    num_clips, num_features = x_ND.shape
    gram_DD = x_ND.T @ x_ND / num_clips + penalty * np.eye(num_features)
    w_DT: Doubles = np.linalg.solve(gram_DD, x_ND.T @ y_NT / num_clips)
    return w_DT
