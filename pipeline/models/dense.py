"""What a network has to learn, and what one of linear layers costs."""

from torch import nn


def num_params(module: nn.Module) -> int:
    """All its weights; no running means."""
    return sum(weights.numel() for weights in module.parameters())


def macs(*modules: nn.Module) -> int:
    """Multiply-accumulates of one vector's way through linear layers; additions of biases are not counted."""
    return sum(layer.weight.numel() for module in modules for layer in module.modules() if isinstance(layer, nn.Linear))
