"""How well text alone tells a negative from its caption: what a model can learn without looking at the picture.

A bag-of-words classifier gets both texts of a pair and must say which is false. It is trained on the pairs of one half
of the images and tested on those of the other; 50 % is no leak. Every word is weighed by the log of how much more often
it stands in false than in true texts, with add-one smoothing (naive Bayes); words that both texts share cancel out.
`neighbours` also counts pairs of adjacent words, the only thing by which exchanged words can leak.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import msgspec

from pipeline.text.rng import Rng

_WORD = re.compile(r"[^\s.,]+")
_Z = 1.959964  # of a 95 % interval


class LeakAccuracy(msgspec.Struct, frozen=True):
    """The share of tested pairs whose false text was recognised, ties counting half, with Wilson's 95 % interval."""

    num_tested: int
    accuracy: float
    low: float
    high: float


class Pairs:
    """Pairs of caption and negative, kept as the words that one has more often than the other."""

    def __init__(self, seed: int, *, neighbours: bool) -> None:
        self._seed = seed
        self._neighbours = neighbours
        self._pairs: tuple[list[Counter[str]], list[Counter[str]]] = ([], [])

    def add(self, image_id: str, caption: str, text: str) -> None:
        """Keep one pair; all pairs of an image are on one side."""
        side = Rng(self._seed, "leak", image_id).below(2)
        self._pairs[side].append(_difference(caption, text, neighbours=self._neighbours))

    def merge(self, later: "Pairs") -> None:
        """Add the pairs of other images, which come after those here."""
        for side, others in zip(self._pairs, later._pairs, strict=True):
            side.extend(others)

    def accuracy(self) -> LeakAccuracy | None:
        """Train on one side, test on the other; None where a side has no pairs."""
        train, test = self._pairs
        if not train or not test:
            return None
        weights = _weights(train)
        scores = [sum(weights[word] * count for word, count in pair.items()) for pair in test]
        num_right = sum(0.5 if score == 0 else float(score > 0) for score in scores)
        return LeakAccuracy(len(test), num_right / len(test), *wilson(num_right, len(test)))


def wilson(successes: float, number: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927).

    >>> [round(bound, 3) for bound in wilson(8, 10)]
    [0.49, 0.943]
    """
    share = successes / number
    middle = share + _Z**2 / (2 * number)
    half = _Z * math.sqrt(share * (1 - share) / number + _Z**2 / (4 * number**2))
    whole = 1 + _Z**2 / number
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def _difference(caption: str, text: str, *, neighbours: bool) -> Counter[str]:
    """How much more often each word stands in the false text than in the true one."""
    false, true = (_WORD.findall(words.lower()) for words in (text, caption))
    counts = Counter(false)
    counts.subtract(true)
    if neighbours:
        counts.update(_side_by_side(false))
        counts.subtract(_side_by_side(true))
    return Counter({word: count for word, count in counts.items() if count})


def _side_by_side(words: Sequence[str]) -> list[str]:
    return [f"{left} {right}" for left, right in pairwise(words)]


def _weights(pairs: Iterable[Counter[str]]) -> defaultdict[str, float]:
    false: Counter[str] = Counter()
    true: Counter[str] = Counter()
    for pair in pairs:
        for word, count in pair.items():
            (false if count > 0 else true)[word] += abs(count)
    words = sorted({*false, *true})
    return defaultdict(float, {word: math.log((false[word] + 1) / (true[word] + 1)) for word in words})
