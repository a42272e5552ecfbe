"""CADA-VAE and SynSE as methods: training cycle by cycle, and scores after each cycle."""

# Shapes: N clips, D feature size, K classes, T text size, Z latent size.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models.arrays import as_array
from pipeline.models.dense import num_params
from pipeline.models.gradient_training import torch_seeded, train_rounds
from pipeline.models.methods.shared import (
    Array,
    CandidateModel,
    ClassEmbedder,
    ClassTexts,
    Clips,
    Cost,
    Rows,
    mean_texts,
)
from pipeline.models.vae import classifier
from pipeline.models.vae.losses import LossWeights, loss
from pipeline.models.vae.network import CrossVae
from pipeline.models.vae.params import VaeParams


@dataclass(frozen=True)
class LatentScorer:
    """The trained autoencoders, and the texts of classes beside them."""

    model: CrossVae
    params: VaeParams
    embedders: tuple[ClassEmbedder, ...]  # of each text of a class
    seed: int

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Logits (N, K) of the final classifier, which is trained here for these classes, from their texts alone.

        The released code cuts them off at 0 and takes the first class where all are; here the largest leads there too.
        """
        with torch.no_grad():
            latents = self._latents(texts)
            z_NZ = self.model.means(torch.from_numpy(features_ND))
        weight_KZ, bias_K = classifier.trained(latents, texts.class_ids, self.params, self.seed)
        return as_array(functional.linear(z_NZ, weight_KZ, bias_K))

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """The latents of clips and of texts, without noise."""
        with torch.no_grad():
            text_KZ = torch.cat([mean for mean, _ in self._latents(texts)], dim=1)
            return {
                "vectors": as_array(self.model.means(torch.from_numpy(features_ND))),
                "text_vectors": as_array(text_KZ),
            }

    def cost(self, num_classes: int) -> Cost:
        """Of the mean of a clip's latent and of the final classifier, whose later weights are not counted."""
        weight_ZD = self.model.clips.mean.weight
        return Cost(num_params(self.model), weight_ZD.numel() + num_classes * len(weight_ZD))

    def state_dict(self) -> dict[str, Any]:
        """The autoencoders' weights, and the mean texts."""
        return {**self.model.state_dict(), **mean_texts(self.embedders)}

    def _latents(self, texts: ClassTexts) -> list[tuple[Tensor, Tensor]]:
        pairs = zip(self.model.of_texts, self.embedders, strict=True)
        return [vae.encoded(torch.from_numpy(embedder(texts))) for vae, embedder in pairs]


def candidates(
    clips: Clips, seen: ClassTexts, embedders: tuple[ClassEmbedder, ...], params: VaeParams, seed: int
) -> Iterator[CandidateModel]:
    """The autoencoders after each cycle; `seen` are the texts of the clips' classes."""
    class_texts = [torch.from_numpy(embedder(seen)) for embedder in embedders]
    features_ND, label_N = torch.from_numpy(clips.features_ND), torch.from_numpy(seen.rows(clips.class_ids))
    with torch_seeded(seed, "vae"):
        model = CrossVae(
            clips.features_ND,
            [text_KT.shape[1] for text_KT in class_texts],
            params.latent_dim,
            rectified=params.rectified,
            form=params.features,
        )
    x_ND = model.intake(features_ND)

    def loss_of(rows: Rows, cycle: int, step: int) -> Tensor:
        sizes = [params.latent_dim, *([params.latent_dim // len(embedders)] * len(embedders))]
        noises = [torch.randn(len(rows), 1 if params.shared_noise else size) for size in sizes]
        texts = [text_KT[label_N[rows]] for text_KT in class_texts]
        return loss(model, x_ND[rows], texts, noises, LossWeights.at(params, cycle, step))

    scorer = LatentScorer(model, params, embedders, seed)
    for setting, mean_loss in zip(
        params.settings, train_rounds(model, loss_of, len(x_ND), params.schedule, seed), strict=True
    ):
        yield CandidateModel(setting, mean_loss, scorer.scores, scorer, scorer.explained, scorer.cost)
