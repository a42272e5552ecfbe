"""SMIE without its temporal constraint, as its released code runs on vectors that were computed beforehand.

Clips are scored as they were learnt from, each less its mean and divided by its deviation; the released code leaves
that out when it scores.
"""

# Shapes: N clips, T text size.
from collections.abc import Iterator

import torch
from torch import Tensor

from pipeline.models.descent import descend, drawn_from
from pipeline.models.methods.shared import Candidate, ClassTexts, Clips, Need, Rows
from pipeline.models.mutual_information import Discriminator, DiscriminatorParams, Judge, of_false, of_true

NEEDS: Need = "pooled"


class Params(DiscriminatorParams):
    """Texts, network and optimiser."""


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[Candidate]:
    """The discriminator after each kept epoch."""
    seen, wording = texts.of_clips(clips), params.wording(clips, texts)
    text_NT = torch.from_numpy(wording(seen)[seen.rows(clips.class_ids)])
    features_ND = torch.from_numpy(clips.features_ND)
    with drawn_from(seed, "smie"):
        model = Discriminator(features_ND.shape[1], text_NT.shape[1], params.widths)

    def loss_of(rows: Rows) -> Tensor:
        clips_and_texts = features_ND[rows], text_NT[rows]
        return of_false(model, *clips_and_texts) - of_true(model, *clips_and_texts)

    judge = Judge(model, wording)
    for setting, loss in descend(model, loss_of, len(features_ND), params, seed):
        yield Candidate(setting, loss, judge.scores, judge, None, judge.cost)
