"""Class names as numbered words, and the words of a name hidden for the masked-token task.

A vocabulary holds the words of the training classes: a word of an unseen class only if a seen class has it too.
"""

# Shapes: K classes, N clips, L words, padded with PAD behind.
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError, FormatError
from pipeline.formats import class_names

PAD, MASK = 0, 1  # places in the vocabulary before the words; [CLS] is a learnt vector, no word
NO_TARGET = -100  # torch's cross entropy ignores it

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Vocabulary:
    """The words of some class names, in alphabetical order, and the number of words of the longest name."""

    words: tuple[str, ...]
    max_words: int

    @classmethod
    def of(cls, names: Sequence[str]) -> "Vocabulary":
        """All words of the names. DataError for a name without a word, or for no names."""
        if not names:
            raise DataError("a vocabulary needs class names, and there are none")
        words_of = [_words(name) for name in names]
        return cls(tuple(sorted({word for words in words_of for word in words})), max(map(len, words_of)))

    def __len__(self) -> int:
        """Numbers in use: PAD, MASK and one a word."""
        return MASK + 1 + len(self.words)

    @cached_property
    def _number(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, MASK + 1)}

    def encode(self, name: str) -> list[int]:
        """The numbers of a name's words, in order; words of no training class are left out.

        DataError for a name without words, without a known word, or with more than `max_words` known ones.
        """
        words = _words(name)
        known = [self._number[word] for word in words if word in self._number]
        if not known:
            raise DataError(
                f"class '{name}': none of its words {list(words)} is in the vocabulary of {len(self.words)} words; "
                "mend the name in the class list or leave the class out"
            )
        if len(known) > self.max_words:
            raise DataError(f"class '{name}': {len(known)} words, the longest name taught has {self.max_words}")
        return known

    def table(self, names: Sequence[str]) -> Ids:
        """ids_KL of names, PAD behind each, L = `max_words`. DataError as `encode`."""
        ids_KL = np.full((len(names), self.max_words), PAD, np.int64)
        for row, name in enumerate(names):
            ids = self.encode(name)
            ids_KL[row, : len(ids)] = ids
        return ids_KL

    def to_json(self) -> dict[str, object]:
        """What `from_json` reads."""
        return {"words": list(self.words), "max_words": self.max_words}

    @classmethod
    def from_json(cls, value: object) -> "Vocabulary":
        """The vocabulary that `to_json` wrote. FormatError for anything else."""
        words = value.get("words") if isinstance(value, dict) else None
        max_words = value.get("max_words") if isinstance(value, dict) else None
        if (
            not isinstance(words, list)
            or not all(isinstance(word, str) for word in words)
            or sorted(set(words)) != words
            or type(max_words) is not int
            or max_words < 1
        ):
            raise FormatError("a vocabulary should be {words: [...] in alphabetical order, max_words}; run `dvc repro`")
        return cls(tuple(words), max_words)


def mask_words(ids_L: Ids, rng: np.random.Generator, share: float) -> tuple[Ids, Ids]:
    """input_L, in which each word is MASK with probability `share` but at least one is, and target_L.

    The target is the word where it is masked, NO_TARGET elsewhere. Padding is never masked. If no word is drawn, one is
    masked, each with equal probability.
    """
    place_W = np.flatnonzero(ids_L != PAD)
    hidden_W = rng.random(len(place_W)) < share
    fallback = rng.integers(len(place_W))  # always drawn, so that the draws for other clips do not depend on it
    if not hidden_W.any():
        hidden_W[fallback] = True
    hidden_L = np.zeros(len(ids_L), bool)
    hidden_L[place_W[hidden_W]] = True
    return np.where(hidden_L, MASK, ids_L), np.where(hidden_L, ids_L, NO_TARGET)


def _words(name: str) -> tuple[str, ...]:
    words = class_names.words(name)
    if not words:
        raise DataError(f"class '{name}': no word in its name; give it one in the class list")
    return words
