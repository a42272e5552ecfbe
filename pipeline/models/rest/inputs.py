"""The input of ResT's networks, and the sizes that decide the shapes of their weights."""

# Shapes: N clips, S visual tokens, D size of a token as the frame encoder gives it, W words, 7 = a region's place.
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.core.errors import DataError
from pipeline.models.rest.regions import PLACE_DIM


@dataclass(frozen=True)
class ModelSizes:
    """Sizes that follow from the data; with the params they decide the shape of every weight."""

    token_dim: int  # of a visual token before projection, without its place
    max_tokens: int  # visual tokens of a clip
    places: bool  # tokens are regions, each with its place in space and time
    num_classes: int | None  # of the class head; None = no class head
    num_words: int | None  # of the vocabulary, PAD and MASK included; None = no words
    max_words: int  # words of a name; 0 where there are none

    @property
    def visual_dim(self) -> int:
        """Of a visual token with its place."""
        return self.token_dim + (PLACE_DIM if self.places else 0)


@dataclass(frozen=True)
class VisualTokens:
    """The visual tokens of a batch of clips; `known_NS` is False at padding, which stands behind."""

    token_NSD: Tensor
    known_NS: Tensor | None

    @classmethod
    def of(cls, token_NSD: Tensor, batch: dict[str, Tensor], sizes: ModelSizes) -> "VisualTokens":
        """Tokens with the keys `place` and `known` of a batch. DataError where they do not fit."""
        if sizes.places != ("place" in batch):
            raise DataError("rest: tokens should come with their places exactly where the model was built for places")
        if sizes.places:
            token_NSD = torch.cat([token_NSD, batch["place"].to(token_NSD.dtype)], dim=2)
        if token_NSD.shape[2] != sizes.visual_dim:
            raise DataError(f"rest: tokens of {token_NSD.shape[2]} numbers, this model takes {sizes.visual_dim}")
        if token_NSD.shape[1] > sizes.max_tokens:
            raise DataError(f"rest: clips of {token_NSD.shape[1]} tokens, this model has room for {sizes.max_tokens}")
        return cls(token_NSD, batch.get("known"))

    def last(self) -> Tensor:
        """Index of the last token of each clip before padding; 0 for a clip of padding alone."""
        num_clips, num_tokens = self.token_NSD.shape[:2]
        if self.known_NS is None:
            return torch.full((num_clips,), num_tokens - 1, device=self.token_NSD.device)
        return (self.known_NS.sum(dim=1) - 1).clamp(min=0)
