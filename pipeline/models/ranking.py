"""Ranking losses: the right label above the wrong ones, and vectors of the same label above others."""

# Shapes: B clips of a batch, K classes, D size of a vector, T text size.
import numpy as np
import torch
from torch import Tensor

from pipeline.models.methods.shared import Array, Rows

_SAME = 1 - 1e-6  # cosine from which two texts count as equal


def rank_loss(score_BK: Tensor, label_B: Tensor, margin: float) -> Tensor:
    """Mean over clips of the sum over wrong labels j of max(0, margin - score of the label + score of j)."""
    right_B1 = score_BK.gather(1, label_B[:, None])
    is_wrong_BK = torch.ones_like(score_BK).scatter(1, label_B[:, None], 0.0)
    return ((margin - right_B1 + score_BK).clamp(min=0) * is_wrong_BK).sum(dim=1).mean()


def triplet_loss(vector_BD: Tensor, label_B: Tensor, margin: float) -> Tensor:
    """Mean over clips of max(0, margin - product with the positive + product with the negative).

    The positive is the clip of the same label with the least product, the negative the clip of another label with the
    greatest (hardest triplets); both are constants. A clip without a negative counts 0.
    """
    constant_BD = vector_BD.detach()
    product_BB = constant_BD @ constant_BD.T
    is_positive_BB = label_B[:, None] == label_B
    positive_B = product_BB.masked_fill(~is_positive_BB, torch.inf).argmin(dim=1)
    negative_B = product_BB.masked_fill(is_positive_BB, -torch.inf).argmax(dim=1)
    apart_B = (vector_BD * (constant_BD[negative_B] - constant_BD[positive_B])).sum(dim=1)
    return ((margin + apart_B).clamp(min=0) * ~is_positive_BB.all(dim=1)).mean()


def distinct(unit_KT: Array) -> tuple[Rows, Rows]:
    """The rows of the distinct ones among K unit vectors, and the place of each of the K among these.

    A vector of zeros, of an empty text, equals only itself.
    """
    vector_KT = unit_KT.astype(np.float64)
    is_same_KK = vector_KT @ vector_KT.T > _SAME
    np.fill_diagonal(is_same_KK, True)
    first_K = is_same_KK.argmax(axis=1)
    rows, place_K = np.unique(first_K, return_inverse=True)
    return rows.astype(np.int64), place_K.astype(np.int64)
