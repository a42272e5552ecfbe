"""What the autoencoders minimise: errors of rebuilding, KL divergences, and errors of rebuilding across."""

# Shapes: N clips of a batch, D feature size, T text size, Z latent size.
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models.vae.network import CrossVae, sample_latents
from pipeline.models.vae.params import VaeParams


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms at one step; that of rebuilding is 1."""

    clip_kl: float
    text_kl: float
    cross: float

    @staticmethod
    def at(params: VaeParams, cycle: int, step: int) -> "LossWeights":
        """The weights at a step of a cycle, both from 0."""
        return LossWeights(params.clip_kl.at(cycle, step), params.text_kl.at(cycle, step), params.cross.at(step))


def loss(
    model: CrossVae, x_ND: Tensor, texts: Sequence[Tensor], noises: Sequence[Tensor], weights: LossWeights
) -> Tensor:
    """The loss of a batch: `texts` (N, T) are those of the clips' classes, `noises` of the clips and then of each text.

    Errors are means over all numbers; KL divergences sums over the latent and means over the clips.
    """
    clip_mean, clip_log = model.clips.encoded(x_ND)
    z_NZ = sample_latents(clip_mean, clip_log, noises[0])
    total = functional.mse_loss(model.clips.decoded(z_NZ), x_ND) + weights.clip_kl * kl_divergence(clip_mean, clip_log)
    latents, start = [], 0
    for vae, text_NT, noise in zip(model.of_texts, texts, noises[1:], strict=True):
        mean, log = vae.encoded(text_NT)
        latent = sample_latents(mean, log, noise)
        own_part = z_NZ[:, start : start + latent.shape[1]]  # of the clip's latent
        total = total + functional.mse_loss(vae.decoded(latent), text_NT) + weights.text_kl * kl_divergence(mean, log)
        total = total + weights.cross * functional.mse_loss(vae.decoded(own_part), text_NT)
        latents.append(latent)
        start += latent.shape[1]
    return total + weights.cross * functional.mse_loss(model.clips.decoded(torch.cat(latents, dim=1)), x_ND)


def kl_divergence(mean_NZ: Tensor, log_variance_NZ: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)), summed over the latent, mean over the rows."""
    each_NZ = mean_NZ.square() + log_variance_NZ.exp() - 1 - log_variance_NZ
    return each_NZ.sum(dim=1).mean() / 2
