"""Random choices in plain Python: making a NumPy generator costs more than making a caption."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from pipeline.core.seeds import derived_seed

T = TypeVar("T")

_MULTIPLIER, _INCREMENT = 6364136223846793005, 1442695040888963407  # Knuth's MMIX generator
_MASK = (1 << 64) - 1


class Rng:
    """A generator named by a seed and names, as in core.seeds; generators of different names are independent."""

    def __init__(self, seed: int, *names: str | int) -> None:
        self.seed = derived_seed(seed, *names)
        self._state = self.seed

    def below(self, bound: int) -> int:
        """A number below `bound`; the bias is less than bound / 2**32."""
        self._state = (self._state * _MULTIPLIER + _INCREMENT) & _MASK
        return (self._state >> 32) % bound

    def order(self, items: Sequence[T]) -> Iterator[T]:
        """All items in random order (Fisher and Yates), drawn one at a time, as often only the first is needed."""
        left = list(items)
        while left:
            place = self.below(len(left))
            drawn, left[place] = left[place], left[-1]
            left.pop()
            yield drawn
