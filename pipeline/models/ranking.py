"""Losses that rank: the right label above the wrong ones, and a vector's likes above its unlikes."""

# Shapes: B clips of a batch, K classes, D size of a vector, T text size.
import numpy as np
import torch
from torch import Tensor

from pipeline.models.methods.shared import Array, Rows

_SAME = 1 - 1e-6  # cosine of two texts that are one


def rank_loss(score_BK: Tensor, label_B: Tensor, margin: float) -> Tensor:
    """Mean over clips of the sum over wrong labels j of max(0, margin - score of the label + score of j)."""
    right_B1 = score_BK.gather(1, label_B[:, None])
    is_wrong_BK = torch.ones_like(score_BK).scatter(1, label_B[:, None], 0.0)
    return ((margin - right_B1 + score_BK).clamp(min=0) * is_wrong_BK).sum(dim=1).mean()


def triplet_loss(vector_BD: Tensor, label_B: Tensor, margin: float) -> Tensor:
    """Mean over clips of max(0, margin - its product with its like + its product with its unlike).

    Of the clips with its label the like is that with the least product, of the others the unlike is that with the
    greatest; both are held constant. A clip that has no unlike counts 0.
    """
    held_BD = vector_BD.detach()
    product_BB = held_BD @ held_BD.T
    is_like_BB = label_B[:, None] == label_B
    like_B = product_BB.masked_fill(~is_like_BB, torch.inf).argmin(dim=1)
    unlike_B = product_BB.masked_fill(is_like_BB, -torch.inf).argmax(dim=1)
    apart_B = (vector_BD * (held_BD[unlike_B] - held_BD[like_B])).sum(dim=1)
    return ((margin + apart_B).clamp(min=0) * ~is_like_BB.all(dim=1)).mean()


def distinct(unit_KT: Array) -> tuple[Rows, Rows]:
    """Of K unit vectors the rows of the different ones, and for each of the K its place among those.

    A vector of zeros, of a text that says nothing, is one with none but itself.
    """
    vector_KT = unit_KT.astype(np.float64)
    is_same_KK = vector_KT @ vector_KT.T > _SAME
    np.fill_diagonal(is_same_KK, True)
    first_K = is_same_KK.argmax(axis=1)
    rows, place_K = np.unique(first_K, return_inverse=True)
    return rows.astype(np.int64), place_K.astype(np.int64)
