"""DVTA: Dual Visual-Text Alignment (Kuang et al.), as the paper states it, with three corrections to what it prints.

Eq. 4 and 8: the denominators sum over all pairs (v_i, t_j) of row i. Eq. 5 and 10: KL(target || prediction), the
target being uniform over a row's positives; the other way round it is infinite. Eq. 3: the query is the projected v_e.
"""

# Shapes: B clips of a batch, N clips, D feature size, K classes, T text size, H shared size (= T),
# S texts of a class that SDE blends: label and context, or the label alone.
import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models.descent import Descent, descend, drawn_from
from pipeline.models.methods.shared import Array, Candidate, ClassTexts, Clips, Rows, unit

PAIRS_IN_BLOCK = 8192  # (clip, class) pairs scored at once: bounds memory


class Params(Descent):
    """Model and optimiser. The paper: lr 1e-5, no decay, batches of 128, 100 epochs of some 300 batches each.

    A few hundred clips make a hundredth of those steps, so small datasets need a larger lr or more epochs.
    """

    sde: bool  # blend label and context for each clip (eq. 3); false = the label alone ("w/o SDE" in table 1)
    gamma: float = Field(gt=0, lt=1)  # slope of LeakySigmoid below 0, eq. 7; 0.01 in the paper
    temperature: float = Field(gt=0)  # learnable; this is where it starts, 0.1 in the paper


class VisualProjector(nn.Module):
    """F_v of eq. 2, three hidden layers. The paper gives no widths: two go a quarter and half the way from D to T.

    256-d features and 768-d texts give 256, 384, 512, 768 and 755,584 parameters, the size that the paper counts.
    """

    def __init__(self, feature_dim: int, text_dim: int) -> None:
        super().__init__()
        quarter, half = (round(feature_dim + share * (text_dim - feature_dim)) for share in (0.25, 0.5))
        self.residual = nn.Linear(feature_dim, feature_dim)
        self.rest = nn.Sequential(
            nn.ReLU(),
            nn.Linear(feature_dim, quarter),
            nn.ReLU(),
            nn.Linear(quarter, half),
            nn.ReLU(),
            nn.Linear(half, text_dim),
        )

    def forward(self, v_BD: Tensor) -> Tensor:
        """v_e (B, H)."""
        v_BH: Tensor = self.rest(v_BD + self.residual(v_BD))
        return v_BH


class DeepMetric(nn.Module):
    """E of eq. 6: an MLP over a clip joined to a blend of texts, 2H -> 2H -> H -> 1."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.first = nn.Linear(2 * dim, 2 * dim)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(2 * dim, dim), nn.ReLU(), nn.Linear(dim, 1))

    def forward(self, v_BH: Tensor, text_SKH: Tensor, blend_BKS: Tensor) -> Tensor:
        """E(v, blended text) for every pair (B, K)."""
        # The first layer is linear, so it is applied to clips and texts before they are blended and joined into pairs.
        dim = v_BH.shape[1]
        clip_BG = functional.linear(v_BH, self.first.weight[:, :dim], self.first.bias)
        text_SKG = functional.linear(text_SKH, self.first.weight[:, dim:])
        score_BK1: Tensor = self.rest(clip_BG[:, None] + blended(text_SKG, blend_BKS))
        return score_BK1.squeeze(-1)


class DVTA(nn.Module):
    """Two alignments of clips and class texts in one space: direct (cosine) and augmented (deep metric)."""

    def __init__(self, *, feature_dim: int, text_dim: int, gamma: float, temperature: float) -> None:
        super().__init__()
        self.gamma = gamma
        self.visual = VisualProjector(feature_dim, text_dim)
        self.text = nn.Linear(text_dim, text_dim)
        self.metric = DeepMetric(text_dim)
        # One temperature for both, as the paper prints it; as a logarithm it stays positive.
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))

    def forward(self, v_BD: Tensor, text_SKT: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, K) of direct and of augmented alignment, for unit features and unit texts (eq. 1)."""
        v_BH = self.visual(v_BD)
        text_SKH = self.text(text_SKT)
        blend_BKS = attention(v_BH, text_SKH)
        direct_BK = functional.cosine_similarity(v_BH[:, None], blended(text_SKH, blend_BKS), dim=-1)
        augmented_BK = leaky_sigmoid(self.metric(v_BH, text_SKH, blend_BKS), self.gamma)
        temperature = self.log_temperature.exp()
        return direct_BK / temperature, augmented_BK / temperature


def attention(v_BH: Tensor, text_SKH: Tensor) -> Tensor:
    """How much of each of its S texts a class takes for a clip, (B, K, S) with sum 1 over S (the softmax of eq. 3)."""
    return (torch.einsum("bh,skh->bks", v_BH, text_SKH) / math.sqrt(v_BH.shape[1])).softmax(dim=-1)


def blended(text_SKH: Tensor, blend_BKS: Tensor) -> Tensor:
    """t_aug (B, K, H) of eq. 3: the sum of a class's texts with a clip's weights."""
    return torch.stack([blend_BKS[..., s, None] * text_KH for s, text_KH in enumerate(text_SKH)]).sum(dim=0)


def leaky_sigmoid(x: Tensor, gamma: float) -> Tensor:
    """Eq. 7: a sigmoid above 0, gamma exp(gamma x) at and below. It jumps at 0 from gamma to 1/2."""
    below = torch.where(x > 0, torch.zeros_like(x), x)  # not `clamp`, whose slope at its bound depends on the version
    return torch.where(x > 0, x.sigmoid(), gamma * (gamma * below).exp())


def alignment_loss(direct_BK: Tensor, augmented_BK: Tensor, label_B: Tensor) -> Tensor:
    """Eq. 10 for one batch: KL from clips to texts plus KL from texts to clips; label_B are columns of the logits."""
    same_BB = (label_B[:, None] == label_B[None, :]).to(direct_BK.dtype)
    target_BB = same_BB / same_BB.sum(dim=1, keepdim=True)
    direct_BB, augmented_BB = direct_BK[:, label_B], augmented_BK[:, label_B]  # column j: the text of clip j
    to_text = divergence(target_BB, direct_BB, augmented_BB)
    return to_text + divergence(target_BB, direct_BB.T, augmented_BB.T)


def divergence(target_BB: Tensor, direct_BB: Tensor, augmented_BB: Tensor) -> Tensor:
    """Mean over rows of KL(target || mean of the two softmaxes over the row), eqs. 9 and 10."""
    log_p_BB = torch.logaddexp(direct_BB.log_softmax(dim=1), augmented_BB.log_softmax(dim=1)) - math.log(2)
    return (torch.xlogy(target_BB, target_BB) - target_BB * log_p_BB).sum(dim=1).mean()


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[Candidate]:
    """The model after each kept epoch. Raises DataError for texts without contexts if SDE wants them."""
    seen = texts.of(sorted(set(clips.class_ids)))
    v_ND, text_SKT = torch.from_numpy(unit(clips.features_ND)), stacked(seen, params.sde)
    label_N = seen.rows(clips.class_ids)
    dims = {"feature_dim": v_ND.shape[1], "text_dim": text_SKT.shape[2]}
    with drawn_from(seed, "dvta"):
        model = DVTA(**dims, gamma=params.gamma, temperature=params.temperature)

    def loss_of(rows: Rows) -> Tensor:
        classes, label_B = np.unique(label_N[rows], return_inverse=True)  # each text of the batch once
        direct_BK, augmented_BK = model(v_ND[rows], text_SKT[:, classes])
        return alignment_loss(direct_BK, augmented_BK, torch.from_numpy(label_B))

    for setting, loss in descend(model, loss_of, len(v_ND), params, seed):
        yield Candidate(setting, loss, partial(_probabilities, model, params.sde), model)


def stacked(texts: ClassTexts, sde: bool) -> Tensor:
    """The S texts of each class (S, K, T)."""
    return torch.from_numpy(np.stack([texts.label_KT, texts.contexts()] if sde else [texts.label_KT]))


def _probabilities(model: DVTA, sde: bool, features_ND: Array, texts: ClassTexts) -> Array:
    """p of eq. 9 over the given classes; SDE is run for every (clip, class) pair."""
    v_ND, text_SKT = torch.from_numpy(unit(features_ND)), stacked(texts, sde)
    step = max(1, PAIRS_IN_BLOCK // len(texts.class_ids))
    with torch.no_grad():
        logits = [model(v_ND[start : start + step], text_SKT) for start in range(0, len(v_ND), step)]
    p_NK = torch.cat([(direct.softmax(dim=1) + augmented.softmax(dim=1)) / 2 for direct, augmented in logits])
    return np.asarray(p_NK.numpy(), dtype=np.float32)
