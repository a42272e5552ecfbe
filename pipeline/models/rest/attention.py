"""The attention mask and the layers of ResT's transformer: attention, then an MLP, each normalised after its addition.

The mask is one function, drawn in docs/rest.md. [CLS] counts as a visual token: it attends what visual tokens attend,
and tokens that attend visual ones attend it. With "single", neither ever attends a word.
"""

# Shapes: N clips, L tokens (1 [CLS], then S visual ones, then words), D size of a token, H heads, K = D / H.
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Scheme = Literal["single", "cross"]


def attention_mask(num_visual: int, num_words: int, scheme: Scheme, device: torch.device | None = None) -> Tensor:
    """may_LL: whether the token of a row attends that of a column; L = 1 + num_visual + num_words.

    "single": [CLS] and visual tokens attend [CLS] and all visual tokens; a word those, the words to its left and
    itself. "cross": all attend all (Table 3c).
    """
    num_seeing = 1 + num_visual
    may_LL = torch.ones(num_seeing + num_words, num_seeing + num_words, dtype=torch.bool, device=device)
    return may_LL if scheme == "cross" else _left_of_words(may_LL, num_seeing)


def _left_of_words(may_LL: Tensor, num_seeing: int) -> Tensor:
    may_LL = may_LL.tril()
    may_LL[:num_seeing, :num_seeing] = True
    return may_LL


class Layer(nn.Module):
    """token_NLD -> token_NLD: LN(MSA(z) + z), then LN(MLP(z) + z) (equations 7 and 8), dropout on both changes."""

    def __init__(self, dim: int, num_heads: int, mlp_dim: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.inward = nn.Linear(dim, 3 * dim)  # queries, keys, values
        self.outward = nn.Linear(dim, dim)
        self.norm_attention = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, mlp_dim)
        self.down = nn.Linear(mlp_dim, dim)
        self.norm_mlp = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.inward, self.outward, self.up, self.down):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, token_NLD: Tensor, may_N1LL: Tensor) -> Tensor:
        """The tokens after both changes; every token may attend at least one."""
        query_NHLK, key_NHLK, value_NHLK = self._parts(token_NLD)
        mixed_NHLK = functional.scaled_dot_product_attention(query_NHLK, key_NHLK, value_NHLK, attn_mask=may_N1LL)
        change_NLD = self.outward(mixed_NHLK.transpose(1, 2).flatten(2))
        token_NLD = self.norm_attention(token_NLD + self.dropout(change_NLD))
        change_NLD = self.down(functional.gelu(self.up(token_NLD)))
        after_NLD: Tensor = self.norm_mlp(token_NLD + self.dropout(change_NLD))
        return after_NLD

    def weights(self, token_NLD: Tensor, may_N1LL: Tensor) -> Tensor:
        """weight_NHLL: how much of each token (column) a token (row) takes in at each head; rows sum to 1."""
        query_NHLK, key_NHLK, _ = self._parts(token_NLD)
        score_NHLL = query_NHLK @ key_NHLK.transpose(2, 3) / query_NHLK.shape[3] ** 0.5
        weight_NHLL: Tensor = score_NHLL.float().masked_fill(~may_N1LL, -torch.inf).softmax(dim=3)
        return weight_NHLL

    def _parts(self, token_NLD: Tensor) -> Tensor:
        whole_NL3HK: Tensor = self.inward(token_NLD).unflatten(2, (3, self.num_heads, -1))
        return whole_NL3HK.permute(2, 0, 3, 1, 4)
