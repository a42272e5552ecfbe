"""Blocks of a table of scene graphs: an image stays with its regions, so that each block can be worked on alone."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from pipeline.core import tables
from pipeline.core.schemas import GRAPHS, GraphRow

BLOCK_ROWS = 512  # or as many as the last image of a block has more


@dataclass(frozen=True)
class Block:
    """Rows of a table of graphs, by number; `first` and `last` are their images."""

    graphs: Path
    start: int
    stop: int
    num_before: int  # graphs that were not rejected: as many captions stand before those of the block
    num_graphs: int  # of the block itself
    first: str
    last: str

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.graphs}: images {self.first} to {self.last}"

    def rows(self) -> list[GraphRow]:
        """The rows, an image before its regions."""
        return tables.part(self.graphs, GRAPHS, self.start, self.stop)


def blocks(graphs: Path) -> list[Block]:
    """All rows of a table of graphs, in blocks of `BLOCK_ROWS`."""
    table = tables.read_table(graphs, GRAPHS, ["image_id", "region", "reason"])
    images = np.flatnonzero(pc.equal(table["region"], "").to_numpy())
    edges = [0] if len(table) else []
    while edges and edges[-1] < len(table):
        after = np.searchsorted(images, edges[-1] + BLOCK_ROWS)
        edges.append(int(images[after]) if after < len(images) else len(table))
    before = np.concatenate([[0], np.cumsum(pc.is_null(table["reason"]).to_numpy())])
    return [
        Block(
            graphs,
            start,
            stop,
            int(before[start]),
            int(before[stop] - before[start]),
            table["image_id"][start].as_py(),
            table["image_id"][stop - 1].as_py(),
        )
        for start, stop in pairwise(edges)
    ]
