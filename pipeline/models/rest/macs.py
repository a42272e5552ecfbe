"""Multiply-accumulates of a network, counted as it runs: what papers on video networks call GFLOPs (Table 4)."""

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode


def count(run: Callable[..., Any], *inputs: Any) -> int:
    """Multiply-accumulates of the convolutions and matrix products in run(*inputs).

    On the meta device they are counted without being computed.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        run(*inputs)
    return int(counter.get_total_flops()) // 2
