"""Multiply-accumulates of a network, counted as it runs: what papers on video networks call GFLOPs (Table 4)."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree
from torch.utils.flop_counter import FlopCounterMode


def count(module: nn.Module, *inputs: Any) -> int:
    """Multiply-accumulates of the convolutions and matrix products in module(*inputs), tensors or batches of them.

    Nothing is computed: a copy runs on the meta device, where recurrent layers too come apart into matrix products.
    """
    there = copy.deepcopy(module).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        there(*_pytree.tree_map_only(Tensor, lambda tensor: tensor.to("meta"), inputs))
    return int(counter.get_total_flops()) // 2
