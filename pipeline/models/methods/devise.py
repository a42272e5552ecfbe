"""DeViSE (Frome et al., NeurIPS 2013): one linear map from features to texts, trained by a hinge rank loss."""

# Shapes: B clips of a batch, N clips, K classes.
from collections.abc import Iterator
from functools import partial

import torch
from pydantic import Field
from torch import Tensor

from pipeline.models.descent import Descent, LinearMap, descend, drawn_from
from pipeline.models.methods.shared import Array, Candidate, ClassTexts, Clips, Rows


class Params(Descent):
    """Loss and optimiser."""

    margin: float = Field(gt=0)  # 0.1 in the paper


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[Candidate]:
    """The map after each kept epoch. The wrong labels of the loss are the other training classes."""
    seen = texts.of(sorted(set(clips.class_ids)))
    features_ND, label_KT = torch.from_numpy(clips.features_ND), torch.from_numpy(seen.label_KT)
    label_N = torch.from_numpy(seen.rows(clips.class_ids))
    with drawn_from(seed, "devise"):
        mapping = LinearMap(clips.features_ND, label_KT.shape[1])

    def loss_of(rows: Rows) -> Tensor:
        return rank_loss(mapping(features_ND[rows]) @ label_KT.T, label_N[rows], params.margin)

    for setting, loss in descend(mapping, loss_of, len(features_ND), params, seed):
        yield Candidate(setting, loss, partial(_scores, mapping), mapping)


def rank_loss(score_BK: Tensor, label_B: Tensor, margin: float) -> Tensor:
    """Mean over clips of the sum over wrong labels j of max(0, margin - score of the label + score of j)."""
    right_B1 = score_BK.gather(1, label_B[:, None])
    is_wrong_BK = torch.ones_like(score_BK).scatter(1, label_B[:, None], 0.0)
    return ((margin - right_B1 + score_BK).clamp(min=0) * is_wrong_BK).sum(dim=1).mean()


def _scores(mapping: LinearMap, features_ND: Array, texts: ClassTexts) -> Array:
    """Cosines: a clip's length, part of the loss, changes no ranking."""
    return mapping.cosines(features_ND, texts.label_KT)
