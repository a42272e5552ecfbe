"""Ridge regression from features to class texts, in closed form; a clip is like the class whose text is nearest.

The regression from visual to semantic space is the plain baseline of zero-shot learning (Palatucci et al. 2009).
"""

from collections.abc import Iterator

from pipeline.models.methods.shared import Candidate, ClassTexts, Clips, Need
from pipeline.models.regression import Penalised, fitted

NEEDS: Need = "pooled"


class Params(Penalised):
    """Which texts are the target, and the penalties to choose from."""


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[Candidate]:  # noqa: ARG001 - no chance in it
    """One solution a penalty."""
    for setting, (found, loss) in zip(params.settings, fitted(clips, texts, params), strict=True):
        yield Candidate(setting, loss, found.scores, found, found.explained, found.cost)
