"""PGFA (Zhou et al., TIP 2025) at inference: clips by their cosine with texts, or with prototypes made of clips.

Its encoder is trained with the texts, end to end, by `pretrain` with `text`, `loss: batch` and `keep_map: true`; here
nothing is trained. Without prototypes (`prototypes: null`) scores are cosines with the texts. With prototypes, clips
are first classified by text. Of the clips assigned to a class the most certain ones, a share called the support factor,
rounded down, represent it: those with the least entropy of the softmax of cosines times `scale` over the candidate
classes. The mean of their unit vectors replaces the text, and all clips are classified again. A class keeps its text
where the share is below one clip.

That is transductive: the scores of a clip depend on the clips scored with it. The same holds for the scores by which a
share is chosen (clips of val classes, or of a fold, are a set of their own) and for gates. The test clips of a label
space are one set; with few clips, scores are little more than those of the texts. The order of clips does not matter.

The released code chooses the share by dataset (.9, .4, 1) and the epoch by the accuracy on unseen test clips; here a
share is chosen like every setting. The factor of cosines before its entropy is not public; `scale` sets it.
"""

# Shapes: N clips, D size of their vectors and of the texts, K classes.
import math
from collections.abc import Iterator
from functools import partial
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core import params as parameters
from pipeline.core.errors import DataError
from pipeline.models.methods.shared import (
    ASCENDING,
    Array,
    CandidateModel,
    Centre,
    ClassEmbedder,
    ClassTexts,
    Clips,
    Cost,
    Need,
    OneTextParams,
    unit,
)

NEEDS: Need = "pooled"

_Doubles = npt.NDArray[np.float64]
_ROUNDING = 1e-9  # .29 of 100 clips are 29, though the product is a little less


class Prototypes(parameters.Params):
    """How clips are made into prototypes of classes."""

    support_factors: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1), ASCENDING]  # shares
    scale: float = Field(gt=0)  # of the cosines, before the softmax whose entropy ranks clips by certainty


class Params(OneTextParams):
    """Which texts a clip is compared with, and whether prototypes then replace them."""

    prototypes: Prototypes | None  # None: the texts alone, and each clip by itself

    @property
    def trains(self) -> bool:
        """Nothing is trained."""
        return False

    @property
    def compares(self) -> tuple[str, Centre]:
        """The texts that the encoder was trained with."""
        return self.text_type, self.centre

    @property
    def transductive(self) -> bool:
        """Prototypes are made of the clips that are scored."""
        return self.prototypes is not None

    @property
    def settings(self) -> list[str]:
        """The shares; without prototypes there is nothing to choose."""
        return ["0"] if self.prototypes is None else [str(share) for share in self.prototypes.support_factors]

    @property
    def setting_name(self) -> str:
        """The share of clips; "epoch" without prototypes."""
        return "epoch" if self.prototypes is None else "share of the clips"


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:  # noqa: ARG001 - no chance in it
    """One candidate a share; its loss is the mean of 1 - cosine of a training clip and its class's text."""
    embedder = params.embedder(clips, texts)
    cosine_NK = _cosines(embedder, clips.features_ND, texts)
    of_class_N = cosine_NK[np.arange(len(clips.class_ids)), texts.rows(clips.class_ids)]
    loss = float(1 - of_class_N.mean(dtype=np.float64))
    if params.prototypes is None:
        score, explain = partial(_cosines, embedder), partial(_explained, embedder)
        yield CandidateModel("0", loss, score, embedder, explain, partial(_cost, embedder, texts))
        return
    for setting, share in zip(params.settings, params.prototypes.support_factors, strict=True):
        yield CandidateModel(setting, loss, partial(_guided, embedder, share, params.prototypes.scale), embedder)


def _guided(embedder: ClassEmbedder, share: float, scale: float, features_ND: Array, texts: ClassTexts) -> Array:
    """Cosines with the prototypes. Clips are sorted by their bytes, so that sums do not depend on their order."""
    order_N = np.array(sorted(range(len(features_ND)), key=lambda row: features_ND[row].tobytes()), dtype=np.int64)
    text_KD = embedder(texts)
    _check_sizes(features_ND, text_KD)
    unit_ND = unit(features_ND[order_N]).astype(np.float64)
    prototype_KD = prototypes(unit_ND, text_KD.astype(np.float64), share, scale)
    score_NK = np.empty((len(features_ND), len(text_KD)), np.float32)
    score_NK[order_N] = unit_ND @ prototype_KD.T
    return score_NK


def prototypes(unit_ND: _Doubles, text_KD: _Doubles, share: float, scale: float) -> _Doubles:
    """One unit vector a class: the mean of its most certain clips, or its text."""
    logit_NK = scale * unit_ND @ text_KD.T
    log_NK = logit_NK - logit_NK.max(axis=1, keepdims=True)
    log_NK -= np.log(np.exp(log_NK).sum(axis=1, keepdims=True))
    entropy_N, assigned_N = -(np.exp(log_NK) * log_NK).sum(axis=1), logit_NK.argmax(axis=1)
    prototype_KD = text_KD.copy()
    for k in range(len(text_KD)):
        assigned = np.flatnonzero(assigned_N == k)
        if num_kept := math.floor(share * len(assigned) + _ROUNDING):
            surest = assigned[np.argsort(entropy_N[assigned], kind="stable")[:num_kept]]
            mean_D = unit_ND[surest].mean(axis=0)
            prototype_KD[k] = mean_D / (np.linalg.norm(mean_D) or 1.0)
    return prototype_KD


def _cosines(embedder: ClassEmbedder, features_ND: Array, texts: ClassTexts) -> Array:
    text_KD = embedder(texts)
    _check_sizes(features_ND, text_KD)
    return unit(features_ND) @ text_KD.T


def _explained(embedder: ClassEmbedder, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
    """The vectors that are compared, and the cosines."""
    direct_NK = _cosines(embedder, features_ND, texts)
    return {"direct": direct_NK, "vectors": unit(features_ND), "text_vectors": embedder(texts)}


def _cost(embedder: ClassEmbedder, texts: ClassTexts, num_classes: int) -> Cost:
    """Of the cosines; nothing is trained."""
    return Cost(0, num_classes * embedder(texts).shape[1])


def _check_sizes(features_ND: Array, text_KD: Array) -> None:
    if features_ND.shape[1] != text_KD.shape[1]:
        raise DataError(
            f"pgfa: features of {features_ND.shape[1]} numbers, class texts of {text_KD.shape[1]}: they are of "
            "different spaces; in align.rows name features of an encoder that keeps its map (pretrain: text.keep_map) "
            "and the embeddings that taught it"
        )
