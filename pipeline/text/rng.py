"""Random choices in plain Python: a NumPy generator costs more to make than a caption does."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from pipeline.core.seeds import derived_seed

T = TypeVar("T")

_MULTIPLIER, _INCREMENT = 6364136223846793005, 1442695040888963407  # Knuth's MMIX generator
_MASK = (1 << 64) - 1


class Rng:
    """Rng named by a seed and a path of names, as core.seeds; two of different names are independent."""

    def __init__(self, seed: int, *names: str | int) -> None:
        self.seed = derived_seed(seed, *names)
        self._state = self.seed

    def below(self, bound: int) -> int:
        """A number of range(bound); the bias is below bound / 2**32."""
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return (self._state >> 32) % bound

    def order(self, items: Sequence[T]) -> Iterator[T]:
        """All items in random order, drawn one at a time (Fisher and Yates), for the first is often enough."""
        left = list(items)
        while left:
            place = self.below(len(left))
            drawn, left[place] = left[place], left[-1]
            left.pop()
            yield drawn
