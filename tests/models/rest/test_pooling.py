"""Means and maxima against torch's own, forwards and backwards."""

import pytest
import torch
from torch import nn

from pipeline.models.rest.pooling import Maxima, Parts


def found(module, x):
    """What a module gives, and the gradient of a weighed sum of it."""
    x = x.clone().requires_grad_()
    given = module(x)
    (given * torch.arange(given.numel(), dtype=given.dtype).reshape(given.shape)).sum().backward()
    return given, x.grad


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (3, 3), (7, 8), (12, 9)], ids=str)
@pytest.mark.parametrize("num", [1, 3, 4])
def test_means_are_torchs(size, num):
    x_MCHW = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for ours, theirs in zip(found(Parts(num), x_MCHW), found(nn.AdaptiveAvgPool2d(num), x_MCHW), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("size", [(2, 4, 4), (5, 7, 6)], ids=str)
def test_maxima_are_torchs(frames, padding, size):
    x_MCFHW = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    theirs = nn.MaxPool3d((frames, 2, 2), padding=(0, padding, padding))
    for one, other in zip(found(Maxima(frames, padding), x_MCFHW), found(theirs, x_MCFHW), strict=True):
        torch.testing.assert_close(one, other)
