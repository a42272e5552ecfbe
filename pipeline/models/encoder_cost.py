"""What a network costs: its weights, and the multiply-accumulates of its input, counted as it runs.

That is what papers on video networks call GFLOPs (ResT's Table 4).
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from pipeline.models import dense


@dataclass(frozen=True)
class EncoderCost:
    """Numbers that no machine changes."""

    num_params: int  # weights, frozen ones among them; no running means
    macs: int  # multiply-accumulates of the convolutions and matrix products of one clip, not of what is elementwise


def of(encoder: nn.Module, x_1CT: Tensor) -> EncoderCost:
    """The cost of a batch of one clip, computed in eval mode; the encoder is left as it was.

    Of skeletons only the bodies that are there count. A convolution counts what it takes from beside the clip too, as
    all published counts do.
    """
    was_training = encoder.training
    counted = _counted(encoder.eval(), x_1CT)
    encoder.train(was_training)
    return EncoderCost(dense.num_params(encoder), counted)


def macs(module: nn.Module, *inputs: Any) -> int:
    """Multiply-accumulates of the convolutions and matrix products in module(*inputs), tensors or batches of them.

    Nothing is computed: a copy runs on the meta device, where recurrent layers too come apart into matrix products.
    """
    on_meta = copy.deepcopy(module).to("meta").eval()
    return _counted(on_meta, *_pytree.tree_map_only(Tensor, lambda tensor: tensor.to("meta"), inputs))


def _counted(module: nn.Module, *inputs: Any) -> int:
    counter = _Counter()
    # Attention in one piece is counted nowhere, in matrix products it is.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        module(*inputs)
    return counter.flops // 2


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up torch's own counts, as `FlopCounterMode` does, which imports the compiler: more than a second."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Nothing is compiled here; True would import the compiler to tell it so."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.flops += count(*args, **(kwargs or {}), out_val=output)
        return output
