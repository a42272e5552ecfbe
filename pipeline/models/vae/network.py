"""Variational autoencoders without hidden layers, of clips and of one or more texts of their classes."""

# Shapes: N clips or classes, D feature size, X size of a clip's or a text's vector, Z latent size.
from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from pipeline.models.feature_transform import FeatureForm, FeatureTransform
from pipeline.models.methods.shared import Array

_GAIN = 0.5  # of the weights at the start, as in the released code


class Vae(nn.Module):
    """x_NX -> the mean and log variance of a latent, and back; with `rectified` no rebuilt number is below 0."""

    def __init__(self, size: int, latent_dim: int, *, rectified: bool) -> None:
        super().__init__()
        self.rectified = rectified
        self.mean = nn.Linear(size, latent_dim)
        self.log_variance = nn.Linear(size, latent_dim)
        self.decoder = nn.Linear(latent_dim, size)
        for layer in (self.mean, self.log_variance, self.decoder):
            nn.init.xavier_uniform_(layer.weight, gain=_GAIN)
            nn.init.zeros_(layer.bias)

    def encoded(self, x_NX: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latents, (N, Z) each."""
        return self.mean(x_NX), self.log_variance(x_NX)

    def decoded(self, z_NZ: Tensor) -> Tensor:
        """Vectors (N, X)."""
        x_NX: Tensor = self.decoder(z_NZ)
        return x_NX.relu() if self.rectified else x_NX


class CrossVae(nn.Module):
    """An autoencoder of clips, and one of each text of a class, whose latents end to end are as long as a clip's."""

    def __init__(
        self, features_ND: Array, text_dims: Sequence[int], latent_dim: int, *, rectified: bool, form: FeatureForm
    ) -> None:
        super().__init__()
        self.intake = FeatureTransform(form, features_ND)
        self.clips = Vae(features_ND.shape[1], latent_dim, rectified=rectified)
        text_latent_dim = latent_dim // len(text_dims)
        self.texts = nn.ModuleList(Vae(size, text_latent_dim, rectified=rectified) for size in text_dims)

    @property
    def of_texts(self) -> list[Vae]:
        """The autoencoder of each text."""
        return [cast(Vae, vae) for vae in self.texts]

    def means(self, features_ND: Tensor) -> Tensor:
        """The latents of clips, without noise, (N, Z)."""
        mean_NZ: Tensor = self.clips.mean(self.intake(features_ND))
        return mean_NZ


def sample_latents(mean_NZ: Tensor, log_variance_NZ: Tensor, noise: Tensor) -> Tensor:
    """Latents; `noise` is (N, Z), or (N, 1) for all numbers of a latent alike."""
    return mean_NZ + noise * (log_variance_NZ / 2).exp()
