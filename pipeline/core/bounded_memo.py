"""A memo of results by word or phrase, of bounded size: corpora repeat a few thousand words a million times."""

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K")
T = TypeVar("T")

MAX_REMEMBERED = 1 << 18  # entries; beyond, results are made but not kept


class BoundedMemo(dict[K, T]):
    """Key -> `make(key)`, made when the key is first looked up. A dict, so that a known key costs no call in Python."""

    def __init__(self, make: Callable[[K], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: K) -> T:
        made = self._make(key)
        if len(self) < MAX_REMEMBERED:
            self[key] = made
        return made
