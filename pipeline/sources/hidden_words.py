"""Clips with the words of their class's name, some of them hidden, drawn anew each time."""

# Shapes: N clips, K classes, W words.
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.core.batches import Arrays, Rows, Source, in_turn, order
from pipeline.core.seeds import generator
from pipeline.models.rest.tokens import mask_words


class Labelled(Source, Protocol):
    """Clips with `label`, the place of their class; the rows of epoch e begin at e times their number."""

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the clips."""


def numbered(num_clips: int, batch_size: int, seed: int, epoch: int, *, shuffled: bool) -> list[Rows]:
    """The rows of an epoch of labelled clips; unshuffled clips have the same rows in every epoch."""
    if not shuffled:
        return in_turn(num_clips, batch_size)
    return [rows + epoch * num_clips for rows in order(num_clips, batch_size, seed, epoch)]


@dataclass(frozen=True)
class HiddenWords:
    """A source of clips, with `words` and `word_targets` (N, W) as `models.rest.tokens.mask_words` draws them.

    The draw is a function of the seed, the epoch and the clip's id, as those of the clips are.
    """

    clips: Labelled
    words_KW: npt.NDArray[np.int64]
    share: float
    seed: int

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the clips."""
        return self.clips.ids

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        """As for the clips."""
        return list(self.clips.steps(seed, epoch))

    def read(self, rows: Rows, seed: int) -> Arrays:
        """The clips' arrays, and their words."""
        arrays = self.clips.read(rows, seed)
        epochs = (rows // len(self.clips.ids)).tolist()
        drawn = [
            mask_words(self.words_KW[label], generator(self.seed, "words", epoch, clip_id), self.share)
            for label, epoch, clip_id in zip(arrays["label"], epochs, self.names(rows), strict=True)
        ]
        words, targets = zip(*drawn, strict=True)
        return {**arrays, "words": np.stack(words), "word_targets": np.stack(targets)}

    def names(self, rows: Rows) -> list[str]:
        """Clip ids."""
        return self.clips.names(rows)
