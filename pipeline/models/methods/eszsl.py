"""ESZSL: "An embarrassingly simple approach to zero-shot learning" (Romera-Paredes, Torr, ICML 2015), closed form.

A bilinear map x' V t is fitted to 1 for a clip's class and -1 for the others, with the penalties p (a clip) and q:
V = (X'X + p N I)^-1 X'Y S (S'S + q I)^-1.
"""

from collections.abc import Iterator

from pydantic import Field

from pipeline.models.closed_forms import fit_eszsl, training_error
from pipeline.models.methods.shared import CandidateModel, ClassTexts, Clips, Need
from pipeline.models.regression import PenaltyParams

NEEDS: Need = "pooled"


class Params(PenaltyParams):
    """Which texts, and the penalties: `lambdas`, of features, a clip, to choose from."""

    text_penalty: float = Field(gt=0)  # of texts
    clip: float = Field(gt=0)  # deviations at which features are clipped


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:  # noqa: ARG001 - no chance in it
    """One solution a penalty; its loss is the share of training clips whose class does not score best."""
    embedder = params.embedder(clips, texts)
    for setting, penalty in zip(params.settings, params.lambdas, strict=True):
        scorer = fit_eszsl(clips, texts, embedder, params.clip, penalty, params.text_penalty)
        yield CandidateModel(setting, training_error(scorer, clips, texts), scorer.scores, scorer, cost=scorer.cost)
