"""PURLS (Zhu et al., CVPR 2024): texts of the parts and phases of an action attend to the tokens of a clip.

A class has several texts, the last of which describes the whole; the paper's are of head, hands, torso, legs, start,
middle, end and the whole. Each text is a query that mixes the tokens (joints by thirds of the time) by attention. A
network maps all mixtures together into the space of the texts, and a contrastive loss over the batch pulls each to its
text. Classes are ranked by the text of the whole alone.

The released code takes the texts of a clip's own class as queries, of test clips too, which gives the label away. Here
every candidate class is scored with its own texts as queries (`queries: class`), although training never pairs a clip
with queries of another class; or all share the mean text of each kind over the training classes (`queries: kind`).
As in that code the scores of the heads are averaged before the softmax, and the learned logarithm of the temperature is
itself the factor. Its learning rate falls when the loss on further clips of seen classes stalls. A method has no such
clips here: the rate stays, or falls along half a cosine.
"""

# Shapes: B clips of a batch, N clips, P tokens, D feature size, K classes, Q classes with queries, S texts of a class,
# T text size, H heads, W size of a head.
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional

from pipeline.core.batches import in_batches
from pipeline.core.errors import DataError
from pipeline.models import dense
from pipeline.models.arrays import as_array
from pipeline.models.gradient_training import GradientParams, torch_seeded, train_epochs
from pipeline.models.methods.shared import (
    Array,
    CandidateModel,
    Centre,
    ClassEmbedder,
    ClassTexts,
    Clips,
    Cost,
    Need,
    Rows,
    TextType,
    mean_texts,
    stacked_texts,
    unit,
)

NEEDS: Need = "tokens"

PAIRS_IN_BLOCK = 1 << 12  # (clip, class) pairs that are scored at once: bounds memory


class Params(GradientParams):
    """Texts, networks and optimiser. The paper: lr 1e-4, no decay, batches of 256, 100 epochs."""

    texts: list[TextType] = Field(min_length=1)  # the last is of the whole action
    centre: Centre
    queries: Literal["class", "kind"]  # a class's own texts, or the mean text of each kind over the training classes
    heads: int = Field(ge=1)  # 2 in the paper
    head_size: int = Field(ge=1)  # 150
    hidden_size: int = Field(ge=1)  # 1024
    hidden_layers: int = Field(ge=0)  # 1 by the released signature, 0 in its configurations
    dropout: float = Field(ge=0, lt=1)  # 0.5
    falling: bool  # the learning rate falls along half a cosine; false: it stays

    @field_validator("texts")
    @classmethod
    def _once(cls, texts: list[str]) -> list[str]:
        if len(set(texts)) != len(texts):
            raise ValueError("expected each of texts once")
        return texts

    @property
    def rates(self) -> list[float]:
        """The learning rate of each epoch."""
        return super().rates if self.falling else [self.lr] * self.epochs


class Network(nn.Module):
    """Tokens and queries of classes -> a vector in the space of the texts for each query."""

    def __init__(self, token_dim: int, text_dim: int, params: Params) -> None:
        super().__init__()
        num_texts, self.num_heads = len(params.texts), params.heads
        self.query = nn.Linear(text_dim, params.heads * params.head_size, bias=False)
        self.key = nn.Linear(token_dim, params.heads * params.head_size, bias=False)
        layers: list[nn.Module] = []
        width = num_texts * token_dim
        for _ in range(1 + params.hidden_layers):
            layers += [*_normed(width, params.dropout), nn.Linear(width, params.hidden_size), nn.SiLU()]
            width = params.hidden_size
        layers += [*_normed(width, params.dropout), nn.Linear(width, num_texts * text_dim), nn.Tanh()]
        self.encoder = nn.Sequential(*layers)
        self.factor_S = nn.Parameter(torch.full((num_texts,), math.log(1 / 0.07)))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_uniform_(layer.weight)

    def forward(self, token_BPD: Tensor, query_BQST: Tensor) -> Tensor:
        """(B, Q, S, T), numbers between -1 and 1."""
        mixed_BQSD = self.attention(token_BPD, query_BQST) @ token_BPD[:, None]
        mapped: Tensor = self.encoder(mixed_BQSD.flatten(2).flatten(0, 1))
        return mapped.reshape(query_BQST.shape)

    def attention(self, token_BPD: Tensor, query_BQST: Tensor) -> Tensor:
        """(B, Q, S, P), which sum to 1 over the tokens: the softmax of the heads' mean score."""
        query_BQSHW = self.query(query_BQST).unflatten(-1, (self.num_heads, -1))
        key_BPHW = self.key(token_BPD).unflatten(-1, (self.num_heads, -1))
        score_BQHSP = torch.einsum("bqshw,bphw->bqhsp", query_BQSHW, key_BPHW) / math.sqrt(query_BQSHW.shape[-1])
        return score_BQHSP.mean(dim=2).softmax(dim=-1)


def _normed(width: int, dropout: float) -> list[nn.Module]:
    return [nn.BatchNorm1d(width), nn.Dropout(dropout)]


def contrastive_loss(mapped_BST: Tensor, text_BST: Tensor, factor_S: Tensor) -> Tensor:
    """Cross entropy of each clip's own text among those of the batch, and back, summed over both and over the texts.

    Other clips of its class count as wrong, though their texts are the same.
    """
    score_SBB = factor_S[:, None, None] * torch.einsum("ast,bst->sab", mapped_BST, text_BST)
    place_SB = torch.arange(len(mapped_BST)).expand(len(factor_S), -1)
    directions = [functional.cross_entropy(score.mT, place_SB, reduction="sum") for score in (score_SBB, score_SBB.mT)]
    return (directions[0] + directions[1]) / len(mapped_BST)


@dataclass(frozen=True)
class PurlsScorer:
    """The network, and the texts of classes beside it."""

    model: Network
    by_class: bool  # whether queries are the texts of each class
    embedders: tuple[ClassEmbedder, ...]  # of each text of a class
    kind_ST: Tensor  # the mean texts of the training classes
    num_tokens: int

    def texts(self, texts: ClassTexts) -> Tensor:
        """Unit vectors (K, S, T)."""
        return torch.from_numpy(stacked_texts(self.embedders, texts, "purls")).transpose(0, 1)

    def mapped(self, token_BPD: Tensor, text_BST: Tensor) -> Tensor:
        """The mapped vector of each clip for each text of its class, (B, S, T)."""
        query_BST = text_BST if self.by_class else self.kind_ST.expand_as(text_BST)
        mapped_BST: Tensor = self.model(token_BPD, query_BST[:, None])[:, 0]
        return mapped_BST

    def scores(self, features: Array, texts: ClassTexts) -> Array:
        """(N, K): products of the mapped vector for the whole action with its text."""
        self.model.eval()
        text_KST = self.texts(texts)
        query_QST = text_KST if self.by_class else self.kind_ST[None]
        step = max(1, PAIRS_IN_BLOCK // len(query_QST))
        blocks = torch.split(torch.from_numpy(features), step)
        with torch.no_grad():
            wholes = [self.model(tokens(block), query_QST.expand(len(block), -1, -1, -1))[:, :, -1] for block in blocks]
        return as_array((torch.cat(wholes) * text_KST[:, -1]).sum(dim=2))

    def cost(self, num_classes: int) -> Cost:
        """Of a clip's keys, and of attention and network, for every class or once; queries are computed beforehand."""
        key, (num_texts, text_dim) = self.model.key, self.kind_ST.shape
        macs_per_query = num_texts * self.num_tokens * (key.out_features + key.in_features)
        macs_per_query += dense.macs(self.model.encoder)
        macs = self.num_tokens * key.weight.numel() + (num_classes if self.by_class else 1) * macs_per_query
        return Cost(dense.num_params(self.model), macs + num_classes * text_dim)

    def state_dict(self) -> dict[str, Any]:
        """The network's weights, the shared queries, and the mean texts."""
        return {**self.model.state_dict(), "kind_texts": self.kind_ST, **mean_texts(self.embedders)}


def tokens(features: Tensor) -> Tensor:
    """Unit vectors (N, P, D) of tokens (N, S, ..., D)."""
    return functional.normalize(features.flatten(1, -2), dim=-1)


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The network after each kept epoch.

    Raises DataError for a type of text that is not there, and where a batch would hold one clip.
    """
    _check_batches(len(clips.class_ids), params.batch_size)
    seen = texts.of_clips(clips)
    embedders = tuple(ClassEmbedder.of(kind, params.centre, seen) for kind in params.texts)
    plain = stacked_texts([ClassEmbedder.of(kind, "none", seen) for kind in params.texts], seen, "purls")
    token_NPD = tokens(torch.from_numpy(clips.features_ND))
    label_N = torch.from_numpy(seen.rows(clips.class_ids))
    with torch_seeded(seed, "purls"):
        model = Network(token_NPD.shape[2], plain.shape[2], params)
    kind_ST = torch.from_numpy(unit(plain.mean(axis=1)))
    scorer = PurlsScorer(model, params.queries == "class", embedders, kind_ST, token_NPD.shape[1])
    text_KST = scorer.texts(seen)

    def loss_of(rows: Rows) -> Tensor:
        text_BST = text_KST[label_N[rows]]
        return contrastive_loss(scorer.mapped(token_NPD[rows], text_BST), text_BST, model.factor_S)

    for setting, loss in train_epochs(model, loss_of, len(token_NPD), params, seed):
        yield CandidateModel(setting, loss, scorer.scores, scorer, None, scorer.cost)


def _check_batches(num_clips: int, batch_size: int) -> None:
    """Batch normalisation takes means over the clips of a batch, and of one clip there is no deviation."""
    if min(len(rows) for rows in in_batches(np.arange(num_clips), batch_size)) < 2:
        raise DataError(
            f"purls: {num_clips} training clips in batches of {batch_size} leave a clip alone in its batch, and batch "
            "normalisation needs two: give it more clips, or another batch_size in align.methods.purls of params.yaml"
        )
