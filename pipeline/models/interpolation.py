"""Interpolate between two sets of weights of one model: what fine-tuning learned against what it forgot (WiSE-FT).

Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from pipeline.core.errors import DataError


def interpolated(start: Mapping[str, Tensor], tuned: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """(1 - share) x start + share x tuned for each weight; 0 gives the start and 1 the tuned weights, to the bit.

    Integers, such as counts, are taken from the tuned weights. Raises DataError where names or shapes differ.
    """
    differing = sorted(
        {*start, *tuned} - {name for name in start if name in tuned and start[name].shape == tuned[name].shape}
    )
    if differing:
        raise DataError(
            f"weights of two models cannot be mixed: {differing[0]!r} is missing or of another shape in one of them"
            f" ({len(differing)} such weights); give the weights that the fine-tuning started from"
        )
    return {name: _between(start[name], tuned[name], share) for name in tuned}


def _between(start: Tensor, tuned: Tensor, share: float) -> Tensor:
    if not tuned.is_floating_point():
        return tuned.clone()
    return torch.lerp(start.to(tuned), tuned, share)
