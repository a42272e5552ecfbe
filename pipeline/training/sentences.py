"""An encoder learns from what its training classes are called or said to be, as in PGFA (TIP 2025).

A clip's vector, through a linear map that is thrown away, shall point where the text of its class does: the loss is the
cross entropy of the training classes, whose logits are the cosines times `scale`. A classifier may learn beside it from
the same vector. Texts of no other class are read, so what is said of unseen classes changes no weight.
"""

# Shapes: N clips, K training classes, D feature size, T text size.
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.errors import DataError
from pipeline.core.store import Store
from pipeline.models.encoder import encoder_of
from pipeline.models.learning import LossFn
from pipeline.models.methods.shared import Array, Centre, TextType, Wording, class_texts


class Params(core_params.Params):
    """Which texts teach, and how much."""

    text_type: TextType
    centre: Centre
    scale: float = Field(gt=0)  # of the cosines; PGFA has 1 / .07
    label_weight: float = Field(ge=0)  # of the classifier's loss, beside 1 for the texts'; 0: there is no classifier


@dataclass(frozen=True)
class Told:
    """The texts of the training classes, unit vectors, and how they teach."""

    text_KT: Array
    params: Params


def read(params: Params, embeddings: Path, dataset: str, class_ids: Sequence[int], seed: int) -> Told:
    """The texts of the training classes. DataError for a store of another dataset or without such texts."""
    store = Store(embeddings, "embed")
    if (whose := store.attrs["dataset"]) != dataset:
        raise DataError(f"{embeddings}: class texts of '{whose}', not of '{dataset}'; mend taught_by in params.yaml")
    texts = class_texts(store, class_ids, seed)
    return Told(Wording.of(params.text_type, params.centre, texts)(texts), params)


class Reader(nn.Module):
    """An encoder, a linear map from its vectors to those of texts, and where asked a linear layer over the classes."""

    text_KT: Tensor

    def __init__(self, encoder: nn.Module, told: Told) -> None:
        super().__init__()
        self.encoder, self.scale = encoder, told.params.scale
        num_classes, text_dim = told.text_KT.shape
        dim = encoder_of(encoder).dim
        self.register_buffer("text_KT", torch.from_numpy(told.text_KT), persistent=False)
        self.map = nn.Linear(dim, text_dim)
        self.head = nn.Linear(dim, num_classes) if told.params.label_weight else None

    def forward(self, x_NCT: Tensor) -> tuple[Tensor, Tensor | None]:
        """logit_NK of the texts, and of the classifier if there is one."""
        feature_ND = self.encoder(x_NCT)
        told_NK = self.scale * nn.functional.normalize(self.map(feature_ND).float(), dim=1) @ self.text_KT.T
        return told_NK, None if self.head is None else self.head(feature_ND)


def loss_of(params: Params, label_smoothing: float) -> LossFn:
    """The loss of a batch of a Reader, and `accuracy`: the share of clips whose own class's text is the nearest."""

    def loss_fn(module: nn.Module, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        told_NK, logit_NK = module(batch["x"])
        loss = nn.functional.cross_entropy(told_NK, batch["label"], label_smoothing=label_smoothing)
        if logit_NK is not None:
            labels = nn.functional.cross_entropy(logit_NK, batch["label"], label_smoothing=label_smoothing)
            loss = loss + params.label_weight * labels
        return loss, {"accuracy": (told_NK.argmax(1) == batch["label"]).float().mean()}

    return loss_fn
