"""Zero-shot by text, without any training: a clip is like the class whose text is nearest in the space of both.

That is how CLIP classifies (Radford et al. 2021). The features must come from the tower beside the text encoder.
"""

# Shapes: N clips, D feature size, K classes, T text size.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.core.errors import DataError
from pipeline.models.methods.shared import Array, Candidate, ClassTexts, Clips, MethodParams, unit


class Params(MethodParams):
    """Which texts a clip is compared with."""

    text_type: Annotated[str, Field(min_length=1)]  # a type of class texts, a mean of types, "mean": label and context

    @property
    def trains(self) -> bool:
        """Nothing is learnt."""
        return False

    @property
    def settings(self) -> list[str]:
        """There is nothing to choose."""
        return ["0"]

    @property
    def setting_name(self) -> str:
        """No epoch of training."""
        return "epoch"


@dataclass(frozen=True)
class Nothing:
    """What is learnt."""

    def state_dict(self) -> dict[str, Array]:
        """No weights."""
        return {}


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[Candidate]:  # noqa: ARG001 - no chance in it
    """The one candidate; its loss is the mean of 1 - cosine of a training clip and its class."""

    def cosines(features_ND: Array, some: ClassTexts) -> Array:
        target_KT = some.of_type(params.text_type)
        _check(features_ND, target_KT)
        return unit(features_ND) @ target_KT.T

    of_class_N = cosines(clips.features_ND, texts)[np.arange(len(clips.class_ids)), texts.rows(clips.class_ids)]
    yield Candidate("0", float(1 - of_class_N.mean(dtype=np.float64)), cosines, Nothing())


def _check(features_ND: Array, target_KT: Array) -> None:
    if features_ND.shape[1] != target_KT.shape[1]:
        raise DataError(
            f"cosine: features of {features_ND.shape[1]} numbers, class texts of {target_KT.shape[1]}: they are of "
            "different spaces; in align.rows name features and embeddings of the same CLIP"
        )
