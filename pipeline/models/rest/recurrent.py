"""Two streams instead of the transformer (Table 3a): one runs over the frames, one over the words.

The word stream starts from the last output of the visual one and runs left to right, so a word sees the clip and the
words to its left, as in the transformer. The visual stream never sees a word; a single stream over both would read the
class off its name, as the paper reports.
"""

# Shapes: N clips, S visual tokens, W words, D size of a token, Y layers.
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params as core_params
from pipeline.models.rest.inputs import ModelSizes, VisualTokens


class RecurrentParams(core_params.Params):
    """The kind of cell and the size of both streams."""

    kind: Literal["rnn", "lstm"]
    dim: int = Field(ge=1)
    num_layers: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)  # of the inputs and between layers


class Recurrent(nn.Module):
    """Visual tokens, and words where there are any -> the last output of the visual stream and each word's."""

    def __init__(self, params: RecurrentParams, sizes: ModelSizes) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Linear(sizes.visual_dim, params.dim), nn.LayerNorm(params.dim))
        self.dropout = nn.Dropout(params.dropout)
        self.visual = _cells(params)
        if sizes.num_words:
            self.word = nn.Embedding(sizes.num_words, params.dim)
            self.words = _cells(params)

    def forward(self, seen: VisualTokens, word_NW: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """visual_ND and word_NWD."""
        output_NSD, _ = self.visual(self.dropout(self.project(seen.token_NSD)))
        visual_ND = output_NSD[torch.arange(len(output_NSD), device=output_NSD.device), seen.last()]
        if word_NW is None:
            return visual_ND, None
        first_YND = visual_ND.expand(self.words.num_layers, -1, -1).contiguous()
        state = (first_YND, torch.zeros_like(first_YND)) if isinstance(self.words, nn.LSTM) else first_YND
        word_NWD, _ = self.words(self.dropout(self.word(word_NW)), state)
        return visual_ND, word_NWD

    def represent(self, seen: VisualTokens) -> Tensor:
        """visual_ND of clips without a name."""
        visual_ND: Tensor = self(seen, None)[0]
        return visual_ND


def _cells(params: RecurrentParams) -> nn.RNN | nn.LSTM:
    cell = nn.LSTM if params.kind == "lstm" else nn.RNN
    between = params.dropout if params.num_layers > 1 else 0.0
    return cell(params.dim, params.dim, params.num_layers, batch_first=True, dropout=between)
