"""The number of weights of a network, and the cost of linear layers."""

from torch import nn


def num_params(module: nn.Module) -> int:
    """All weights, without running means."""
    return sum(weights.numel() for weights in module.parameters())


def macs(*modules: nn.Module) -> int:
    """Multiply-accumulates of one vector through linear layers, without biases."""
    return sum(layer.weight.numel() for module in modules for layer in module.modules() if isinstance(layer, nn.Linear))
