"""Features as networks take them: unchanged, as unit vectors, as log(1 + x), or standardised."""

# Shapes: N clips, D feature size.
from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.core.errors import DataError
from pipeline.models.methods.shared import Array, standardisation

FeatureForm = Literal["raw", "unit", "log1p", "standardised"]


class FeatureTransform(nn.Module):
    """Features in one of the forms; `standardised` uses mean and deviation of the training clips."""

    mean: Tensor
    scale: Tensor

    def __init__(self, form: FeatureForm, features_ND: Array) -> None:
        super().__init__()
        self.form = form
        mean_D, scale_D = standardisation(features_ND)
        self.register_buffer("mean", torch.from_numpy(mean_D))
        self.register_buffer("scale", torch.from_numpy(scale_D))

    def forward(self, features_ND: Tensor) -> Tensor:
        """The features (N, D) in that form. Raises DataError for features that have no logarithm."""
        if self.form == "unit":
            return nn.functional.normalize(features_ND, dim=1)
        if self.form == "log1p":
            _check_above(features_ND)
            return torch.log1p(features_ND)
        return (features_ND - self.mean) * self.scale if self.form == "standardised" else features_ND


def _check_above(features_ND: Tensor) -> None:
    if (features_ND <= -1).any():
        least = features_ND.min().item()
        raise DataError(
            f"features: log1p takes the logarithm of 1 + x, and the features go down to {least:.3g}; "
            "set features to standardised in params.yaml, or name a store of an encoder whose vectors are not negative"
        )
