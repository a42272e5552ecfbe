"""The vectors that bind keeps of the clips of each sense, read in blocks."""

# Shapes: N clips, D size of the hub's vectors.
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.core import bound
from pipeline.core.bound import HUB
from pipeline.core.errors import DataError
from pipeline.core.rows import RowReader
from pipeline.core.store import Store
from pipeline.models.methods.shared import Array
from pipeline.recognition.rows import Row
from pipeline.training.bound import HubMetadata

BLOCK = 16_384  # clips in memory at a time


@dataclass(frozen=True)
class Stored:
    """The unit vectors of one sense, of which blocks are read from disk."""

    sense: str
    store: Store
    group: str

    @cached_property
    def reader(self) -> RowReader:
        """The array of shape (N, D)."""
        return self.store.reader(self.group, "pooled")

    @cached_property
    def ids(self) -> list[str]:
        """The sorted ids of the clips."""
        return self.store.ids(self.group)

    def blocks(self, num_rows: int = BLOCK) -> Iterator[tuple[int, Array]]:
        """(number of the first row, rows) of the whole array. Raises FormatError where bytes have changed."""
        num_clips, dim = self.reader.shape
        for start in range(0, num_clips, num_rows):
            rows = np.empty((min(num_rows, num_clips - start), dim), self.reader.dtype)
            self.reader.read([(start, rows)])
            yield start, rows

    def rows(self, places: Sequence[int]) -> Array:
        """The vectors at some places, in the order asked for."""
        rows = np.empty((len(places), self.reader.shape[1]), self.reader.dtype)
        self.reader.read((place, rows[at : at + 1]) for at, place in enumerate(places))
        return rows


def stored(row: Row, hub: HubMetadata, names: Sequence[str] | None = None) -> list[Stored]:
    """The senses of a row that have vectors, all or those that are named ("hub" too).

    DataError for a sense without a store, listing those that have one.
    """
    there = [name for name in (*row.senses, HUB) if bound.vectors(row.folder, name).is_dir()]
    unknown = [name for name in names or () if name not in there]
    if unknown or not there:
        what = f"no vectors of '{unknown[0]}'" if unknown else "no vectors"
        raise DataError(f"{row.folder}: {what}, of senses there are {', '.join(there) or 'none'}; run `dvc repro bind`")
    return [_of(row, hub, name) for name in (there if names is None else dict.fromkeys(names))]


def _of(row: Row, hub: HubMetadata, name: str) -> Stored:
    store = Store(_path(row, name), "bind")
    return Stored(name, store, _group(store, row.group, hub) if name == HUB else row.group)


def _path(row: Row, name: str) -> Path:
    return bound.vectors(row.folder, name)


def _group(store: Store, of_training: str, hub: HubMetadata) -> str:
    """The group of the hub's vectors; those of a frozen hub serve several trainings."""
    of_weights = [name for name in store.groups() if store.group_attrs(name)["weights_hash"] == hub.weights_hash]
    return of_training if of_training in store.groups() or not of_weights else of_weights[0]
