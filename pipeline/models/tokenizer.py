"""Texts as the token matrix of a CLIP architecture. It holds only names, so it can be sent to reader processes."""

# Shapes: N texts, L tokens a text (the context length).
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.text import clip_tokens, cutting

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tokenizer:
    """CLIP's own byte pairs (`architecture` None), which need no torch, or open_clip's tokenizer of an architecture."""

    architecture: str | None
    context_length: int

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """token_NL, padded behind the end; CLIP's own pad with 0. DataError for a text that would be cut short."""
        if self.architecture is not None:
            for text in texts:
                self._check(self.count(text), text)
            token_NL: Tokens = _open_clip_tokenizer(self.architecture)(
                list(texts), context_length=self.context_length
            ).numpy()
            return token_NL
        token_NL = np.zeros((len(texts), self.context_length), np.int64)
        for row_L, text in zip(token_NL, texts, strict=True):
            ids = clip_tokens.tokens().ids(text)
            self._check(len(ids), text)
            row_L[: len(ids)] = ids
        return token_NL

    def _check(self, num_tokens: int, text: str) -> None:
        if num_tokens > self.context_length:
            raise DataError(
                f"a text of {num_tokens} tokens, this CLIP reads {self.context_length}: {text[:60]!r}; shorten it"
            )

    def count(self, text: str) -> int:
        """The number of tokens of a text, start and end included."""
        if self.architecture is None:
            return clip_tokens.tokens().count(text)
        tokenizer = _open_clip_tokenizer(self.architecture)
        return len(tokenizer.tokenizer(tokenizer.clean_fn(text))["input_ids"])

    def pieces(self, text: str) -> list[str]:
        """The text in as few pieces as fit, cut at sentence or clause ends; most texts are one piece."""
        return cutting.split(text, self.context_length, self.count)

    def num_cut(self, texts: Sequence[str]) -> int:
        """How many texts do not fit and are read in pieces."""
        return sum(self.count(text) > self.context_length for text in texts)


@lru_cache(maxsize=4)
def _open_clip_tokenizer(architecture: str) -> Any:
    """The tokenizer of a named architecture with another vocabulary than CLIP's, from the local cache alone."""
    from pipeline.models import open_clips

    return open_clips.tokenizer(architecture)
