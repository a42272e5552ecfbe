"""What is a function of a word or phrase, kept: corpora repeat a few thousand words a million times."""

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")

MAX_REMEMBERED = 1 << 18  # entries; a corpus of ever new words must not fill the memory


class BoundedMemo(dict[K, T]):
    """What was made of keys, made when first asked for; a dict, for a key met before then costs no Python call."""

    def __init__(self, make: Callable[[K], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: K) -> T:
        made = self._make(key)
        if len(self) < MAX_REMEMBERED:
            self[key] = made
        return made
