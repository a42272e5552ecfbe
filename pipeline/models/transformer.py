"""Blocks of a transformer: attention among the tokens of a clip, then two layers on each token by itself.

Layer norms come first (pre-LN), as in CLIP and ImageBind, and a block has the parts of one of CLIP's.
"""

# Shapes: N clips, L tokens, D size of a token, H heads, K = D / H.
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Activation = Literal["gelu", "quick_gelu"]  # quick: x sigmoid(1.702 x), of the weights that OpenAI trained

_GROWTH = 4  # of a token between the two layers


class Block(nn.Module):
    """token_NLD -> token_NLD. In training each clip loses each of the two changes with probability `drop_path`.

    Those that are left grow by as much (stochastic depth, Huang et al. 2016).
    """

    def __init__(self, dim: int, num_heads: int, activation: Activation, drop_path: float) -> None:
        super().__init__()
        self.num_heads, self.activation, self.drop_path = num_heads, activation, drop_path
        self.norm_attention = nn.LayerNorm(dim)
        self.inward = nn.Linear(dim, 3 * dim)  # queries, keys, values
        self.outward = nn.Linear(dim, dim)
        self.norm_layers = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, _GROWTH * dim)
        self.down = nn.Linear(_GROWTH * dim, dim)
        for layer in (self.inward, self.outward, self.up, self.down):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def silence(self) -> None:
        """Let the block change nothing until it has learned to."""
        for layer in (self.outward, self.down):
            nn.init.zeros_(layer.weight)

    def forward(self, token_NLD: Tensor) -> Tensor:
        """The tokens after both changes."""
        token_NLD = token_NLD + self._kept(self._attended(self.norm_attention(token_NLD)))
        return token_NLD + self._kept(self.down(self._active(self.up(self.norm_layers(token_NLD)))))

    def _attended(self, token_NLD: Tensor) -> Tensor:
        whole_NL3HK = self.inward(token_NLD).unflatten(2, (3, self.num_heads, -1))
        query_NHLK, key_NHLK, value_NHLK = whole_NL3HK.permute(2, 0, 3, 1, 4)
        mixed_NHLK = functional.scaled_dot_product_attention(query_NHLK, key_NHLK, value_NHLK)
        attended_NLD: Tensor = self.outward(mixed_NHLK.transpose(1, 2).flatten(2))
        return attended_NLD

    def _active(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x) if self.activation == "quick_gelu" else functional.gelu(x)

    def _kept(self, change_NLD: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return change_NLD
        kept_N11 = change_NLD.new_empty(len(change_NLD), 1, 1).bernoulli_(1 - self.drop_path)
        return change_NLD * kept_N11 / (1 - self.drop_path)
