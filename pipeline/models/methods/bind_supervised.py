"""A text link learned from seen classes, for senses that are bound to a hub that has no text beside it.

Action-SGFA binds senses to the picture tower of a CLIP and reads no text and no label: text comes for free. Where a
dataset has no colour pictures, another sense must be the hub, and nothing ties that to text. This method learns the
tie: a ridge regression from the hub's vectors of the training clips to the texts of their classes. Clips are then
scored by another sense, which `bind` has mapped into the hub's space and which the regression was not fitted to.

Its figures never stand in rows of Action-SGFA, because labels of seen classes are read.
"""

# Shapes: N clips, D size of all vectors of a clip, K classes.
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import model_validator

from pipeline.models.methods.shared import Array, CandidateModel, ClassTexts, Clips, Need, sense_vectors
from pipeline.models.regression import PenaltyParams, RidgeScorer, fit_grid

NEEDS: Need = "pooled"


class Params(PenaltyParams):
    """Which texts are the target, the grid of penalties, and two senses of a store that `bind` joined."""

    learns_from: str  # whose vectors are mapped to the texts of their classes: the hub
    scores: str  # whose vectors are mapped, and compared with the texts, where a clip is recognised

    @model_validator(mode="after")
    def _differ(self) -> "Params":
        if self.learns_from == self.scores:
            raise ValueError(f"learns_from and scores are both '{self.scores}'; that is the method ridge")
        return self

    @property
    def remark(self) -> str:
        """That this is not the method of the paper."""
        return (
            f"This is no row of Action-SGFA: what ties {self.learns_from} to text was learned from the labels of seen "
            f"classes; the clips are recognised by {self.scores}."
        )


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:  # noqa: ARG001 - no chance in it
    """One solution a penalty. Raises DataError for features that do not hold both senses."""
    sense_vectors(clips.features_ND, clips.senses, params.scores)
    hub_clips = replace(clips, features_ND=sense_vectors(clips.features_ND, clips.senses, params.learns_from))
    for setting, (ridge, loss) in zip(params.settings, fit_grid(hub_clips, texts, params), strict=True):
        scorer = OneSenseScorer(ridge, clips.senses, params.scores)
        yield CandidateModel(setting, loss, scorer.scores, ridge, scorer.explained, ridge.cost)


@dataclass(frozen=True)
class OneSenseScorer:
    """The regression, applied to the vectors of one sense."""

    ridge: RidgeScorer
    senses: tuple[str, ...]
    sense: str

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Cosines (N, K)."""
        return self.ridge.scores(sense_vectors(features_ND, self.senses, self.sense), texts)

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """The vectors that are compared, and the cosines."""
        return self.ridge.explained(sense_vectors(features_ND, self.senses, self.sense), texts)
