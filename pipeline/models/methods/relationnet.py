"""RelationNet (Sung et al., CVPR 2018): a network scores how well a clip and a class match.

As its zero-shot code has it (lzrobots/LearningToCompare_ZSL, CUB): a text goes through two layers into the space of the
features, and joined with a clip's features through two more to a relation between 0 and 1, whose squared distance to
the one-hot label is averaged over a batch's clips and the classes that occur in it. The version for skeletons that
SynSE and DVTA compare with is not public. There the rate is halved every 30,000 steps, and weight decay (1e-5, added to
the gradients) applies to the attribute network alone; here the rate falls along a cosine, and a decoupled decay applies
to all weights.
"""

# Shapes: B clips of a batch, N clips, K classes, D feature size, T text size, H hidden size.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import linear, mse_loss, one_hot

from pipeline.models import dense
from pipeline.models.arrays import as_array
from pipeline.models.feature_transform import FeatureForm, FeatureTransform
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

NEEDS: Need = "pooled"

_NUMBERS_IN_BLOCK = 1 << 24  # of hidden units at a time


class Params(OneTextParams, GradientParams):
    """Texts, networks and optimiser."""

    features: FeatureForm  # raw in the released code
    hidden_dim: int = Field(ge=1)  # 1,200 there


class RelationNet(nn.Module):
    """The attribute network and the relation network."""

    def __init__(self, params: Params, features_ND: Array, text_dim: int) -> None:
        super().__init__()
        feature_dim, hidden_dim = features_ND.shape[1], params.hidden_dim
        self.intake = FeatureTransform(params.features, features_ND)
        self.attribute = nn.Sequential(
            nn.Linear(text_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, feature_dim), nn.ReLU()
        )
        self.joined = nn.Linear(2 * feature_dim, hidden_dim)
        self.relation = nn.Linear(hidden_dim, 1)

    def forward(self, features_ND: Tensor, text_KT: Tensor) -> Tensor:
        """Relations (N, K) between 0 and 1 of every clip and class.

        The first layer reads text and features end to end; its two halves are computed once a class and once a clip.
        """
        feature_dim = features_ND.shape[1]
        weight_HD, other_HD = self.joined.weight[:, :feature_dim], self.joined.weight[:, feature_dim:]
        of_text_KH = linear(self.attribute(text_KT), weight_HD)
        of_clip_NH = linear(self.intake(features_ND), other_HD, self.joined.bias)
        hidden_NKH = torch.relu(of_clip_NH[:, None] + of_text_KH)
        relation_NK: Tensor = torch.sigmoid(self.relation(hidden_NKH).squeeze(2))
        return relation_NK


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The networks after each kept epoch. DataError for `log1p` of features that have no logarithm."""
    seen = texts.of_clips(clips)
    embedder = params.embedder(clips, texts)
    features_ND, text_KT = torch.from_numpy(clips.features_ND), torch.from_numpy(embedder(seen))
    label_N = torch.from_numpy(seen.rows(clips.class_ids))
    with torch_seeded(seed, "relationnet"):
        model = RelationNet(params, clips.features_ND, text_KT.shape[1])

    def loss_of(rows: Rows) -> Tensor:
        return batch_loss(model, features_ND[rows], text_KT, label_N[rows])

    for setting, loss in train_epochs(model, loss_of, len(features_ND), params, seed):
        scorer = RelationScorer(model, embedder)
        yield CandidateModel(setting, loss, scorer.scores, scorer, scorer.explained, scorer.cost)


def batch_loss(model: RelationNet, features_BD: Tensor, text_KT: Tensor, label_B: Tensor) -> Tensor:
    """Mean squared distance of the relations to 1 for the label and 0 for the other classes of the batch."""
    present_C, place_B = torch.unique(label_B, return_inverse=True)
    relation_BC = model(features_BD, text_KT[present_C])
    return mse_loss(relation_BC, one_hot(place_B, len(present_C)).to(relation_BC.dtype))


@dataclass(frozen=True)
class RelationScorer:
    """The trained networks, and the texts of classes beside them."""

    model: RelationNet
    embedder: ClassEmbedder

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Relations (N, K)."""
        text_KT = torch.from_numpy(self.embedder(texts))
        step = max(1, _NUMBERS_IN_BLOCK // (len(text_KT) * self.model.joined.out_features))
        with torch.no_grad():
            blocks = [self.model(block_BD, text_KT) for block_BD in torch.split(torch.from_numpy(features_ND), step)]
        return as_array(torch.cat(blocks))

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """The relations; clips and classes have no vectors in one space."""
        return {"direct": self.scores(features_ND, texts)}

    def cost(self, num_classes: int) -> Cost:
        """Of the clip's half of the joined layer, and the relation with each class."""
        hidden_dim, both = self.model.joined.weight.shape
        return Cost(dense.num_params(self.model), hidden_dim * (both // 2) + num_classes * hidden_dim)

    def state_dict(self) -> dict[str, Any]:
        """The networks' weights, and the mean texts."""
        return {**self.model.state_dict(), **self.embedder.state_dict()}
