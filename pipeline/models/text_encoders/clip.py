"""The text tower of a CLIP, from a start file or from weights of finetune. No text is silently truncated."""

# Shapes: N texts, D size of a vector.
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import params
from pipeline.models import open_clips
from pipeline.models.text_encoders.shared import Vectors
from pipeline.models.tokenizer import Tokenizer


class Params(params.Params):
    """Which weights."""

    weights: str  # a start file, or the folder of a row of finetune
    seed: int  # of that row; for a start file without weights, the seed of random ones


class ClipTexts:
    """Texts in the space of a CLIP, as unit vectors. The model is loaded at first use, which takes seconds."""

    def __init__(self, weights: Path, seed: int, num_threads: int) -> None:
        self.weights, self.seed = weights, seed
        self.weights_hash = open_clips.identity(weights, seed)
        self.num_threads = num_threads  # of torch; another number may change last bits

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors (N, D); of a text longer than the tower reads, the mean direction of its pieces."""
        import torch

        torch.set_num_threads(self.num_threads)
        # One at a time: a batch is padded to its longest text, which changes the last bits of the others.
        return np.concatenate([self._clip.text_vectors([text]) for text in texts])

    def num_cut(self, texts: Sequence[str]) -> int:
        """How many texts are longer than the tower reads."""
        tokenizer: Tokenizer = self._clip.tokenizer
        return tokenizer.num_cut(texts)

    @cached_property
    def _clip(self) -> Any:
        from pipeline.models import clip

        return clip.start(self.weights, self.seed)


def seeds(weights: Path) -> list[int] | None:
    """The seeds of a row of finetune; None for a start file."""
    return open_clips.seeds(weights)


def encoder(params: Params, *, num_threads: int) -> ClipTexts:
    """The tower. Raises DataError for missing weights, FormatError for files that hold none."""
    return ClipTexts(Path(params.weights), params.seed, num_threads)
