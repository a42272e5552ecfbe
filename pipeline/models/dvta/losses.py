"""What DVTA minimises: KL divergences to several positives of a batch (eqs. 5 and 10), InfoNCE, softmax over classes.

The text of a class has one column, counted as often as clips of the batch have it: the same sums as over all pairs of
clips, in B x K terms and not B x B.

Where a class has one text for all its clips, KL with uniform positives is InfoNCE up to a constant: both train alike
(docs/dvta.md).
"""

# Shapes: B clips, C columns (texts of classes, or one blended for each clip).
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.models.dvta.params import InfoNceParams, KldParams, LossParams

SHARPNESS = 10.0  # of the released code's target, softmax(10 x {0, 1})


@dataclass(frozen=True)
class BatchPairs:
    """Which columns match which clips of a batch."""

    own_B: Tensor  # the column of each clip's text
    same_BC: Tensor  # whether a column's text is of the clip's class
    count_C: Tensor  # clips of the batch whose text it is


def by_class(own_B: Tensor, num_columns: int) -> BatchPairs:
    """Columns are classes."""
    same_BC = own_B[:, None] == torch.arange(num_columns, device=own_B.device)
    return BatchPairs(own_B, same_BC, same_BC.sum(dim=0))


def by_clip(label_B: Tensor) -> BatchPairs:
    """Column j is the text that was blended for clip j."""
    own_B = torch.arange(len(label_B), device=label_B.device)
    return BatchPairs(own_B, label_B[:, None] == label_B, torch.ones_like(own_B))


def alignment_loss(logits: Sequence[Tensor], pairing: BatchPairs, params: LossParams, combine: str) -> Tensor:
    """Of one batch. `logits` are (B, C) of one alignment, or of two that are combined into one distribution."""
    if not isinstance(params, KldParams | InfoNceParams):
        log_p_BC = log_probabilities(logits, torch.ones_like(pairing.count_C), 1, combine)
        return -_own(log_p_BC, pairing).mean()
    of_text_BC = log_probabilities(logits, pairing.count_C, 1, combine)  # softmax over texts, of each clip
    of_clip_BC = log_probabilities(logits, torch.ones_like(pairing.own_B)[:, None], 0, combine)
    if isinstance(params, KldParams):
        total = _divergences(of_text_BC, of_clip_BC, pairing, params.target)
    else:
        total = -_own(of_text_BC, pairing).mean() - _own(of_clip_BC, pairing).mean()
    return total if params.directions == "sum" else total / 2


def log_probabilities(logits: Sequence[Tensor], count: Tensor, dim: int, combine: str) -> Tensor:
    """Of one item each along an axis, where it stands `count` times: one softmax of the sum, or a mean of softmaxes."""
    summed = [torch.stack(tuple(logits)).sum(dim=0)] if combine == "logits" else logits
    log_count = count.to(logits[0].dtype).log()
    log_p = [x - (x + log_count).logsumexp(dim=dim, keepdim=True) for x in summed]
    return log_p[0] if len(log_p) == 1 else torch.logaddexp(*log_p) - math.log(2)


def _own(value_BC: Tensor, pairing: BatchPairs) -> Tensor:
    """Of each clip, at its own column."""
    return value_BC.gather(1, pairing.own_B[:, None])[:, 0]


def _divergences(of_text_BC: Tensor, of_clip_BC: Tensor, pairing: BatchPairs, target: str) -> Tensor:
    """Mean over clips of KL(target || p) over texts, plus mean over the clips' texts of the same over clips."""
    count_C = pairing.count_C.to(of_text_BC.dtype)
    num_clips, same_BC = len(of_text_BC), pairing.same_BC.to(of_text_BC.dtype)
    over_texts_BC = _targets(same_BC, (same_BC * count_C).sum(dim=1, keepdim=True), num_clips, target)
    over_clips_BC = _targets(same_BC, same_BC.sum(dim=0, keepdim=True), num_clips, target)
    to_texts_BC = torch.xlogy(over_texts_BC, over_texts_BC) - over_texts_BC * of_text_BC
    to_clips_BC = torch.xlogy(over_clips_BC, over_clips_BC) - over_clips_BC * of_clip_BC
    return ((to_texts_BC + to_clips_BC) * count_C).sum() / num_clips


def _targets(same_BC: Tensor, positives: Tensor, num_clips: int, target: str) -> Tensor:
    """Probabilities of one item each, of rows or columns with so many positives among as many items as clips."""
    if target == "uniform":
        return same_BC / positives.clamp(min=1)
    high = math.exp(SHARPNESS)
    return (1 + (high - 1) * same_BC) / (positives * (high - 1) + num_clips)
