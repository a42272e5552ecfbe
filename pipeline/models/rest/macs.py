"""Multiply-accumulates of a network, counted as it runs: what papers on video networks call GFLOPs (Table 4)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree
from torch.utils.flop_counter import FlopCounterMode


def count(run: Callable[..., Any], *inputs: Any) -> int:
    """Multiply-accumulates of the convolutions and matrix products in run(*inputs), a module or a method of one.

    The module and all tensors have to be on the meta device: nothing is computed there, and recurrent layers too come
    apart into matrix products, of which elsewhere none would be seen.
    """
    devices = {leaf.device.type for leaf in _pytree.tree_leaves(inputs) if isinstance(leaf, Tensor)}
    if devices != {"meta"}:
        raise ValueError(f"macs: expected tensors on the meta device, found some on {sorted(devices)}")
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        run(*inputs)
    return int(counter.get_total_flops()) // 2
