"""TDSM's diffusion transformer: one token of a clip's noisy features, and one of each text of a class, in two streams.

All tokens attend to each other, but each stream has layers of its own. Layer norms are scaled and shifted, and changes
gated, by the diffusion step and the class's texts (adaptive layer norm, all 0 at the start, as in DiT).
"""

# Shapes: B pairs of a clip and a class, C classes (or pairs), S texts of a class, L = 1 + S tokens, D feature size,
# H width, T size of a text.
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_FREQUENCIES = 256  # numbers that encode a step
_SLOWEST = 10_000.0
_GROWTH = 4  # of a token between two layers
_SPREAD = 0.02  # standard deviation of the first weights of the layers of steps and positions


@dataclass(frozen=True)
class TextTokens:
    """Tokens of classes, computed once for all clips."""

    token_CSH: Tensor
    pooled_CH: Tensor

    def of(self, row_B: Tensor) -> "TextTokens":
        """Those of some rows."""
        return TextTokens(self.token_CSH[row_B], self.pooled_CH[row_B])


class Denoiser(nn.Module):
    """Noisy features of clips and texts of a class -> a prediction of the noise."""

    def __init__(self, dim: int, text_dims: Sequence[int], *, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.inward = nn.Linear(dim, width)
        self.words = nn.ModuleList(nn.Linear(size, width) for size in text_dims)
        self.pooled = _two_layers(sum(text_dims), width)
        self.time = _two_layers(_FREQUENCIES, width)
        self.places = nn.Parameter(torch.empty(len(text_dims), width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.modulation = nn.Linear(width, 2 * width)
        self.outward = nn.Linear(width, dim)
        for name, weight in self.named_parameters():
            if name.endswith("bias") or "modulation" in name or name == "outward.weight":
                nn.init.zeros_(weight)
            elif name == "places" or name.startswith("time."):
                nn.init.normal_(weight, std=_SPREAD)
            else:
                nn.init.xavier_uniform_(weight)

    def texts(self, texts: Sequence[Tensor]) -> TextTokens:
        """Unit vectors (C, T) of each text, which are scaled to deviation 1."""
        scaled = [text_CT * math.sqrt(text_CT.shape[1]) for text_CT in texts]
        tokens = [layer(text_CT) for layer, text_CT in zip(self.words, scaled, strict=True)]
        return TextTokens(torch.stack(tokens, dim=1) + self.places, self.pooled(torch.cat(scaled, dim=1)))

    def forward(self, noisy_BD: Tensor, step_C: Tensor, texts: TextTokens, row_B: Tensor) -> Tensor:
        """The noise (B, D); `row_B` is the row of each pair among the C steps and texts."""
        condition_CH = functional.silu(self.time(sinusoids(step_C).to(noisy_BD.dtype)) + texts.pooled_CH)
        clip_B1H, token_BSH = self.inward(noisy_BD)[:, None], texts.token_CSH[row_B]
        for block in self.blocks:
            clip_B1H, token_BSH = block(clip_B1H, token_BSH, condition_CH, row_B)
        shift_BH, scale_BH = self.modulation(condition_CH)[row_B].chunk(2, dim=1)
        noise_BD: Tensor = self.outward(_norm(clip_B1H[:, 0]) * (1 + scale_BH) + shift_BH)
        return noise_BD


class Stream(nn.Module):
    """The layers of a block for one kind of token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.modulation = nn.Linear(width, 6 * width)
        self.inward = nn.Linear(width, 3 * width)  # queries, keys, values
        self.outward = nn.Linear(width, width)
        self.up = nn.Linear(width, _GROWTH * width)
        self.down = nn.Linear(_GROWTH * width, width)

    def changed(self, token_BLH: Tensor, attended_BLH: Tensor, modulation: Sequence[Tensor]) -> Tensor:
        """The tokens after both changes; `modulation`: the gate of attention, then shift, scale, gate of the layers."""
        gate, shift, scale, gate_layers = modulation
        token_BLH = token_BLH + gate * self.outward(attended_BLH)
        inner = functional.gelu(self.up(_norm(token_BLH) * (1 + scale) + shift), approximate="tanh")
        changed_BLH: Tensor = token_BLH + gate_layers * self.down(inner)
        return changed_BLH


class Block(nn.Module):
    """One round of attention among all tokens of a pair, and two layers on each token by itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.clip, self.text = Stream(width), Stream(width)

    def forward(
        self, clip_B1H: Tensor, token_BSH: Tensor, condition_CH: Tensor, row_B: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Both streams after the block."""
        tokens, modulations, qkvs = (clip_B1H, token_BSH), [], []
        for stream, token_BLH in zip((self.clip, self.text), tokens, strict=True):
            shift, scale, *rest = stream.modulation(condition_CH)[row_B][:, None].chunk(6, dim=2)
            qkvs.append(stream.inward(_norm(token_BLH) * (1 + scale) + shift))
            modulations.append(rest)
        attended_BLH = self._attended(torch.cat(qkvs, dim=1))
        return (
            self.clip.changed(clip_B1H, attended_BLH[:, :1], modulations[0]),
            self.text.changed(token_BSH, attended_BLH[:, 1:], modulations[1]),
        )

    def _attended(self, qkv_BLH: Tensor) -> Tensor:
        num_pairs, num_tokens, _ = qkv_BLH.shape
        query, key, value = qkv_BLH.view(num_pairs, num_tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


def sinusoids(step_C: Tensor) -> Tensor:
    """Cosines and then sines (C, 256) of a step at frequencies from 1 down to 1/10,000."""
    half = _FREQUENCIES // 2
    frequency_F = torch.exp(-math.log(_SLOWEST) * torch.arange(half, dtype=torch.float64) / half)
    angle_CF = step_C[:, None] * frequency_F
    return torch.cat([angle_CF.cos(), angle_CF.sin()], dim=1)


def _two_layers(size: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(size, width), nn.SiLU(), nn.Linear(width, width))


def _norm(token: Tensor) -> Tensor:
    return functional.layer_norm(token, token.shape[-1:], eps=1e-6)
