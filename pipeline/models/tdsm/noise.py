"""How features and noise are mixed at each diffusion step."""

# Shapes: N clips, D feature size, R steps.
import torch
from torch import Tensor

from pipeline.models.tdsm.params import NoiseParams


def signal_shares(params: NoiseParams) -> Tensor:
    """The remaining share of a feature's variance at each step, (R): the product of 1 - beta up to it."""
    beta_R = torch.linspace(params.first**0.5, params.last**0.5, params.steps, dtype=torch.float64) ** 2
    return (1 - beta_R).cumprod(dim=0).float()


def add_noise(x_ND: Tensor, noise_ND: Tensor, share_N: Tensor) -> Tensor:
    """Features scaled to their remaining share, with noise of variance 1 for the rest."""
    return share_N.sqrt()[:, None] * x_ND + (1 - share_N).sqrt()[:, None] * noise_ND
