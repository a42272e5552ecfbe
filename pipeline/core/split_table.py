"""A split table, read once: the classes of its splits, and the clips of those splits that are asked for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.core import tables
from pipeline.core.errors import DataError
from pipeline.core.schemas import SPLIT, SplitRow

Classes = dict[str, list[int]]  # class ids by role: fit, val, unseen


@dataclass(frozen=True)
class SplitTable:
    """What a split table says."""

    path: Path
    meta: dict[str, Any]  # dataset, split_table, protocol, class_names and splits
    rows: Mapping[str, Sequence[SplitRow]]  # by split, of those that were asked for; in the order of the clip ids

    @property
    def splits(self) -> dict[str, Classes]:
        """The classes of every split of the table."""
        splits: dict[str, Classes] = self.meta["splits"]
        return splits

    def classes(self, split: str) -> Classes:
        """The classes of one split. Raises DataError for a split that the table lacks."""
        if split not in self.splits:
            raise DataError(
                f"{self.path}: no split '{split}', found {sorted(self.splits)}; mend the row in params.yaml"
            )
        return self.splits[split]


def read(path: Path, splits: Collection[str]) -> SplitTable:
    """The table with the rows of some splits. A split that the table lacks has no rows."""
    rows: dict[str, list[SplitRow]] = {split: [] for split in splits}
    for batch in tables.batches(path, SPLIT):
        for row in batch:
            if row.split in rows:
                rows[row.split].append(row)
    return SplitTable(path, tables.read_meta(path, SPLIT), rows)
