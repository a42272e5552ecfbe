"""What an encoder costs: its weights, and the multiply-accumulates of one clip, counted as it runs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pipeline.models import dense


@dataclass(frozen=True)
class EncoderCost:
    """Numbers that no machine changes."""

    num_params: int  # weights, those that stay as they are among them; no running means
    macs: int  # multiply-accumulates of the convolutions and matrix products of one clip, not of what is elementwise


def of(encoder: nn.Module, x_1CT: Tensor) -> EncoderCost:
    """The cost of a batch of one clip, computed in eval mode; the encoder is left as it was.

    Of skeletons those bodies count that are there. A convolution counts what it takes from beside the clip too, as all
    counts that are published do.
    """
    was_training = encoder.training
    counter = FlopCounterMode(display=False)
    # Attention in one piece is counted nowhere, in matrix products it is.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        encoder.eval()(x_1CT)
    encoder.train(was_training)
    return EncoderCost(dense.num_params(encoder), counter.get_total_flops() // 2)
