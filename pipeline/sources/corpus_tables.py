"""The three tables of a corpus joined: every graph with its caption, its negatives and where its picture lies."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import stamp, tables
from pipeline.core.errors import DataError
from pipeline.core.schemas import CAPTIONS, GRAPHS, NEGATIVES, CaptionRow, GraphRow, NegativeRow
from pipeline.graphs.scene import SceneGraph, from_json


@dataclass(frozen=True)
class Tables:
    """Where the tables of a corpus stand, and the folder below which its pictures do."""

    corpus: str
    graphs: Path
    captions: Path
    negatives: Path
    source: Path
    meta: dict[str, Any]

    @property
    def aliases(self) -> dict[str, list[list[str]]]:
        """The corpus's groups of names that mean the same."""
        groups: dict[str, list[list[str]]] = self.meta["aliases"]
        return groups


@dataclass(frozen=True)
class CaptionedGraph:
    """One graph: its row, its caption's row and the rows of its negatives."""

    row: GraphRow
    graph: SceneGraph
    caption: CaptionRow
    negatives: list[NegativeRow]

    @property
    def picture(self) -> str:
        """Its file, relative to the source folder, of a row that has one."""
        assert self.row.image is not None
        return self.row.image

    @property
    def region(self) -> str:
        """The part of the picture; "" = all of it."""
        return self.row.region


def opened(corpus: str, graphs: Path, captions: Path, negatives: Path, root: Path) -> Tables:
    """The tables of a corpus. DataError where its pictures are not those that the graphs were read with."""
    file = f"{corpus}.parquet"
    meta = tables.read_meta(graphs / file, GRAPHS)
    source = root / meta["source"]
    if stamp.digest(source) != meta["stamp"]:
        raise DataError(f"{source}: its files are not those that {graphs / file} was made of; run `dvc repro graph`")
    return Tables(corpus, graphs / file, captions / file, negatives / file, source, meta)


def graphs(corpus: Tables) -> Iterator[SceneGraph]:
    """Every graph."""
    for rows in tables.batches(corpus.graphs, GRAPHS):
        yield from (from_json(row.graph) for row in rows if row.graph is not None)


def pictures(corpus: Tables) -> Iterator[list[CaptionedGraph]]:
    """Every picture with all that is told of it, the whole before its regions."""
    for _, parts in groupby(_joined(corpus), key=lambda part: part.row.image_id):
        yield list(parts)


def _joined(corpus: Tables) -> Iterator[CaptionedGraph]:
    captions = (row for rows in tables.batches(corpus.captions, CAPTIONS) for row in rows)
    negatives = groupby((row for rows in tables.batches(corpus.negatives, NEGATIVES) for row in rows), key=_key)
    waiting = next(negatives, None)
    for rows in tables.batches(corpus.graphs, GRAPHS):
        for row in rows:
            if row.graph is None:
                continue
            caption = next(captions, None)
            if caption is None or _key(caption) != _key(row):
                raise DataError(f"{corpus.captions}: no caption of image {row.image_id!r}; run `dvc repro caption`")
            of_row: list[NegativeRow] = []
            if waiting is not None and waiting[0] == _key(row):
                of_row = list(waiting[1])
                waiting = next(negatives, None)
            yield CaptionedGraph(row, from_json(row.graph), caption, of_row)
    if waiting is not None:
        raise DataError(f"{corpus.negatives}: negatives of {waiting[0]}, which has no graph; run `dvc repro negate`")


def _key(row: GraphRow | CaptionRow | NegativeRow) -> tuple[str, str]:
    return row.image_id, row.region


def crop_of(part: CaptionedGraph, whole: CaptionedGraph) -> tuple[int, int, int, int] | None:
    """What of the picture file a row shows; crops are annotated in pixels of a size that the file may not have."""
    box = part.row.crop_xywh
    if box is None:
        return None
    width, height = part.row.picture_width, part.row.picture_height
    assert width is not None, "pairs have pictures of a known size"
    assert height is not None
    left, wide = _side(box[0], box[2], whole.row.width, width)
    top, high = _side(box[1], box[3], whole.row.height, height)
    return left, top, wide, high


def _side(start: int, length: int, annotated: int | None, have: int) -> tuple[int, int]:
    """First pixel and length along one side of `have` pixels, of which the annotation counts `said`."""
    scale = have / annotated if annotated else 1.0
    first = min(round(start * scale), have - 1)
    return first, min(max(1, round(length * scale)), have - first)


def action_boxes(part: CaptionedGraph) -> npt.NDArray[np.float32]:
    """The boxes (B, 4) of both ends of every action, each once, as shares of the row's picture; x1 y1 x2 y2.

    None where neither the annotation nor the picture has a size.
    """
    graph, row = part.graph, part.row
    width, height = row.width or row.picture_width, row.height or row.picture_height
    if not width or not height:
        return np.zeros((0, 4), np.float32)
    ends = [node for place in row.actions for node in (graph.relations[place].subject, graph.relations[place].object)]
    things = graph.by_id()
    boxes = [things[node].box_xywh for node in dict.fromkeys(ends)]
    corners = [(x, y, x + w, y + h) for x, y, w, h in filter(None, boxes)]
    shares_B4 = np.array(corners, np.float64).reshape(-1, 4) / (width, height, width, height)
    return np.asarray(np.clip(shares_B4, 0.0, 1.0), np.float32)
