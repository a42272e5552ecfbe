"""A block in which the same seed gives the same weights, whatever ran before."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def deterministic(seed: int, num_threads: int) -> Iterator[None]:
    """Seed torch, fix its threads and allow only deterministic algorithms; afterwards all is as it was.

    The number of threads belongs to the result: it decides in which order sums are added.
    """
    # cuBLAS is deterministic only with a workspace of fixed size, and reads this before its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(num_threads)
    torch.use_deterministic_algorithms(True)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield
    finally:
        torch.use_deterministic_algorithms(strict)
        torch.set_num_threads(threads)
