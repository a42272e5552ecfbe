"""Vectors of texts, by any text encoder, kept in a cache outside DVC. The cache decides no vector."""

# Shapes: N texts, D numbers a vector.
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from pipeline.core.array_cache import ArrayCache
from pipeline.core.closure import Code
from pipeline.core.hashing import value_digest
from pipeline.core.runs import CACHE
from pipeline.models.text_encoders.shared import TextEncoder, Vectors

# Libraries that vectors depend on. Another version starts an empty cache, so cached and new vectors agree.
_LIBRARIES = ("open_clip_torch", "sentence-transformers", "tokenizers", "torch", "transformers")


def encode_cached(encoder: TextEncoder, texts: Sequence[str], root: Path = CACHE) -> Vectors:
    """Vectors (N, D) of texts: from the cache `root`/texts if an earlier run wrote them, else from the encoder."""
    cached = _cache((root / "texts" / _cache_name(encoder)).absolute())
    cached.refresh()
    known = {text: _known(cached, text) for text in texts}
    missing = [text for text, vector in known.items() if vector is None]
    if missing:
        with cached.writing() as pack:
            for text, vector in zip(missing, encoder.encode(missing), strict=True):
                pack.keep(_key(text), {}, vector)
                known[text] = vector
    return np.stack([vector for text in texts if (vector := known[text]) is not None])


@lru_cache(maxsize=8)
def _cache(folder: Path) -> ArrayCache:
    """The cache of one encoder, opened once: whoever searches by texts asks for one after the other."""
    return ArrayCache(folder)


def _cache_name(encoder: TextEncoder) -> str:
    """A name for all that a vector depends on beside its text: weights, libraries, and the encoder's code."""
    module = type(encoder).__module__
    code = Code().digest(module) if module.startswith("pipeline.") else module
    facts = {"weights": encoder.weights_hash, "code": code, "num_threads": getattr(encoder, "num_threads", None)}
    return value_digest({**facts, **{name: version(name) for name in _LIBRARIES}})[:32]


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _known(cached: ArrayCache, text: str) -> Vectors | None:
    loaded = cached.load(_key(text))
    return None if loaded is None else loaded[1]
