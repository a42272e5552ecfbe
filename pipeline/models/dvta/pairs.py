"""The deep metric network over all pairs of clips and texts, tile by tile, so that no tensor of all pairs is made.

E(v, t) is an MLP over a clip joined to a text, 2H -> 2H -> H -> 1. Its first layer is linear, so it is taken apart: the
half for clips and the half for texts are applied once to each, and a pair's first activation is relu(of the clip + the
blend of those of its texts). What is left for a pair is one product of 2H x H, a third of what the joined form takes.
A tile's activations stay in the processor's cache; of all pairs only which outputs of the second layer were above 0 is
kept for the gradients, one byte each, for the rest follows from it.
"""

# Shapes: B clips, K texts (of classes, or of the clips of a batch), S texts of a class that are blended,
# H shared size, G = 2H; p clips and q texts of a tile.
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

TILE_BYTES = {"cpu": 1 << 20, "cuda": 1 << 28}  # of a tile's first activations: what a cache, or a GPU, holds easily

Tile = tuple[slice, slice]  # of clips, of texts


class DeepMetric(nn.Module):
    """E of eq. 6."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.first = nn.Linear(2 * dim, 2 * dim)
        self.second = nn.Linear(2 * dim, dim)
        self.last = nn.Linear(dim, 1)

    def of_texts(self, text_SKH: Tensor) -> Tensor:
        """The texts' half of the first layer, (S, K, G): once for any number of clips."""
        dim = text_SKH.shape[-1]
        return functional.linear(text_SKH, self.first.weight[:, dim:])

    def forward(self, v_BH: Tensor, text_SKG: Tensor, blend_BKS: Tensor | None) -> Tensor:
        """E of every pair (B, K), of texts as `of_texts` gives them; without `blend_BKS` of the one text of a class."""
        dim = v_BH.shape[1]
        clip_BG = functional.linear(v_BH, self.first.weight[:, :dim], self.first.bias)
        arguments = _Arguments(clip_BG, text_SKG, blend_BKS, self.second.weight, self.second.bias, self.last.weight[0])
        if torch.is_grad_enabled():
            score_BK: Tensor = _Pairs.apply(*arguments)
        else:
            score_BK = _scores(arguments, None)
        return score_BK + self.last.bias


class _Arguments(NamedTuple):
    """What the second and third layer are given of all pairs, and their weights."""

    clip_BG: Tensor
    text_SKG: Tensor
    blend_BKS: Tensor | None  # None: of the one text of a class
    second_HG: Tensor
    bias_H: Tensor
    last_H: Tensor


class _Pairs(torch.autograd.Function):
    """The second and third layer over all pairs, without the last bias."""

    @staticmethod
    def forward(ctx: Any, *tensors: Any) -> Tensor:
        arguments = _Arguments(*tensors)
        clip_BG = arguments.clip_BG
        shape = (arguments.text_SKG.shape[1], len(clip_BG), len(arguments.second_HG))
        is_on_KBH = torch.empty(shape, dtype=torch.bool, device=clip_BG.device)
        ctx.save_for_backward(*arguments, is_on_KBH)
        return _scores(arguments, is_on_KBH)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_BK: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, is_on_KBH = ctx.saved_tensors
        return _gradients(slope_BK, _Arguments(*tensors), is_on_KBH)


def tiles(num_clips: int, num_texts: int, num_pairs: int) -> Iterator[Tile]:
    """All pairs in rectangles of at most `num_pairs`."""
    wide = min(num_texts, num_pairs)
    high = max(1, num_pairs // wide)
    for text in range(0, num_texts, wide):
        for clip in range(0, num_clips, high):
            yield slice(clip, clip + high), slice(text, text + wide)


class _Hidden(NamedTuple):
    """First activations of a tile."""

    clips: slice
    texts: slice
    blend_pqS: Tensor | None
    hidden_qpG: Tensor


def _tiles(arguments: _Arguments) -> Iterator[_Hidden]:
    """The first activations of all pairs, tile by tile."""
    clip_BG, text_SKG, blend_BKS, *_ = arguments
    size = clip_BG.shape[1] * clip_BG.element_size()
    for clips, texts in tiles(len(clip_BG), text_SKG.shape[1], max(1, TILE_BYTES[clip_BG.device.type] // size)):
        blend_pqS = None if blend_BKS is None else blend_BKS[clips, texts]
        yield _Hidden(clips, texts, blend_pqS, _first(clip_BG[clips], text_SKG[:, texts], blend_pqS))


def _first(clip_pG: Tensor, text_SqG: Tensor, blend_pqS: Tensor | None) -> Tensor:
    """First activations (q, p, G)."""
    if blend_pqS is None:
        return (clip_pG + text_SqG[0][:, None]).relu_()
    hidden_qpG = clip_pG + blend_pqS[..., 0].T[..., None] * text_SqG[0][:, None]
    for number in range(1, len(text_SqG)):
        hidden_qpG.addcmul_(blend_pqS[..., number].T[..., None], text_SqG[number][:, None])
    return hidden_qpG.relu_()


def _scores(arguments: _Arguments, is_on_KBH: Tensor | None) -> Tensor:
    """Outputs (B, K) without the last bias; `is_on_KBH` is filled with which second activations are above 0."""
    clip_BG = arguments.clip_BG
    score_KB = clip_BG.new_empty(arguments.text_SKG.shape[1], len(clip_BG))
    for clips, texts, _, hidden_qpG in _tiles(arguments):
        active_qpH = functional.linear(hidden_qpG, arguments.second_HG, arguments.bias_H)
        if is_on_KBH is not None:
            torch.gt(active_qpH, 0, out=is_on_KBH[texts, clips])
        score_KB[texts, clips] = active_qpH.relu_() @ arguments.last_H
    return score_KB.T


def _gradients(slope_BK: Tensor, arguments: _Arguments, is_on_KBH: Tensor) -> tuple[Tensor | None, ...]:
    """Of a loss with the given slope towards the outputs, by the arguments in their order.

    With e = slope x (second activation above 0), both weight matrices follow from M = sum over pairs of e h', h the
    first activations: that of the second layer is the last's weight times M, of the last's weight w . M + b sum(e).
    """
    clip_BG, text_SKG, blend_BKS, second_HG, bias_H, last_H = arguments
    clip, text = torch.zeros_like(clip_BG), torch.zeros_like(text_SKG)
    blend = None if blend_BKS is None else torch.empty_like(blend_BKS)
    moment_HG, total_H = torch.zeros_like(second_HG), torch.zeros_like(bias_H)
    scaled_HG = last_H[:, None] * second_HG
    for clips, texts, blend_pqS, hidden_qpG in _tiles(arguments):
        e_PH = (is_on_KBH[texts, clips] * slope_BK[clips, texts].T[..., None]).flatten(0, 1)
        moment_HG.addmm_(e_PH.T, hidden_qpG.flatten(0, 1))
        total_H += e_PH.sum(dim=0)
        slope_qpG = (e_PH @ scaled_HG).view_as(hidden_qpG)
        slope_qpG = torch.ops.aten.threshold_backward(slope_qpG, hidden_qpG, 0)
        clip[clips] += slope_qpG.sum(dim=0)
        if blend_pqS is None or blend is None:
            text[0, texts] += slope_qpG.sum(dim=1)
        else:
            text[:, texts] += torch.bmm(blend_pqS.permute(1, 2, 0), slope_qpG).transpose(0, 1)
            blend[clips, texts] = torch.bmm(slope_qpG, text_SKG[:, texts].permute(1, 2, 0)).transpose(0, 1)
    last = (second_HG * moment_HG).sum(dim=1) + bias_H * total_H
    return clip, text, blend, last_H[:, None] * moment_HG, last_H * total_H, last
