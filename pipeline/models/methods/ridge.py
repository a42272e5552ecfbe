"""Ridge regression from features to class texts, in closed form; a clip belongs to the class of the nearest text.

The regression from visual to semantic space is the plain baseline of zero-shot learning (Palatucci et al. 2009).
"""

from collections.abc import Iterator

from pipeline.models.methods.shared import CandidateModel, ClassTexts, Clips, Need
from pipeline.models.regression import PenaltyParams, fit_grid

NEEDS: Need = "pooled"


class Params(PenaltyParams):
    """Which texts are the target, and the penalties to choose from."""


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:  # noqa: ARG001 - no chance in it
    """One solution a penalty."""
    for setting, (scorer, loss) in zip(params.settings, fit_grid(clips, texts, params), strict=True):
        yield CandidateModel(setting, loss, scorer.scores, scorer, scorer.explained, scorer.cost)
