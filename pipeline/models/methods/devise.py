"""DeViSE (Frome et al., NeurIPS 2013): one linear map from features to texts, trained by a hinge rank loss."""

# Shapes: N clips, T text size, K classes.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from pipeline.models.descent import Descent, LinearMap, descend, drawn_from
from pipeline.models.methods.shared import Array, Candidate, ClassTexts, Clips, Cost, Need, Rows, Worded, Wording
from pipeline.models.ranking import rank_loss

NEEDS: Need = "pooled"


class Params(Worded, Descent):
    """Texts, loss and optimiser."""

    margin: float = Field(gt=0)  # 0.1 in the paper


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[Candidate]:
    """The map after each kept epoch. The wrong labels of the loss are the other training classes."""
    seen = texts.of_clips(clips)
    wording = params.wording(clips, texts)
    features_ND, text_KT = torch.from_numpy(clips.features_ND), torch.from_numpy(wording(seen))
    label_N = torch.from_numpy(seen.rows(clips.class_ids))
    with drawn_from(seed, "devise"):
        mapping = LinearMap(clips.features_ND, text_KT.shape[1])

    def loss_of(rows: Rows) -> Tensor:
        return rank_loss(mapping(features_ND[rows]) @ text_KT.T, label_N[rows], params.margin)

    for setting, loss in descend(mapping, loss_of, len(features_ND), params, seed):
        found = Mapped(mapping, wording)
        yield Candidate(setting, loss, found.scores, found, found.explained, found.cost)


@dataclass(frozen=True)
class Mapped:
    """The map, and how classes read beside it. A clip's length, part of the loss, changes no ranking."""

    mapping: LinearMap
    wording: Wording

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Cosines (N, K)."""
        return self.mapping.cosines(features_ND, self.wording(texts))

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """The vectors that are compared, and the cosines."""
        text_KT = self.wording(texts)
        vectors_NT = self.mapping.vectors(features_ND)
        return {"direct": vectors_NT @ text_KT.T, "vectors": vectors_NT, "text_vectors": text_KT}

    def cost(self, num_classes: int) -> Cost:
        """Of the map and the cosines."""
        weight_TD = self.mapping.linear.weight
        return Cost(weight_TD.numel(), weight_TD.numel() + num_classes * len(weight_TD))

    def state_dict(self) -> dict[str, Any]:
        """The map's weights, and the mean texts."""
        return {**self.mapping.state_dict(), **self.wording.state_dict()}
