"""E2E (Brattoli et al., CVPR 2020), ResT's rival: a CNN that regresses to the vector of the class name."""

# Shapes: N clips, T frames, S visual tokens, D size of a token, E size of a label vector.
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.core import params as core_params
from pipeline.models.rest.frames import FrameEncoder


class E2EParams(core_params.Params):
    """Dropout before the linear layer; .05 in the authors' code."""

    kind: Literal["e2e"]
    dropout: float = Field(ge=0, lt=1)


class E2E(nn.Module):
    """A batch with `x` -> predicted_NE: the mean of the clip's tokens, and one linear layer.

    `x` holds frames, or tokens (N, S, D) where `frames` is None; of tokens `known` (N, S) is False at padding.
    """

    def __init__(self, params: E2EParams, frames: FrameEncoder | None, token_dim: int, vector_dim: int) -> None:
        super().__init__()
        self.frames = frames
        self.dropout = nn.Dropout(params.dropout)
        self.regress = nn.Linear(token_dim, vector_dim)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """predicted_NE."""
        token_NSD = batch["x"] if self.frames is None else self.frames(batch["x"])
        known_NS = batch.get("known", torch.ones_like(token_NSD[:, :, 0], dtype=torch.bool))
        mean_ND = (token_NSD * known_NS[:, :, None]).sum(dim=1) / known_NS.sum(dim=1, keepdim=True).clamp(min=1)
        predicted_NE: Tensor = self.regress(self.dropout(mean_ND))
        return predicted_NE

    def represent(self, batch: dict[str, Tensor]) -> Tensor:
        """visual_NE: the predicted vector, which lies in the space of the label vectors."""
        predicted_NE: Tensor = self(batch)
        return predicted_NE


def loss(predicted_NE: Tensor, target_NE: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean squared error over all values, and `cosine`: the mean cosine with the target (higher is better)."""
    predicted_NE = predicted_NE.float()
    cosine = functional.cosine_similarity(predicted_NE, target_NE, dim=1).mean()
    return functional.mse_loss(predicted_NE, target_NE), {"cosine": cosine}
