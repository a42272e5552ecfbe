"""SMIE (Zhou et al., ACM MM 2023): the mutual information of clips and texts, estimated by a discriminator of pairs.

The network (the global discriminator) reads a clip and a text. The estimate is that of Jensen and Shannon, without its
constant: the mean of -softplus(-D) over true pairs, minus the mean of softplus(D) over false ones. False pairs are made
by rolling the clips of a batch by one, whatever their classes.
"""

# Shapes: B clips of a batch, N clips, D feature size, K classes or variants of a clip, T text size.
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models import dense
from pipeline.models.arrays import as_array
from pipeline.models.gradient_training import WarmupParams, torch_seeded, train_epochs
from pipeline.models.methods.shared import Array, ClassEmbedder, ClassTexts, Clips, Cost, OneTextParams, Rows

PAIRS_IN_BLOCK = 1 << 14  # (clip, class) pairs that are scored at once: bounds memory


class DiscriminatorParams(OneTextParams, WarmupParams):
    """Texts, network and optimiser. The paper: lr 1e-5, no decay, batches of 128, 100 epochs, 15 to warm up."""

    widths: list[int] = Field(min_length=1)  # of the hidden layers; [1024, 512] in the paper


class Discriminator(nn.Module):
    """Layer-normalised features of clips, joined with texts -> one number a pair."""

    def __init__(self, feature_dim: int, text_dim: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        sizes = [feature_dim + text_dim, *widths, 1]
        self.layers = nn.ModuleList(nn.Linear(size, following) for size, following in pairwise(sizes))

    def forward(self, features: Tensor, texts: Tensor) -> Tensor:
        """One number for each (..., D) beside (..., T)."""
        x = torch.cat([functional.layer_norm(features, (self.feature_dim,)), texts], dim=-1)
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x))
        pair: Tensor = self.layers[-1](x).squeeze(-1)
        return pair


def true_pair_term(model: Discriminator, features: Tensor, texts: Tensor) -> Tensor:
    """The part of the estimate from clips with the texts of their classes."""
    return -functional.softplus(-model(features, texts)).mean()


def false_pair_term(model: Discriminator, features_BD: Tensor, text_BT: Tensor) -> Tensor:
    """The part to be subtracted: from each text with the next clip."""
    return functional.softplus(model(features_BD.roll(-1, dims=0), text_BT)).mean()


@dataclass(frozen=True)
class PairScorer:
    """The network, and the texts of classes beside it."""

    model: Discriminator
    embedder: ClassEmbedder

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """(N, K): -softplus(-D) of every pair, the logarithm of the probability that it is a true one."""
        return np.concatenate(list(self._blocks(torch.from_numpy(features_ND), torch.from_numpy(self.embedder(texts)))))

    def cost(self, num_classes: int) -> Cost:
        """Of the network, run for every class."""
        return Cost(dense.num_params(self.model), num_classes * dense.macs(self.model))

    def state_dict(self) -> dict[str, Any]:
        """The network's weights, and the mean texts."""
        return {**self.model.state_dict(), **self.embedder.state_dict()}

    def _blocks(self, features_ND: Tensor, text_KT: Tensor) -> Iterator[Array]:
        step = max(1, PAIRS_IN_BLOCK // len(text_KT))
        with torch.no_grad():
            for some_BD in torch.split(features_ND, step):
                pairs = (len(some_BD), len(text_KT), -1)
                output_BK = self.model(some_BD[:, None].expand(*pairs), text_KT.expand(*pairs))
                yield as_array(-functional.softplus(-output_BK))


def train(
    clips: Clips,
    texts: ClassTexts,
    params: DiscriminatorParams,
    seed: int,
    loss_of: Callable[[Discriminator, Tensor, Tensor], Tensor],
) -> Iterator[tuple[str, float, PairScorer]]:
    """Train; yields each kept epoch, its loss and a scorer. `loss_of` takes features and texts (B, T) of a batch."""
    seen, embedder = texts.of_clips(clips), params.embedder(clips, texts)
    text_NT = torch.from_numpy(embedder(seen)[seen.rows(clips.class_ids)])
    features = torch.from_numpy(clips.features_ND)
    with torch_seeded(seed, "smie"):
        model = Discriminator(features.shape[-1], text_NT.shape[1], params.widths)

    def of_rows(rows: Rows) -> Tensor:
        return loss_of(model, features[rows], text_NT[rows])

    scorer = PairScorer(model, embedder)
    for setting, loss in train_epochs(model, of_rows, len(features), params, seed):
        yield setting, loss, scorer
