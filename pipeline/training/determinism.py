"""A block in which the same seed gives the same weights, whatever ran before."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def deterministic(seed: int, num_threads: int) -> Iterator[None]:
    """Fix the threads of NumPy and torch, seed torch and allow deterministic algorithms only; then restore it all.

    The number of threads belongs to the result: it decides in which order sums are added. Where nothing has imported
    torch, a closed form is at work, and torch is left alone: to import it costs more than most closed forms.
    """
    with threadpool_limits(num_threads):
        if "torch" in sys.modules:
            with _deterministic_torch(seed, num_threads):
                yield
        else:
            yield


@contextmanager
def _deterministic_torch(seed: int, num_threads: int) -> Iterator[None]:
    import torch

    # cuBLAS is deterministic only with a workspace of fixed size, and reads this before its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Not `use_deterministic_algorithms`, which does the same and imports the compiler: more than a second.
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    torch.set_num_threads(num_threads)
    torch.set_deterministic_debug_mode("error")
    try:
        own = [int(os.environ.get("LOCAL_RANK", "0"))] if torch.cuda.is_available() else []  # not other ranks'
        with torch.random.fork_rng(devices=own):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        torch.set_num_threads(threads)
