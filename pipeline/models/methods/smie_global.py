"""SMIE without its temporal constraint, as its released code runs on vectors that were computed beforehand.

Clips are normalised in scoring as in training, each by its own mean and deviation; the released code leaves that out
when it scores.
"""

# Shapes: B clips of a batch, D feature size, T text size.
from collections.abc import Iterator

from torch import Tensor

from pipeline.models.methods.shared import CandidateModel, ClassTexts, Clips, Need
from pipeline.models.mutual_information import (
    Discriminator,
    DiscriminatorParams,
    false_pair_term,
    train,
    true_pair_term,
)

NEEDS: Need = "pooled"


class Params(DiscriminatorParams):
    """Texts, network and optimiser."""


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The discriminator after each kept epoch."""
    for setting, loss, judge in train(clips, texts, params, seed, global_loss):
        yield CandidateModel(setting, loss, judge.scores, judge, None, judge.cost)


def global_loss(model: Discriminator, features_BD: Tensor, text_BT: Tensor) -> Tensor:
    """- I."""
    return false_pair_term(model, features_BD, text_BT) - true_pair_term(model, features_BD, text_BT)
