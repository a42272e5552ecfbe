"""DeViSE (Frome et al., NeurIPS 2013): one linear map from features to texts, trained by a hinge rank loss."""

# Shapes: N clips, D feature size, T text size, K classes.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.models.arrays import as_array
from pipeline.models.feature_transform import FeatureTransform
from pipeline.models.gradient_training import GradientParams, torch_seeded, train_epochs
from pipeline.models.methods.shared import (
    Array,
    CandidateModel,
    ClassEmbedder,
    ClassTexts,
    Clips,
    Cost,
    Need,
    OneTextParams,
    Rows,
)
from pipeline.models.ranking import rank_loss

NEEDS: Need = "pooled"


class Params(OneTextParams, GradientParams):
    """Texts, loss and optimiser."""

    margin: float = Field(gt=0)  # 0.1 in the paper


class LinearMap(FeatureTransform):
    """A clip's features, standardised on the training clips, mapped linearly to the text space.

    A feature that is constant in training has scale 0 and says nothing.
    """

    def __init__(self, features_ND: Array, text_dim: int) -> None:
        super().__init__("standardised", features_ND)
        self.linear = nn.Linear(features_ND.shape[1], text_dim, bias=False)

    def forward(self, features_ND: Tensor) -> Tensor:
        """Vectors (N, T) in the text space, of any length."""
        mapped_NT: Tensor = self.linear(super().forward(features_ND))
        return mapped_NT


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The map after each kept epoch. The wrong labels of the loss are the other training classes."""
    seen = texts.of_clips(clips)
    embedder = params.embedder(clips, texts)
    features_ND, text_KT = torch.from_numpy(clips.features_ND), torch.from_numpy(embedder(seen))
    label_N = torch.from_numpy(seen.rows(clips.class_ids))
    with torch_seeded(seed, "devise"):
        mapping = LinearMap(clips.features_ND, text_KT.shape[1])

    def loss_of(rows: Rows) -> Tensor:
        return rank_loss(mapping(features_ND[rows]) @ text_KT.T, label_N[rows], params.margin)

    for setting, loss in train_epochs(mapping, loss_of, len(features_ND), params, seed):
        scorer = MapScorer(mapping, embedder)
        yield CandidateModel(setting, loss, scorer.scores, scorer, scorer.explained, scorer.cost)


@dataclass(frozen=True)
class MapScorer:
    """The map, and the texts of classes beside it. A clip's length, part of the loss, changes no ranking."""

    mapping: LinearMap
    embedder: ClassEmbedder

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Cosines (N, K)."""
        return as_array(self._vectors(features_ND) @ torch.from_numpy(self.embedder(texts)).T)

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """The vectors that are compared, and the cosines."""
        text_KT, vectors_NT = self.embedder(texts), as_array(self._vectors(features_ND))
        return {"direct": vectors_NT @ text_KT.T, "vectors": vectors_NT, "text_vectors": text_KT}

    def cost(self, num_classes: int) -> Cost:
        """Of the map and the cosines."""
        weight_TD = self.mapping.linear.weight
        return Cost(weight_TD.numel(), weight_TD.numel() + num_classes * len(weight_TD))

    def state_dict(self) -> dict[str, Any]:
        """The map's weights, and the mean texts."""
        return {**self.mapping.state_dict(), **self.embedder.state_dict()}

    def _vectors(self, features_ND: Array) -> Tensor:
        """Unit vectors (N, T) in the text space."""
        with torch.no_grad():
            return nn.functional.normalize(self.mapping(torch.from_numpy(features_ND)), dim=1)
