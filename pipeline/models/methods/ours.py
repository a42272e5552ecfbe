"""The method of this project: several scorers in closed form, and one that learns no class; the mean of their z-scores.

Ridge, prototypes and ESZSL learn from seen classes how features go with texts. `measured` compares movements measured
in the clip with movements told by the text, both under the names of core.measures. It does not learn what words mean,
so its errors differ from theirs. Which scorers take part is an option, so that every part is an ablation row.
docs/ours.md says how it was chosen.
"""

# Shapes: N clips, D feature size, K classes.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field, field_validator

from pipeline.models import closed_forms
from pipeline.models.closed_forms import MeasuredScorer, Scorer, training_error, z_scores
from pipeline.models.methods.shared import Array, CandidateModel, ClassTexts, Clips, Cost, Need
from pipeline.models.regression import PenaltyParams

NEEDS: Need = "pooled"

ScorerName = Literal["ridge", "prototypes", "eszsl", "measured"]


class Params(PenaltyParams):
    """Which scorers take part, and their constants; `lambdas` are the penalties a clip of ridge and ESZSL."""

    scorers: list[ScorerName] = Field(min_length=1)
    gamma: float = Field(gt=0)  # of prototypes
    text_penalty: float = Field(gt=0)  # of ESZSL
    clip: float = Field(gt=0)  # deviations at which features are clipped

    @field_validator("scorers")
    @classmethod
    def _once(cls, scorers: list[ScorerName]) -> list[ScorerName]:
        if len(set(scorers)) != len(scorers):
            raise ValueError("expected each scorer once")
        return scorers


@dataclass(frozen=True)
class Ensemble:
    """The scorers that take part."""

    scorers: dict[str, Scorer]

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """The mean of the scorers' z-scores, (N, K)."""
        z_scores_of = [z_scores(scorer.scores(features_ND, texts)) for scorer in self.scorers.values()]
        return np.asarray(np.mean(z_scores_of, axis=0), dtype=np.float32)

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """Unit vectors of the movements measured in clips and told by texts; empty without `measured`."""
        measured = [scorer for scorer in self.scorers.values() if isinstance(scorer, MeasuredScorer)]
        return (
            {"vectors": measured[0].clip_vectors(features_ND), "text_vectors": measured[0].text_vectors(texts)}
            if measured
            else {}
        )

    def cost(self, num_classes: int) -> Cost:
        """Of all scorers."""
        costs = [scorer.cost(num_classes) for scorer in self.scorers.values()]
        return Cost(sum(cost.num_params for cost in costs), sum(cost.macs for cost in costs))

    def state_dict(self) -> dict[str, Array]:
        """The weights of all, by scorer."""
        states = {name: scorer.state_dict() for name, scorer in self.scorers.items()}
        return {f"{name}.{key}": array for name, state in states.items() for key, array in state.items()}


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:  # noqa: ARG001 - no chance in it
    """One ensemble a penalty; its loss is the share of training clips whose class does not score best.

    Raises DataError for features that measure no movements, where `measured` takes part.
    """
    for setting, penalty in zip(params.settings, params.lambdas, strict=True):
        ensemble = Ensemble({name: _scorer(name, clips, texts, params, penalty) for name in params.scorers})
        loss = training_error(ensemble, clips, texts)
        yield CandidateModel(setting, loss, ensemble.scores, ensemble, ensemble.explained, ensemble.cost)


def _scorer(name: ScorerName, clips: Clips, texts: ClassTexts, params: Params, penalty: float) -> Scorer:
    if name == "measured":
        return closed_forms.fit_measured(clips, texts)
    embedder = params.embedder(clips, texts)
    if name == "prototypes":
        return closed_forms.fit_prototypes(clips, texts, embedder, params.clip, params.gamma)
    if name == "ridge":
        return closed_forms.fit_ridge(clips, texts, embedder, params.clip, penalty)
    return closed_forms.fit_eszsl(clips, texts, embedder, params.clip, penalty, params.text_penalty)
