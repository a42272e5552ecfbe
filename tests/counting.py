"""Counts what is read of stores and tables, for tests that nothing is read twice."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.core.store import Store


def count_reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each is read from now on: stores opened, their arrays (<store>/<group>/<array>), tables opened."""
    reads = Counter[str]()
    open_store, read_array, open_table = Store.__init__, Store.read, pq.ParquetFile.__init__

    def opened(self: Store, path: Path, stage: str) -> None:
        reads[str(path)] += 1
        open_store(self, path, stage)

    def read(self: Store, group: str, name: str) -> Any:
        reads[f"{self.path}/{group}/{name}"] += 1
        return read_array(self, group, name)

    def table(self: pq.ParquetFile, source: Any, **options: Any) -> None:
        if isinstance(source, Path):  # not where metadata alone are read
            reads[str(source)] += 1
        open_table(self, source, **options)

    monkeypatch.setattr(Store, "__init__", opened)
    monkeypatch.setattr(Store, "read", read)
    monkeypatch.setattr(pq.ParquetFile, "__init__", table)
    return reads


def twice(reads: Counter[str]) -> dict[str, int]:
    """What was read more than once."""
    return {name: number for name, number in reads.items() if number > 1}
