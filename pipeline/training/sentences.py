"""An encoder learns from what its training classes are called or said to be, as in PGFA (Zhou et al., TIP 2025).

A clip's vector, through a linear map, shall point where the text of its class does; logits are cosines times `scale`.
The loss is the cross entropy of the training classes, or, as PGFA has it, the mean of two Kullback-Leibler divergences
within the batch: of each clip over the texts of the batch's clips, and of each such text over the clips, from what is
uniform over those of its class. The map is thrown away, or kept as the last layer of the encoder, whose vectors then
lie in the space of the texts. A classifier may learn beside it from the vector before the map. Texts of no other class
are read, so what is said of unseen classes changes no weight.
"""

# Shapes: N clips, K training classes, D feature size, T text size.
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.errors import DataError
from pipeline.core.store import Store
from pipeline.models.encoder import encoder_of
from pipeline.models.learning import LossFn
from pipeline.models.mapped import MappedEncoder
from pipeline.models.methods.shared import Array, Centre, ClassEmbedder, TextType, text_weights
from pipeline.models.stored_texts import StoredTexts
from pipeline.models.text_space import TextSpace
from pipeline.training import ranks


class Params(core_params.Params):
    """Which texts teach, and how much."""

    text_type: TextType
    centre: Centre
    scale: float = Field(gt=0)  # of the cosines; PGFA has 1 / .07
    label_weight: float = Field(ge=0)  # of the classifier's loss, beside 1 for the texts'; 0: there is no classifier
    loss: Literal["classes", "batch"]  # over the training classes, or among the clips of each (micro-)batch
    keep_map: bool  # the map becomes the last layer of the encoder that is saved


@dataclass(frozen=True)
class TeachingTexts:
    """The texts of the training classes, unit vectors, how they teach, and where a kept map leads."""

    text_KT: Array
    params: Params
    space: TextSpace | None = None  # None: the map is thrown away


def open_texts(embeddings: Path, dataset: str, class_ids: Collection[int]) -> StoredTexts:
    """The texts of some classes of a dataset. DataError for a store of another dataset."""
    store = Store(embeddings, "embed")
    if (whose := store.attrs["dataset"]) != dataset:
        raise DataError(f"{embeddings}: class texts of '{whose}', not of '{dataset}'; mend taught_by in params.yaml")
    return StoredTexts(store, class_ids)


def teaching_texts(params: Params, texts: StoredTexts, class_ids: Sequence[int], seed: int) -> TeachingTexts:
    """The texts of the training classes.

    DataError for a store without such texts, and where a kept map would lead to texts of unknown weights.
    """
    of_classes = texts.of(class_ids, seed)
    text_KT = ClassEmbedder.of(params.text_type, params.centre, of_classes)(of_classes)
    return TeachingTexts(
        text_KT, params, _space(params, texts.store, seed, text_KT.shape[1]) if params.keep_map else None
    )


def _space(params: Params, store: Store, seed: int, dim: int) -> TextSpace:
    """The space of texts that a kept map leads to."""
    weights_hash = text_weights(store, seed)
    if weights_hash is None:
        raise DataError(
            f"{store.path}: does not say which weights made its vectors, and a kept map must name them; "
            "run `dvc repro embed`"
        )
    return TextSpace(dim=dim, weights_hash=weights_hash, text_type=params.text_type, centre=params.centre)


class Reader(nn.Module):
    """An encoder, a linear map from its vectors to those of texts, and where asked a linear layer over the classes.

    An encoder that is to keep the map brings it (`MappedEncoder`).
    """

    text_KT: Tensor

    def __init__(self, encoder: nn.Module, texts: TeachingTexts) -> None:
        super().__init__()
        num_classes, text_dim = texts.text_KT.shape
        mapped = encoder if isinstance(encoder, MappedEncoder) else MappedEncoder(encoder, text_dim)
        self.encoder, self.map, self.scale = mapped.encoder, mapped.map, texts.params.scale
        dim = encoder_of(self.encoder).dim
        self.register_buffer("text_KT", torch.from_numpy(texts.text_KT), persistent=False)
        self.head = nn.Linear(dim, num_classes) if texts.params.label_weight else None

    def forward(self, x_NCT: Tensor) -> tuple[Tensor, Tensor | None]:
        """logit_NK of the texts, and of the classifier if there is one."""
        feature_ND = self.encoder(x_NCT)
        told_NK = self.scale * nn.functional.normalize(self.map(feature_ND).float(), dim=1) @ self.text_KT.T
        return told_NK, None if self.head is None else self.head(feature_ND)


def loss_of(params: Params, label_smoothing: float) -> LossFn:
    """The loss of a batch of a Reader, and `accuracy`: the share of clips whose own class's text is the nearest."""

    def loss_fn(module: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        told_NK, logit_NK = module(batch["x"])
        if params.loss == "batch":  # of several processes, of all their clips
            loss = within_batch(ranks.gathered(told_NK), ranks.gathered(batch["label"]))
        else:
            loss = nn.functional.cross_entropy(told_NK, batch["label"], label_smoothing=label_smoothing)
        if logit_NK is not None:
            labels = nn.functional.cross_entropy(logit_NK, batch["label"], label_smoothing=label_smoothing)
            loss = loss + params.label_weight * labels
        return loss, {"accuracy": (told_NK.argmax(1) == batch["label"]).float().mean()}

    return loss_fn


def within_batch(told_NK: Tensor, label_N: Tensor) -> Tensor:
    """Mean of the two divergences of a batch, over its clips; `told_NK` are the logits of all training classes."""
    logit_NN = told_NK[:, label_N]  # row: a clip; column: the text of the class of one
    same_NN = (label_N[:, None] == label_N).to(logit_NN.dtype)
    target_NN = same_NN / same_NN.sum(dim=1, keepdim=True)  # symmetric, for a class has as many rows as columns

    def divergence(logit_NN: Tensor) -> Tensor:
        return nn.functional.kl_div(logit_NN.log_softmax(dim=1), target_NN, reduction="batchmean")

    return (divergence(logit_NN) + divergence(logit_NN.T)) / 2
