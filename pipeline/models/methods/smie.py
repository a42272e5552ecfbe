"""SMIE (Zhou et al., ACM MM 2023): mutual information of clips and texts, lower where movement is hidden.

The temporal constraint: the estimate for true pairs must fall by a margin when the clip is replaced by a variant with
hidden frames; of several variants the mean counts. The released code removes the hidden frames and draws them anew in
every step; the variants of `extract` have them set to 0 and are drawn once. That code scores clips without the
normalisation of training; here they are scored with it.
"""

# Shapes: B clips of a batch, N clips, D feature size, K variants of a clip, T text size.
from collections.abc import Iterator
from functools import partial

from pydantic import Field
from torch import Tensor

from pipeline.models.methods.shared import Array, CandidateModel, ClassTexts, Clips, Need
from pipeline.models.mutual_information import (
    Discriminator,
    DiscriminatorParams,
    PairScorer,
    false_pair_term,
    train,
    true_pair_term,
)

NEEDS: Need = "masked"


class Params(DiscriminatorParams):
    """Texts, network, constraint and optimiser."""

    margin: float = Field(ge=0)  # 0.1 in the paper
    constraint: float = Field(gt=0)  # weight of the temporal constraint, 0.5 in the released code


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The discriminator after each kept epoch."""
    loss_of = partial(constrained_loss, params=params)
    for setting, loss, judge in train(clips, texts, params, seed, loss_of):
        yield CandidateModel(setting, loss, partial(_scores, judge), judge, None, judge.cost)


def _scores(judge: PairScorer, features_NKD: Array, texts: ClassTexts) -> Array:
    """Scores of the clips, not of their variants."""
    return judge.scores(features_NKD[:, 0], texts)


def constrained_loss(model: Discriminator, features_BKD: Tensor, text_BT: Tensor, params: Params) -> Tensor:
    """- I + constraint * max(0, margin - (I - I')), where I' is of the same false pairs, and of true ones of variants.

    `features_BKD` holds the clip itself, then its variants.
    """
    features_BD, variants_BKD = features_BKD[:, 0], features_BKD[:, 1:]
    whole, false = true_pair_term(model, features_BD, text_BT), false_pair_term(model, features_BD, text_BT)
    hidden = true_pair_term(model, variants_BKD, text_BT[:, None].expand(-1, variants_BKD.shape[1], -1))
    return false - whole + params.constraint * (params.margin - (whole - hidden)).clamp(min=0)
