"""Zero-shot by text, without training: a clip belongs to the class whose text is nearest in their common space.

CLIP classifies like this (Radford et al. 2021), and Action-SGFA does for every sense that is bound to CLIP's pictures.
The features must come from the CLIP of the text encoder, be bound to it, or come from an encoder that has kept its map
to these texts. The vectors of several senses can be fused; the weights of the senses are then the only choice.
"""

# Shapes: N clips, S senses, D size of a sense's vector, K classes.
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from pipeline.core import params as parameters
from pipeline.core.errors import DataError
from pipeline.models.methods.shared import (
    Array,
    CandidateModel,
    Centre,
    ClassTexts,
    Clips,
    Cost,
    MethodParams,
    Need,
    split_senses,
    unit,
)

NEEDS: Need = "pooled"

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Fusion(parameters.Params):
    """Senses whose vectors are joined in this order, and the weights to choose from: one number a sense."""

    senses: list[str] = Field(min_length=2)
    weights: list[list[Weight]] = Field(min_length=1)

    @model_validator(mode="after")
    def _fit(self) -> "Fusion":
        if len(set(self.senses)) != len(self.senses):
            raise ValueError("senses: expected each once")
        if any(len(vector) != len(self.senses) or not any(vector) for vector in self.weights):
            raise ValueError(f"weights: expected {len(self.senses)} numbers each time, not all of them 0")
        if len({tuple(vector) for vector in self.weights}) != len(self.weights):
            raise ValueError("weights: expected each choice once")
        return self


class Params(MethodParams):
    """Which texts a clip is compared with, and how vectors of several senses are fused."""

    text_type: Annotated[str, Field(min_length=1)]  # a type of class texts, a mean of types, "mean": label and context
    fusion: Fusion | None  # None: the features are of one encoder

    @property
    def trains(self) -> bool:
        """Nothing is trained."""
        return False

    @property
    def compares(self) -> tuple[str, Centre]:
        """The texts as they are."""
        return self.text_type, "none"

    @property
    def settings(self) -> list[str]:
        """The weights of the senses; without them there is nothing to choose."""
        if self.fusion is None:
            return ["0"]
        return [
            " + ".join(f"{weight} {sense}" for weight, sense in zip(vector, self.fusion.senses, strict=True))
            for vector in self.fusion.weights
        ]

    @property
    def setting_name(self) -> str:
        """The weights of senses; "epoch" without them."""
        return "weights" if self.fusion else "epoch"


@dataclass(frozen=True)
class FusedScorer:
    """Vectors of clips, fused with the chosen weights."""

    weight_S: Array  # empty, where the features are of one encoder

    def vectors(self, features: Array) -> Array:
        """One unit vector a clip, (N, D): the normalised weighted sum of the unit vectors of its senses."""
        if not len(self.weight_S):
            return unit(features)
        vectors_NSD = unit(split_senses(features, len(self.weight_S)))
        return unit(np.einsum("s,nsd->nd", self.weight_S, vectors_NSD))

    def state_dict(self) -> dict[str, Array]:
        """The weights of the senses."""
        return {"fusion": self.weight_S} if len(self.weight_S) else {}


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:  # noqa: ARG001 - no chance in it
    """One candidate model a choice of weights; its loss is the mean of 1 - cosine of a training clip and its class.

    Raises DataError for features of other senses than `fusion` names.
    """
    _check_senses(clips.senses, params.fusion)
    choices: list[list[float]] = params.fusion.weights if params.fusion else [[]]
    for setting, weights in zip(params.settings, choices, strict=True):
        scorer = FusedScorer(np.array(weights, np.float32))
        cosine_NK = _cosines(scorer, params.text_type, clips.features_ND, texts)
        of_class_N = cosine_NK[np.arange(len(clips.class_ids)), texts.rows(clips.class_ids)]
        loss = float(1 - of_class_N.mean(dtype=np.float64))
        score, explain = partial(_cosines, scorer, params.text_type), partial(_explained, scorer, params.text_type)
        yield CandidateModel(setting, loss, score, scorer, explain, partial(_cost, params.text_type, texts))


def _explained(fused: FusedScorer, text_type: str, features: Array, texts: ClassTexts) -> dict[str, Array]:
    """The vectors that are compared, and the cosines."""
    vectors = {"vectors": fused.vectors(features), "text_vectors": texts.of_type(text_type)}
    return {"direct": _cosines(fused, text_type, features, texts), **vectors}


def _cost(text_type: str, texts: ClassTexts, num_classes: int) -> Cost:
    """Of the cosines; nothing is trained."""
    return Cost(0, num_classes * texts.of_type(text_type).shape[1])


def _cosines(fused: FusedScorer, text_type: str, features: Array, texts: ClassTexts) -> Array:
    target_KD = texts.of_type(text_type)
    vectors_ND = fused.vectors(features)
    if vectors_ND.shape[1] != target_KD.shape[1]:
        raise DataError(
            f"cosine: features of {vectors_ND.shape[1]} numbers, class texts of {target_KD.shape[1]}: they are of "
            "different spaces; in align.rows name features and embeddings of the same CLIP"
        )
    return vectors_ND @ target_KD.T


def _check_senses(senses: tuple[str, ...], fusion: Fusion | None) -> None:
    if fusion is None:
        if len(senses) > 1:
            raise DataError(
                f"cosine: the features join the senses {list(senses)}; name them and their weights in `fusion` of the "
                "variant, or features of one sense"
            )
    elif len(senses) < 2:
        raise DataError(
            f"cosine: fusion joins {fusion.senses}, but the features are of one encoder; name a "
            "fused store of bind, or a variant with `fusion: null`"
        )
    elif list(senses) != fusion.senses:
        raise DataError(
            f"cosine: fusion joins {fusion.senses}, but the features hold {list(senses)}; name them in `fusion` in "
            "that order"
        )
