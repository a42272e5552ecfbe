"""Prototypes: an unseen class is composed of seen classes as its text is of theirs, in closed form.

A class's text t is approximated by the texts S of the seen classes with weights w = (S S' + gamma I)^-1 S t; the same
weights compose its prototype from their clips. The stage `transfer` composes a few seen classes, this method all.
"""

from collections.abc import Iterator

from pydantic import Field

from pipeline.models.closed_forms import fit_prototypes, training_error
from pipeline.models.methods.shared import CandidateModel, ClassTexts, Clips, Grid, Need, OneTextParams

NEEDS: Need = "pooled"


class Params(OneTextParams):
    """Which texts are composed, and how freely."""

    gammas: Grid  # the larger, the evener weights
    clip: float = Field(gt=0)  # deviations at which features are clipped

    @property
    def settings(self) -> list[str]:
        """The values of gamma."""
        return [str(gamma) for gamma in self.gammas]

    @property
    def setting_name(self) -> str:
        """Settings are values of gamma."""
        return "gamma"


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:  # noqa: ARG001 - no chance in it
    """One solution a gamma; its loss is the share of training clips whose class does not score best."""
    embedder = params.embedder(clips, texts)
    for setting, gamma in zip(params.settings, params.gammas, strict=True):
        scorer = fit_prototypes(clips, texts, embedder, params.clip, gamma)
        yield CandidateModel(setting, training_error(scorer, clips, texts), scorer.scores, scorer, cost=scorer.cost)
