"""ResT's cross-modal transformer over [CLS], the visual tokens of a clip and the words of its class name."""

# Shapes: N clips, S visual tokens, W words, L = 1 + S + W tokens, D size of a token, H heads.
from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.core.errors import DataError, ParamsError
from pipeline.models.rest.attention import Layer, Scheme, attention_mask
from pipeline.models.rest.inputs import ModelSizes, VisualTokens
from pipeline.models.rest.tokens import MASK, PAD


class TransformerParams(core_params.Params):
    """The size of the transformer, its attention mask, and the token that represents a clip. The paper: 12 x 768."""

    kind: Literal["transformer"]
    dim: int = Field(ge=1)
    num_layers: int = Field(ge=1)
    num_heads: int = Field(ge=1)
    mlp_dim: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    attention: Scheme
    represents: Literal["cls", "mask"]  # mask: the output of [MASK], for a model whose [CLS] is untrained

    @model_validator(mode="after")
    def _whole(self) -> "TransformerParams":
        if self.dim % self.num_heads:
            raise ValueError(f"dim {self.dim} should be a multiple of num_heads {self.num_heads}")
        return self


class Transformer(nn.Module):
    """Visual tokens, and words where there are any -> the output of [CLS] and of each word."""

    def __init__(self, params: TransformerParams, sizes: ModelSizes) -> None:
        super().__init__()
        if params.represents == "mask" and not sizes.num_words:
            raise ParamsError("rest: represents: mask needs words to learn from; give losses.mlm a weight, or take cls")
        self.params, self.sizes = params, sizes
        dim = params.dim
        # Everything that is added or concatenated starts at one scale: positions of length 1 beside tokens of length 20
        # have no effect, and a small model learns to use them late or never.
        self.project = nn.Sequential(nn.Linear(sizes.visual_dim, dim), nn.LayerNorm(dim))
        self.cls_D = nn.Parameter(torch.randn(dim))
        # A region holds its own place, and the order of a frame's regions means nothing.
        self.position_SD = None if sizes.places else nn.Parameter(torch.randn(sizes.max_tokens, dim))
        if sizes.num_words:
            self.word = nn.Embedding(sizes.num_words, dim)
            self.place_WD = nn.Parameter(torch.randn(sizes.max_words, dim))
        self.dropout = nn.Dropout(params.dropout)
        self.layers = nn.ModuleList(
            Layer(dim, params.num_heads, params.mlp_dim, params.dropout) for _ in range(params.num_layers)
        )

    def forward(self, seen: VisualTokens, word_NW: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """cls_ND and word_NWD, the outputs of the last layer."""
        token_NLD, may_N1LL = self._start(seen, word_NW)
        for layer in self.layers:
            token_NLD = layer(token_NLD, may_N1LL)
        words = None if word_NW is None else token_NLD[:, -word_NW.shape[1] :]
        return token_NLD[:, 0], words

    def represent(self, seen: VisualTokens) -> Tensor:
        """visual_ND of clips without a name. Words do not affect [CLS], except with "cross" attention.

        Then, and where [MASK] represents a clip, the input is [CLS], the clip and [MASK], as in the paper's tests.
        """
        asks = self.params.represents == "mask" or (self.params.attention == "cross" and self.sizes.num_words)
        mask_N1 = torch.full((len(seen.token_NSD), 1), MASK, device=seen.token_NSD.device) if asks else None
        cls_ND: Tensor
        word_N1D: Tensor | None
        cls_ND, word_N1D = self(seen, mask_N1)
        return cls_ND if self.params.represents == "cls" or word_N1D is None else word_N1D[:, 0]

    def attention(self, seen: VisualTokens, word_NW: Tensor | None) -> list[Tensor]:
        """weight_NHLL of every layer, first to last."""
        token_NLD, may_N1LL = self._start(seen, word_NW)
        weights = []
        for layer in self.layers:
            assert isinstance(layer, Layer)
            weights.append(layer.weights(token_NLD, may_N1LL))
            token_NLD = layer(token_NLD, may_N1LL)
        return weights

    def _start(self, seen: VisualTokens, word_NW: Tensor | None) -> tuple[Tensor, Tensor]:
        """token_NLD for the first layer, and may_N1LL, the attention mask: no token attends padding."""
        visual_NSD = self.project(seen.token_NSD)
        if self.position_SD is not None:
            visual_NSD = visual_NSD + self.position_SD[: visual_NSD.shape[1]]
        parts = [self.cls_D.to(visual_NSD.dtype).expand(len(visual_NSD), 1, -1), visual_NSD]
        if word_NW is not None:
            self._check_room(word_NW)
            parts.append(self.word(word_NW) + self.place_WD[: word_NW.shape[1]])
        num_words = 0 if word_NW is None else word_NW.shape[1]
        may_LL = attention_mask(visual_NSD.shape[1], num_words, self.params.attention, visual_NSD.device)
        return self.dropout(torch.cat(parts, dim=1)), may_LL & _known_tokens(seen, word_NW)[:, None, None]

    def _check_room(self, word_NW: Tensor) -> None:
        if word_NW.shape[1] > self.sizes.max_words:
            raise DataError(
                f"rest: names of {word_NW.shape[1]} words, this model has room for {self.sizes.max_words}; encode them "
                "with the vocabulary beside its weights"
            )


def _known_tokens(seen: VisualTokens, word_NW: Tensor | None) -> Tensor:
    """known_NL: False at padding."""
    num_clips, num_visual = seen.token_NSD.shape[:2]
    device = seen.token_NSD.device
    known_NS = torch.ones(num_clips, num_visual, dtype=torch.bool, device=device)
    known_NS = known_NS if seen.known_NS is None else seen.known_NS
    parts = [torch.ones(num_clips, 1, dtype=torch.bool, device=device), known_NS]
    return torch.cat(parts if word_NW is None else [*parts, word_NW != PAD], dim=1)
