"""ReViSE (Tsai, Huang, Salakhutdinov, ICCV 2017): two autoencoders whose codes meet, and a ranking in a common space.

As skelemoa/synse-zsl adapts it to skeletons: four terms of weight 1, a hinge over the wrong classes by the product of
the common vectors, the mean squared errors of both rebuilt inputs, and the distance of the codes' distributions. Where
that code differs from the paper, this follows the paper: there the contractive term has no gradient, trains nothing;
the vectors of classes in the hinge are constants, and the right class counts as a wrong one (which adds a constant). It
divides the rate by ten when the accuracy on the unseen classes stalls; here it falls along a cosine. One decoupled
weight decay applies to all weights; there 1e-3 is added to the gradients of the text side alone.
"""

# Shapes: B clips of a batch, N clips, K classes, D feature size, T text size, C size of a code, H of the common space.
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import mse_loss

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
    unit,
)
from pipeline.models.ranking import rank_loss

NEEDS: Need = "pooled"


class Params(OneTextParams, GradientParams):
    """Texts, networks, loss and optimiser; in the comments what the adapted code has."""

    features: FeatureForm  # log1p
    rectified: bool  # true: rebuilt inputs go through a ReLU, for inputs that are never negative
    text_hidden: int | None = Field(ge=1)  # 512, for texts of 1,024; null, one layer to the code, for word vectors
    code_dim: int = Field(ge=1)  # 100
    common_dim: int = Field(ge=1)  # 50
    margin: float = Field(gt=0)  # 0.3
    contraction: float = Field(ge=0)  # 1e-4
    kernel: float = Field(gt=0)  # 32


class Autoencoder(nn.Module):
    """An input to its code, rebuilt, and in the common space."""

    def __init__(self, sizes: list[int], common_dim: int, rectified: bool) -> None:
        super().__init__()
        self.common_dim = common_dim
        self.encoder = _layers(sizes, rectified=True)
        self.decoder = _layers(sizes[::-1], rectified)
        self.common = nn.Sequential(nn.Linear(sizes[-1], common_dim), nn.Tanh())

    def forward(self, x_BD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Code (B, C), rebuilt input (B, D) and common vector (B, H)."""
        code_BC = self.encoder(x_BD)
        return code_BC, self.decoder(code_BC), self.common(code_BC)

    def meeting(self, x_BD: Tensor) -> Tensor:
        """The common vector (B, H) alone."""
        vector_BH: Tensor = self.common(self.encoder(x_BD))
        return vector_BH


class ReViSE(nn.Module):
    """The autoencoders of clips and of texts."""

    def __init__(self, params: Params, features_ND: Array, text_dim: int) -> None:
        super().__init__()
        self.intake = FeatureTransform(params.features, features_ND)
        inner = [] if params.text_hidden is None else [params.text_hidden]
        visual, text = [features_ND.shape[1], params.code_dim], [text_dim, *inner, params.code_dim]
        self.visual = Autoencoder(visual, params.common_dim, params.rectified)
        self.text = Autoencoder(text, params.common_dim, params.rectified)


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The networks after each kept epoch. DataError for `log1p` of features that have no logarithm."""
    seen = texts.of_clips(clips)
    embedder = params.embedder(clips, texts)
    features_ND, text_KT = torch.from_numpy(clips.features_ND), torch.from_numpy(embedder(seen))
    label_N = torch.from_numpy(seen.rows(clips.class_ids))
    with torch_seeded(seed, "revise"):
        model = ReViSE(params, clips.features_ND, text_KT.shape[1])

    def loss_of(rows: Rows) -> Tensor:
        return batch_loss(model, params, features_ND[rows], text_KT, label_N[rows])

    for setting, loss in train_epochs(model, loss_of, len(features_ND), params, seed):
        scorer = CommonSpaceScorer(model, embedder)
        yield CandidateModel(setting, loss, scorer.scores, scorer, scorer.explained, scorer.cost)


def batch_loss(model: ReViSE, params: Params, features_BD: Tensor, text_KT: Tensor, label_B: Tensor) -> Tensor:
    """The sum of the four terms; a clip's text counts once a clip."""
    x_BD = model.intake(features_BD)
    code_BC, rebuilt_BD, common_BH = model.visual(x_BD)
    text_code_KC, text_rebuilt_KT, text_common_KH = model.text(text_KT)
    return (
        rank_loss(common_BH @ text_common_KH.T, label_B, params.margin)
        + mse_loss(rebuilt_BD, x_BD)
        + params.contraction * steepness(code_BC, next(model.visual.encoder.parameters()))
        + mse_loss(text_rebuilt_KT[label_B], text_KT[label_B])
        + discrepancy(code_BC, text_code_KC[label_B], params.kernel)
    )


def steepness(code_BC: Tensor, weight_CD: Tensor) -> Tensor:
    """Mean over clips of the squared Frobenius norm of d code / d input, of a code relu(W x + b)."""
    is_active_BC = (code_BC > 0).to(weight_CD.dtype)
    return (is_active_BC @ weight_CD.square().sum(dim=1)).mean()


def discrepancy(one_BC: Tensor, other_BC: Tensor, kernel: float) -> Tensor:
    """Squared maximum mean discrepancy of two samples of one size under exp(-kernel x squared distance), biased."""
    within = _kernel_mean(one_BC, one_BC, kernel) + _kernel_mean(other_BC, other_BC, kernel)
    return within - 2 * _kernel_mean(one_BC, other_BC, kernel)


@dataclass(frozen=True)
class CommonSpaceScorer:
    """The trained networks, and the texts of classes beside them."""

    model: ReViSE
    embedder: ClassEmbedder

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Products of the common vectors, (N, K)."""
        return self._clips(features_ND) @ self._classes(texts).T

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """The directions of the common vectors, and their products."""
        vectors_NH, text_KH = self._clips(features_ND), self._classes(texts)
        return {"direct": vectors_NH @ text_KH.T, "vectors": unit(vectors_NH), "text_vectors": unit(text_KH)}

    def cost(self, num_classes: int) -> Cost:
        """Of a clip's way into the common space, and the products."""
        visual = self.model.visual
        macs = dense.macs(visual.encoder, visual.common) + num_classes * visual.common_dim
        return Cost(dense.num_params(self.model), macs)

    def state_dict(self) -> dict[str, Any]:
        """The networks' weights, and the mean texts."""
        return {**self.model.state_dict(), **self.embedder.state_dict()}

    def _clips(self, features_ND: Array) -> Array:
        with torch.no_grad():
            vectors_NH = self.model.visual.meeting(self.model.intake(torch.from_numpy(features_ND)))
        return as_array(vectors_NH)

    def _classes(self, texts: ClassTexts) -> Array:
        with torch.no_grad():
            vectors_KH = self.model.text.meeting(torch.from_numpy(self.embedder(texts)))
        return as_array(vectors_KH)


def _layers(sizes: list[int], rectified: bool) -> nn.Sequential:
    """Linear layers with a ReLU after each, behind the last where `rectified`."""
    pairs = [(nn.Linear(before, after), nn.ReLU()) for before, after in pairwise(sizes)]
    layers = [layer for pair in pairs for layer in pair]
    return nn.Sequential(*(layers if rectified else layers[:-1]))


def _kernel_mean(one_BC: Tensor, other_BC: Tensor, kernel: float) -> Tensor:
    squared_BB = one_BC.square().sum(dim=1)[:, None] + other_BC.square().sum(dim=1) - 2 * one_BC @ other_BC.T
    return torch.exp(-kernel * squared_BB.clamp(min=0)).mean()
