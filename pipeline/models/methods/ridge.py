"""Ridge regression from features to class texts, in closed form; a clip is like the class whose text is nearest.

The regression from visual to semantic space is the plain baseline of zero-shot learning (Palatucci et al. 2009).
"""

# Shapes: N clips, D feature size, K classes, T text size.
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor

from pipeline.models.methods.shared import Array, Candidate, ClassTexts, Clips, LinearMap, MethodParams, unit

Text = Literal["label", "mean"]


class Params(MethodParams):
    """Which texts are the target, and the penalties to choose from."""

    text_type: Text  # the label's vector, or the mean direction of label and context
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


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[Candidate]:  # noqa: ARG001 - no chance in it
    """One solution a penalty: W = (X'X/N + lambda I)^-1 X'Y/N with X standardised and Y centred, in float64."""
    y_NT = torch.from_numpy(targets(texts, params.text_type)[texts.rows(clips.class_ids)]).double()
    mean_T = y_NT.mean(dim=0)
    for setting, penalty in zip(params.settings, params.lambdas, strict=True):
        mapping = LinearMap(clips.features_ND, y_NT.shape[1], bias=True)
        x_ND = mapping.standardised(torch.from_numpy(clips.features_ND)).double()
        w_DT = solution(x_ND, y_NT - mean_T, penalty)
        mapping.load_state_dict({**mapping.state_dict(), "linear.weight": w_DT.T, "linear.bias": mean_T})
        loss = (x_ND @ w_DT + mean_T - y_NT).square().sum(dim=1).mean().item()
        yield Candidate(setting, loss, partial(_scores, mapping, params.text_type), mapping)


def targets(texts: ClassTexts, text: Text) -> Array:
    """The vectors (K, T) that a clip of each class should be mapped to. Raises DataError without contexts."""
    return texts.label_KT if text == "label" else unit(texts.label_KT + texts.contexts())


def solution(x_ND: Tensor, y_NT: Tensor, penalty: float) -> Tensor:
    """The minimiser (D, T) of mean_n |x_n W - y_n|^2 + penalty |W|^2."""
    num_clips, num_features = x_ND.shape
    gram_DD = x_ND.T @ x_ND / num_clips + penalty * torch.eye(num_features, dtype=x_ND.dtype)
    w_DT: Tensor = torch.linalg.solve(gram_DD, x_ND.T @ y_NT / num_clips)
    return w_DT


def _scores(mapping: LinearMap, text: Text, features_ND: Array, texts: ClassTexts) -> Array:
    return mapping.cosines(features_ND, targets(texts, text))
