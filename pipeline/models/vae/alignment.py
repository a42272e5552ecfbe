"""CADA-VAE and SynSE as methods: what is learnt cycle by cycle, and how clips are scored after each."""

# Shapes: N clips, D feature size, K classes, T text size, Z latent size.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models.dense import num_params
from pipeline.models.descent import drawn_from
from pipeline.models.methods.shared import Array, Candidate, ClassTexts, Clips, Cost, Rows, Wording, mean_texts
from pipeline.models.rounds import descend
from pipeline.models.vae import classifier
from pipeline.models.vae.losses import Weights, loss
from pipeline.models.vae.network import CrossVae
from pipeline.models.vae.params import VaeParams


@dataclass(frozen=True)
class Aligner:
    """The autoencoders, and how classes read beside them."""

    model: CrossVae
    params: VaeParams
    wordings: tuple[Wording, ...]  # of each text of a class
    seed: int

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Logits (N, K) of the final classifier, which is trained here for these classes, from their texts alone.

        The released code cuts them off at 0 and takes the first class where all are; here the largest leads there too.
        """
        with torch.no_grad():
            latents = self._latents(texts)
            z_NZ = self.model.means(torch.from_numpy(features_ND))
        weight_KZ, bias_K = classifier.trained(latents, texts.class_ids, self.params, self.seed)
        return _array(functional.linear(z_NZ, weight_KZ, bias_K))

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """The latents of clips and of texts, without noise."""
        with torch.no_grad():
            text_KZ = torch.cat([mean for mean, _ in self._latents(texts)], dim=1)
            return {
                "vectors": _array(self.model.means(torch.from_numpy(features_ND))),
                "text_vectors": _array(text_KZ),
            }

    def cost(self, num_classes: int) -> Cost:
        """Of the mean of a clip's latent and of the final classifier, whose weights are not counted: they come last."""
        weight_ZD = self.model.clips.mean.weight
        return Cost(num_params(self.model), weight_ZD.numel() + num_classes * len(weight_ZD))

    def state_dict(self) -> dict[str, Any]:
        """The autoencoders' weights, and the mean texts."""
        return {**self.model.state_dict(), **mean_texts(self.wordings)}

    def _latents(self, texts: ClassTexts) -> list[tuple[Tensor, Tensor]]:
        pairs = zip(self.model.of_texts, self.wordings, strict=True)
        return [vae.encoded(torch.from_numpy(wording(texts))) for vae, wording in pairs]


def candidates(
    clips: Clips, seen: ClassTexts, wordings: tuple[Wording, ...], params: VaeParams, seed: int
) -> Iterator[Candidate]:
    """The autoencoders after each cycle; `seen` are the texts of the clips' classes."""
    class_texts = [torch.from_numpy(wording(seen)) for wording in wordings]
    features_ND, label_N = torch.from_numpy(clips.features_ND), torch.from_numpy(seen.rows(clips.class_ids))
    with drawn_from(seed, "vae"):
        model = CrossVae(
            clips.features_ND,
            [text_KT.shape[1] for text_KT in class_texts],
            params.latent_dim,
            rectified=params.rectified,
            form=params.features,
        )
    x_ND = model.intake(features_ND)

    def loss_of(rows: Rows, cycle: int, step: int) -> Tensor:
        sizes = [params.latent_dim, *([params.latent_dim // len(wordings)] * len(wordings))]
        noises = [torch.randn(len(rows), 1 if params.shared_noise else size) for size in sizes]
        texts = [text_KT[label_N[rows]] for text_KT in class_texts]
        return loss(model, x_ND[rows], texts, noises, Weights.at(params, cycle, step))

    aligner = Aligner(model, params, wordings, seed)
    for setting, found in zip(params.settings, descend(model, loss_of, len(x_ND), params.rounds, seed), strict=True):
        yield Candidate(setting, found, aligner.scores, aligner, aligner.explained, aligner.cost)


def _array(values: Tensor) -> Array:
    return np.asarray(values.numpy(), dtype=np.float32)
