"""Ridge regression from vectors of clips to the texts of their classes, in closed form, for a grid of penalties."""

# Shapes: N clips, D feature size, K classes, T text size.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from pipeline.models.methods.shared import (
    Array,
    ClassTexts,
    Clips,
    Cost,
    Worded,
    Wording,
    standardisation,
    unit,
)

Doubles = npt.NDArray[np.float64]


class Penalised(Worded):
    """Which texts are the target, and the penalties to choose from."""

    lambdas: list[Annotated[float, Field(gt=0)]] = Field(min_length=1)  # penalty a clip: 1 = as strong as unit features

    @field_validator("lambdas")
    @classmethod
    def _ascend(cls, lambdas: list[float]) -> list[float]:
        if lambdas != sorted(set(lambdas)):
            raise ValueError("expected ascending values, each once")
        return lambdas

    @property
    def settings(self) -> list[str]:
        """The penalties."""
        return [str(penalty) for penalty in self.lambdas]

    @property
    def setting_name(self) -> str:
        """They are values of lambda."""
        return "lambda"


@dataclass(frozen=True)
class Regression:
    """A clip's features, standardised on the training clips, mapped linearly to the text space."""

    mean_D: Array
    scale_D: Array
    weight_TD: Array
    bias_T: Array
    wording: Wording  # of the classes that it is asked about

    def vectors(self, features_ND: Array) -> Array:
        """Unit vectors (N, T) in the text space."""
        mapped_NT = standardised(features_ND, self.mean_D, self.scale_D) @ self.weight_TD.T + self.bias_T
        return unit(mapped_NT.astype(np.float32))

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Cosine of each clip's mapped vector with each class, (N, K)."""
        return self.vectors(features_ND) @ self.wording(texts).T

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """The vectors that are compared, and the cosines."""
        vectors_NT, text_KT = self.vectors(features_ND), self.wording(texts)
        return {"direct": vectors_NT @ text_KT.T, "vectors": vectors_NT, "text_vectors": text_KT}

    def cost(self, num_classes: int) -> Cost:
        """Of the map and the cosines."""
        size = self.weight_TD.size
        return Cost(size + self.bias_T.size, size + num_classes * self.bias_T.size)

    def state_dict(self) -> dict[str, Array]:
        """The weights by name."""
        weights = {"linear.weight": self.weight_TD, "linear.bias": self.bias_T}
        return {"mean": self.mean_D, "scale": self.scale_D, **weights, **self.wording.state_dict()}


def fitted(clips: Clips, texts: ClassTexts, params: Penalised) -> Iterator[tuple[Regression, float]]:
    """One solution a penalty and its mean squared error on the training clips.

    W = (X'X/N + lambda I)^-1 X'Y/N with X standardised and Y centred, in float64.
    """
    wording = params.wording(clips, texts)
    y_NT = wording(texts)[texts.rows(clips.class_ids)].astype(np.float64)
    mean_D, scale_D = standardisation(clips.features_ND)
    mean_T = y_NT.mean(axis=0)
    x_ND = standardised(clips.features_ND, mean_D, scale_D)
    for penalty in params.lambdas:
        w_DT = solution(x_ND, y_NT - mean_T, penalty)
        found = Regression(mean_D, scale_D, w_DT.T.astype(np.float32), mean_T.astype(np.float32), wording)
        yield found, float(np.square(x_ND @ w_DT + mean_T - y_NT).sum(axis=1).mean())


def standardised(features_ND: Array, mean_D: Array, scale_D: Array) -> Doubles:
    """Features with mean 0 and deviation 1 on the training clips."""
    return ((features_ND - mean_D) * scale_D).astype(np.float64)


def solution(x_ND: Doubles, y_NT: Doubles, penalty: float) -> Doubles:
    """The minimiser (D, T) of mean_n |x_n W - y_n|^2 + penalty |W|^2."""
    num_clips, num_features = x_ND.shape
    gram_DD = x_ND.T @ x_ND / num_clips + penalty * np.eye(num_features)
    w_DT: Doubles = np.linalg.solve(gram_DD, x_ND.T @ y_NT / num_clips)
    return w_DT
