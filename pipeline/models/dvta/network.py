"""DVTA: two alignments of clips and class texts in one space, direct (cosine) and augmented (deep metric)."""

# Shapes: B clips, D feature size, K classes, C columns (classes in their order, or one for each clip of a batch),
# T text size, H shared size (= T), G = 2H, S texts of a class that SDE blends.
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.models.dvta import blending, losses, projectors
from pipeline.models.dvta.pairs import DeepMetric
from pipeline.models.dvta.params import AugmentedParams, DvtaParams, SdeParams, TemperatureParams


@dataclass(frozen=True)
class ProjectedTexts:
    """Projected texts of classes, computed once for all clips."""

    key_SKH: Tensor  # what a clip attends
    text_SKH: Tensor  # what is blended
    metric_SKG: Tensor | None  # their half of the metric network's first layer


@dataclass(frozen=True)
class Alignments:
    """Scores of the two alignments before the temperature, None where there is none, and how texts were blended."""

    direct_BC: Tensor | None  # cosines
    augmented_BC: Tensor | None  # G of eq. 6
    blend_BKS: Tensor | None  # None: every text of a class alike, or by column

    @property
    def both(self) -> list[Tensor]:
        """The scores that there are."""
        return [scores for scores in (self.direct_BC, self.augmented_BC) if scores is not None]


class Temperature(nn.Module):
    """Divides scores by a learned number: one for both alignments, or one each."""

    def __init__(self, params: TemperatureParams, num_alignments: int) -> None:
        super().__init__()
        self.positive = params.positive
        start = math.log(params.start) if params.positive else params.start
        self.value = nn.Parameter(torch.full(() if params.shared else (num_alignments,), start))

    def forward(self, scores: list[Tensor]) -> list[Tensor]:
        """Logits of each alignment."""
        values = self.value.exp() if self.positive else self.value
        return [x / value for x, value in zip(scores, values.expand(len(scores)), strict=True)]


class DVTA(nn.Module):
    """The networks of a variant."""

    def __init__(self, params: DvtaParams, *, feature_dim: int, text_dim: int) -> None:
        super().__init__()
        self.dim, self.num_texts = text_dim, len(params.texts)
        self.sde: SdeParams | None = params.sde
        self.direct: bool = params.direct
        self.augmented: AugmentedParams | None = params.augmented
        self.visual = projectors.visual(params.visual, feature_dim, text_dim)
        self.text = projectors.text(params.text, text_dim)
        self.metric = None if params.augmented is None else DeepMetric(text_dim)
        self.temperature = Temperature(params.temperature, params.direct + (params.augmented is not None))

    def texts(self, text_SKT: Tensor) -> ProjectedTexts:
        """Unit texts (eq. 1), once for any number of clips."""
        text_SKH = self.text(text_SKT)
        key_SKH = text_SKT if self.sde is not None and self.sde.keys == "raw" else text_SKH
        if self.sde is None:  # every clip takes the mean
            key_SKH = text_SKH = text_SKH.mean(dim=0, keepdim=True)
        return ProjectedTexts(key_SKH, text_SKH, self._of_texts(text_SKH))

    def forward(self, v_BD: Tensor, texts: ProjectedTexts) -> Alignments:
        """Unit features (eq. 1) against classes."""
        v_BH = self.visual(v_BD)
        if self.sde is None:
            direct_BK = blending.cosines(v_BH, texts.text_SKH[0]) if self.direct else None
            return Alignments(direct_BK, self._metric(v_BH, texts.metric_SKG, None), None)
        product_BKS = blending.products(v_BH, texts.text_SKH)
        of_keys_BKS = product_BKS if self.sde.keys == "projected" else None
        blend_BKS = blending.attention(v_BH, texts.key_SKH, self.sde, of_keys_BKS)
        direct_BK = blending.blended_cosines(product_BKS, blend_BKS, v_BH, texts.text_SKH) if self.direct else None
        return Alignments(direct_BK, self._metric(v_BH, texts.metric_SKG, blend_BKS), blend_BKS)

    def by_column(self, v_BD: Tensor, texts: ProjectedTexts, label_B: Tensor) -> Alignments:
        """The same of all pairs of clips, where text j, of the class of clip j, is blended once: for clip j."""
        if self.sde is None:
            raise ValueError("by_column: nothing is blended")
        v_BH = self.visual(v_BD)
        blend_BS = blending.own_attention(v_BH, texts.key_SKH[:, label_B], self.sde)
        text_BH = torch.einsum("bs,sbh->bh", blend_BS, texts.text_SKH[:, label_B])
        direct_BB = blending.cosines(v_BH, text_BH) if self.direct else None
        metric_1BG = self._of_texts(text_BH[None])
        return Alignments(direct_BB, self._metric(v_BH, metric_1BG, None), None)

    def _of_texts(self, text_SKH: Tensor) -> Tensor | None:
        if self.metric is None or self.augmented is None:
            return None
        return self.metric.of_texts(text_SKH.detach() if self.augmented.detached else text_SKH)

    def _metric(self, v_BH: Tensor, metric_SKG: Tensor | None, blend_BKS: Tensor | None) -> Tensor | None:
        """G of eq. 6, of every pair."""
        if self.metric is None or self.augmented is None or metric_SKG is None:
            return None
        if self.augmented.detached:
            v_BH, blend_BKS = v_BH.detach(), None if blend_BKS is None else blend_BKS.detach()
        return activated(self.metric(v_BH, metric_SKG, blend_BKS), self.augmented)


def batch_loss(model: DVTA, params: DvtaParams, v_BD: Tensor, text_SKT: Tensor, label_B: Tensor) -> Tensor:
    """The loss of one batch; `label_B` are rows of the training classes' texts."""
    if params.loss.name == "softmax_ce":
        return _loss(model, params, model(v_BD, model.texts(text_SKT)), losses.by_class(label_B, text_SKT.shape[1]))
    classes_K, own_B = torch.unique(label_B, return_inverse=True)  # each text of the batch once
    texts = model.texts(text_SKT[:, classes_K])
    if params.by_column:
        return _loss(model, params, model.by_column(v_BD, texts, own_B), losses.by_clip(own_B))
    return _loss(model, params, model(v_BD, texts), losses.by_class(own_B, len(classes_K)))


def probabilities(model: DVTA, combine: str, alignments: Alignments) -> Tensor:
    """Of every clip over the classes (B, K): eq. 9, or one softmax."""
    logits = model.temperature(alignments.both)
    if combine == "logits":
        return torch.stack(logits).sum(dim=0).softmax(dim=1)
    return torch.stack([x.softmax(dim=1) for x in logits]).mean(dim=0)


def _loss(model: DVTA, params: DvtaParams, alignments: Alignments, pairing: losses.BatchPairs) -> Tensor:
    return losses.alignment_loss(model.temperature(alignments.both), pairing, params.loss, params.combine)


def activated(x: Tensor, params: AugmentedParams) -> Tensor:
    """G of eq. 6, of the output of the metric network."""
    if params.gamma is not None:
        return leaky_sigmoid(x, params.gamma)
    return x.sigmoid() if params.activation == "sigmoid" else x


def leaky_sigmoid(x: Tensor, gamma: float) -> Tensor:
    """Eq. 7: a sigmoid above 0, gamma exp(gamma x) at and below. It jumps at 0 from gamma to 1/2."""
    below = torch.where(x > 0, torch.zeros_like(x), x)  # not `clamp`, whose slope at its bound depends on the version
    return torch.where(x > 0, x.sigmoid(), gamma * (gamma * below).exp())
