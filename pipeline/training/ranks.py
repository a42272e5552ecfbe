"""The processes that train one module together, as torchrun starts them: this one's rank, and the others' rows.

Rank r takes rows[r::num_ranks] of every step. Rank 0 leads: it alone writes and speaks; the others compute along.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed

_alone = False


def under_torchrun() -> bool:
    """Whether torchrun has started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def rank() -> int:
    """The rank of this process, from 0."""
    return int(os.environ["RANK"]) if under_torchrun() else 0


def local_rank() -> int:
    """The rank among the processes of this machine, from 0."""
    return int(os.environ["LOCAL_RANK"]) if under_torchrun() else 0


def num_ranks() -> int:
    """The world size; 1 for a single process."""
    return int(os.environ["WORLD_SIZE"]) if under_torchrun() else 1


def leads() -> bool:
    """Whether this process is the one that writes."""
    return rank() == 0


@contextmanager
def alone() -> Iterator[None]:
    """In the block `gathered` returns its argument: ranks measure different batches."""
    global _alone  # noqa: PLW0603 - a loss function is given no context
    before, _alone = _alone, True
    try:
        yield
    finally:
        _alone = before


def gathered(tensor: Tensor) -> Tensor:
    """The rows of all ranks, rank 0's first, with gradient; the tensor itself for one process.

    Ranks may differ in their number of rows, in nothing else. The gradient of a rank's rows is the sum over the
    ranks of the gradients that their losses have by them, so that a loss over all rows, which every rank computes,
    has after the mean over ranks the gradient that one process would find.
    """
    if _alone or num_ranks() == 1:
        return tensor
    rows: Tensor = _Gathered.apply(tensor)
    return rows


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        count = torch.tensor([len(tensor)], device=tensor.device)
        counts = [torch.empty_like(count) for _ in range(num_ranks())]
        distributed.all_gather(counts, count)
        ctx.counts = [int(of_rank) for of_rank in counts]
        padded = tensor.new_zeros(max(ctx.counts), *tensor.shape[1:])
        padded[: len(tensor)] = tensor
        parts = [torch.empty_like(padded) for _ in ctx.counts]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:num_rows] for part, num_rows in zip(parts, ctx.counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (grad,) = grads
        total = grad.contiguous().clone()
        distributed.all_reduce(total)
        start = sum(ctx.counts[: rank()])
        return total[start : start + ctx.counts[rank()]]
