"""SDE of eq. 3, and the cosine of a clip with a blend of texts without forming the blend."""

# Shapes: B clips, K texts (of classes, or of the clips of a batch), S texts of a class that are blended, H shared size.
import math

import torch
from torch import Tensor

from pipeline.models.dvta.params import SdeParams

MIN_LENGTH = 1e-8  # below it a cosine is 0 and not what rounding makes of it, as in torch


def products(v_BH: Tensor, text_SKH: Tensor) -> Tensor:
    """Of every clip with every text, (B, K, S)."""
    return torch.einsum("bh,skh->bks", v_BH, text_SKH)


def attention(v_BH: Tensor, key_SKH: Tensor, sde: SdeParams, product_BKS: Tensor | None = None) -> Tensor:
    """The weights of the S texts of a class for each clip, (B, K, S) with sum 1 over S (the softmax of eq. 3).

    `product_BKS` are the products of clips and keys, if already known.
    """
    logit_BKS = products(v_BH, key_SKH) if product_BKS is None else product_BKS
    if sde.measure == "cosine":
        logit_BKS = logit_BKS / _lengths(v_BH[:, None, None], key_SKH.transpose(0, 1))
    return _softmax(logit_BKS, v_BH.shape[1], sde)


def own_attention(v_BH: Tensor, key_SBH: Tensor, sde: SdeParams) -> Tensor:
    """The same of each clip for the texts of its own class alone, (B, S)."""
    logit_BS = torch.einsum("bh,sbh->bs", v_BH, key_SBH)
    if sde.measure == "cosine":
        logit_BS = logit_BS / _lengths(v_BH[:, None], key_SBH.transpose(0, 1))
    return _softmax(logit_BS, v_BH.shape[1], sde)


def _softmax(logits: Tensor, dim: int, sde: SdeParams) -> Tensor:
    scale = 1 / math.sqrt(dim) if sde.scale == "width" else sde.scale
    return (logits * scale).softmax(dim=-1)


def _lengths(left: Tensor, right: Tensor) -> Tensor:
    """Products of the lengths of vectors along the last axis."""
    lengths: Tensor = torch.linalg.vector_norm(left, dim=-1) * torch.linalg.vector_norm(right, dim=-1)
    return lengths.clamp(min=MIN_LENGTH)


def cosines(v_BH: Tensor, text_KH: Tensor) -> Tensor:
    """Of every clip with every text, (B, K)."""
    return (v_BH @ text_KH.T) / _lengths(v_BH[:, None], text_KH)


def blended_cosines(product_BKS: Tensor, blend_BKS: Tensor, v_BH: Tensor, text_SKH: Tensor) -> Tensor:
    """Of every clip with its blend of each class's texts, (B, K).

    The blend itself is not formed: its product with the clip is a sum of `product_BKS`, of clips and projected texts,
    and its length follows from the products of the texts with each other.
    """
    gram_KST = torch.einsum("skh,tkh->kst", text_SKH, text_SKH)
    square_BK = (torch.einsum("bks,kst->bkt", blend_BKS, gram_KST) * blend_BKS).sum(dim=2)
    length_BK: Tensor = torch.linalg.vector_norm(v_BH, dim=1)[:, None] * square_BK.clamp(min=MIN_LENGTH**2).sqrt()
    return (product_BKS * blend_BKS).sum(dim=2) / length_BK.clamp(min=MIN_LENGTH)
