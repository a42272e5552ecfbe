"""CLIP learns from pictures with captions told of their graphs, from what is false of them, and from general pairs.

Action-SGFA (III-B): eq. 2 is InfoNCE over general and graph pairs alike, eq. 3 sets a caption against false ones, eq. 4
adds the two; where the plan says so, a decoder rebuilds the pictures of the graph pairs.
"""

# Shapes: N pairs, M of them of graphs, T frames, H x W pixels, C channels, K false texts, D size of a vector, S patches
# of Q values.
import math
from collections.abc import Callable
from typing import Literal, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core.params import Params
from pipeline.models import losses, mae
from pipeline.models.clip import Clip, Pooling, weighed
from pipeline.training import ranks

MAX_SCALE = 100.0  # CLIP bounds its logit scale
Batch = dict[str, Tensor]


class Negatives(Params):
    """The graph-negative loss, eq. 3."""

    weight: float = Field(gt=0)  # alpha of eq. 4
    scale: Literal["paper", "logit"]  # cosines as they are, or times CLIP's logit scale


class Reconstruction(Params):
    """The decoder, what is hidden from it, and its weight in the loss."""

    weight: float = Field(gt=0)
    autoencoder: mae.Params


class Objective(Params):
    """The terms of the loss."""

    pooling: Pooling  # of the frames of a clip
    negatives: Negatives | None  # null: none, "GT" of Table II
    reconstruction: Reconstruction | None


class ImageTextModel(nn.Module):
    """CLIP and the decoder as one module: a call gives everything that the losses need, in any process."""

    def __init__(self, clip: Clip, objective: Objective) -> None:
        super().__init__()
        self.clip = clip
        self.objective = objective
        rebuilt = objective.reconstruction
        self.autoencoder = mae.MaskedAutoencoder(rebuilt.autoencoder, clip.model.visual) if rebuilt else None

    def forward(self, batch: Batch) -> Batch:
        """`image`, `text` (N, D), `negative` (N, K, D), `scale`, and of the decoder `error`, `parts`, `fell_back`."""
        with torch.no_grad():  # the weight itself: bounded in the forward pass, it would get no gradient at its bound
            self.clip.model.logit_scale.clamp_(max=math.log(MAX_SCALE))
        x_NTCHW = self.clip.prepare(batch["frames"])
        seen = {"text": self.clip.texts(batch["tokens"]), "scale": self.clip.scale}
        if self.objective.negatives is not None:
            seen["negative"] = self._negatives(batch, seen["text"])
        if self.autoencoder is None:
            return {**seen, "image": self.clip.clips(x_NTCHW, self.objective.pooling)}
        return {**seen, **self._rebuilt(self.autoencoder, x_NTCHW, batch)}

    def _negatives(self, batch: Batch, text_ND: Tensor) -> Tensor:
        """negative_NKD; padding does not go through the tower."""
        has_NK = batch["has_negative"]
        vector_MD = self.clip.texts(batch["negatives"][has_NK]) if bool(has_NK.any()) else text_ND[:0]
        negative_NKD = text_ND.new_zeros(*has_NK.shape, text_ND.shape[1])
        return negative_NKD.masked_scatter(has_NK[:, :, None], vector_MD)

    def _rebuilt(self, autoencoder: mae.MaskedAutoencoder, x_NTCHW: Tensor, batch: Batch) -> Batch:
        """The pictures' vectors, and how well the patches of graph pairs were rebuilt.

        What is hidden is hidden in a pass of its own: captions are compared with the whole picture. Where nothing is
        hidden one pass serves both.
        """
        has_N, visual = batch["has_graph"], self.clip.model.visual
        if not bool(has_N.any()):
            return self._nothing_rebuilt(autoencoder, x_NTCHW)
        x_MTCHW = x_NTCHW[has_N]
        hidden, fell_back = autoencoder.hidden(batch["action_boxes"][has_N], _drawn())
        if hidden is None:
            whole = autoencoder.encode(visual, x_NTCHW, None)
            image_ND = weighed(whole.embedding_NTD, self.objective.pooling).mean(dim=1)
            predicted_MSQ = autoencoder.decode(whole.patch_NTGPE[has_N], None)
        else:
            image_ND = self.clip.clips(x_NTCHW, self.objective.pooling)
            predicted_MSQ = autoencoder(visual, x_MTCHW, hidden)
        parts = predicted_MSQ.new_full((1,), predicted_MSQ[..., 0].numel()) if hidden is None else hidden.sum()[None]
        error = autoencoder.loss(predicted_MSQ, x_MTCHW, hidden)
        return {"image": image_ND, "error": error, "parts": parts.float(), "fell_back": fell_back.float().mean()}

    def _nothing_rebuilt(self, autoencoder: mae.MaskedAutoencoder, x_NTCHW: Tensor) -> Batch:
        """A batch without graph pairs; the decoder's weights take part all the same, with gradients of 0."""
        none = torch.stack([weight.sum() for weight in autoencoder.parameters()]).sum() * 0.0
        image_ND = self.clip.clips(x_NTCHW, self.objective.pooling)
        return {"image": image_ND, "error": none, "parts": none.detach()[None].float(), "fell_back": none.detach()}


def loss_of(objective: Objective) -> Callable[[nn.Module, Batch], tuple[Tensor, Batch]]:
    """The loss of a batch of an ImageTextModel, and its parts; of several processes, of their batches together.

    `replaced`, where a source tells it, is the share of rows that stand for one whose picture does not decode.
    """

    def total(module: nn.Module, batch: Batch) -> tuple[Tensor, Batch]:
        seen = cast(Batch, module(batch))
        image_ND, text_ND = ranks.gathered(seen["image"]), ranks.gathered(seen["text"])
        loss = losses.info_nce(image_ND, text_ND, seen["scale"])
        metrics = {"contrastive": loss.detach()}
        if objective.negatives is not None:
            negative_NKD, has_NK = ranks.gathered(seen["negative"]), ranks.gathered(batch["has_negative"])
            scale = seen["scale"] if objective.negatives.scale == "logit" else 1.0
            false = losses.graph_negatives(image_ND, text_ND, negative_NKD, has_NK, scale)
            loss = loss + objective.negatives.weight * false
            metrics["negatives"] = false.detach()
        if objective.reconstruction is not None:
            parts = ranks.gathered(seen["parts"])  # one number a process
            # A process adds its own patches alone, and its loss counts as many times as it has rows: the mean over the
            # rows of all processes is the mean over the patches of all.
            rows = len(image_ND) / len(seen["image"])
            reconstruction = seen["error"] * seen["parts"].sum() * rows / parts.sum().clamp(min=1)
            loss = loss + objective.reconstruction.weight * reconstruction
            metrics |= {"reconstruction": reconstruction.detach(), "fell_back": seen["fell_back"]}
        if "replaced" in batch:
            metrics["replaced"] = batch["replaced"].double().mean()
        return loss, metrics

    return total


def _drawn() -> np.random.Generator:
    """A generator that follows torch's own random state, which the loop sets by seed, epoch and rank."""
    return np.random.default_rng(int(torch.randint(2**62, ())))
