"""SMIE without its temporal constraint, as its released code runs on vectors that were computed beforehand.

Clips are scored as they were learnt from, each less its mean and divided by its deviation; the released code leaves
that out when it scores.
"""

# Shapes: B clips of a batch, D feature size, T text size.
from collections.abc import Iterator

from torch import Tensor

from pipeline.models.methods.shared import Candidate, ClassTexts, Clips, Need
from pipeline.models.mutual_information import Discriminator, DiscriminatorParams, judged, of_false, of_true

NEEDS: Need = "pooled"


class Params(DiscriminatorParams):
    """Texts, network and optimiser."""


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[Candidate]:
    """The discriminator after each kept epoch."""
    for setting, loss, judge in judged(clips, texts, params, seed, global_loss):
        yield Candidate(setting, loss, judge.scores, judge, None, judge.cost)


def global_loss(model: Discriminator, features_BD: Tensor, text_BT: Tensor) -> Tensor:
    """- I."""
    return of_false(model, features_BD, text_BT) - of_true(model, features_BD, text_BT)
