"""Randomness that is named: the same seed and names give the same numbers on every machine."""

import hashlib

import numpy as np


def derived_seed(seed: int, *names: str | int) -> int:
    """A 63-bit seed drawn from a base seed and a path of names; different paths are independent.

    >>> derived_seed(0, "split", 3) == derived_seed(0, "split", 3)
    True
    >>> derived_seed(0, "split", 3) == derived_seed(0, "split", 4)
    False
    """
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for one named purpose, e.g. generator(params.seed, "world", "subject", 4)."""
    return np.random.default_rng(derived_seed(seed, *names))
