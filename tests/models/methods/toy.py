"""A toy task for methods that are trained by gradients: 4 classes, 9 clips, few numbers; and how they are asked."""

# Shapes: N clips, D feature size, K classes, T text size.
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import torch

from pipeline.models.methods.shared import Array, CandidateModel, ClassTexts, Clips, unit

N, D, K, T = 9, 6, 4, 5
DESCENT = {"lr": 0.01, "weight_decay": 0.0, "batch_size": 4, "epochs": 3, "keep_every": 3}
# The options of GradientParams, each with another value than in DESCENT.
DESCENT_CHANGED: list[dict[str, object]] = [
    {"lr": 0.02},
    {"weight_decay": 0.5},
    {"batch_size": 9},
    {"epochs": 2},
]


def task() -> tuple[Clips, ClassTexts]:
    """Clips with no negative feature; classes 0 and 2 share a verb."""
    random = np.random.default_rng(1)
    label_KT, verb_KT, noun_KT, hands_KT = (unit(random.normal(size=(K, T)).astype(np.float32)) for _ in range(4))
    verb_KT[2] = verb_KT[0]
    clips = Clips(np.abs(random.normal(size=(N, D))).astype(np.float32), (0, 1, 2, 3, 0, 1, 2, 3, 0))
    further = {"verb": verb_KT, "noun": noun_KT, "hands": hands_KT}
    return clips, ClassTexts(tuple(range(K)), label_KT, None, further)


def trained(method: ModuleType, params: Mapping[str, Any], **changed: object) -> CandidateModel:
    """The last candidate of a training on the task."""
    clips, texts = task()
    candidate: CandidateModel
    *_, candidate = method.candidates(clips, texts, method.Params.model_validate({**params, **changed}), 0)
    return candidate


def change_of_scores(method: ModuleType, params: Mapping[str, Any], changed: Mapping[str, Any]) -> float:
    """How far an option moves the scores of the clips."""
    clips, texts = task()
    one, other = (trained(method, params, **given).score(clips.features_ND, texts) for given in ({}, changed))
    return float(np.abs(one - other).max())


def layers(module: torch.nn.Module) -> list[tuple[Array, Array]]:
    """Weight and bias of its linear layers, in order, in double precision."""
    found = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]
    return [(_double(layer.weight), _double(layer.bias)) for layer in found]


def through(x: Any, weights: tuple[Array, Array], activation: Callable[[Any], Any]) -> Any:
    """One linear layer by hand."""
    weight, bias = weights
    return activation(x @ weight.T + bias)


def relu(x: Any) -> Any:
    """Of any array."""
    return np.maximum(x, 0)


def same(x: Any) -> Any:
    """No activation."""
    return x


def units(x: Any) -> Any:
    """Rows of length 1, in double precision; a row of zeros stays one."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def hinge(score_BK: Any, labels: list[int], margin: float) -> float:
    """The mean over clips of what each wrong class lacks of the margin."""
    return float(
        np.mean(
            [
                sum(max(0.0, margin - row[label] + row[k]) for k in range(len(row)) if k != label)
                for row, label in zip(score_BK, labels, strict=True)
            ]
        )
    )


def _double(values: torch.Tensor) -> Any:
    return values.detach().numpy().astype(np.float64)
