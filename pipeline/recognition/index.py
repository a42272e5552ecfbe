"""Indexes of stored vectors: an inverted file (faiss) that answers faster than exact search, and misses some clips.

An index lies in `.cache/index/<row>/<split>-<seed>/` as `<sense>.faiss`, with `<sense>.json` beside it: what it was
built from, and the share of the ten nearest clips that it finds (recall@10). One that no longer fits the vectors is
refused. It is built from the vectors alone, so that deleting it loses nothing.
"""

# Shapes: N clips, Q queries, D size of the hub's vectors.
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.hashing import file_digest, value_digest
from pipeline.core.outputs import whole, write_json
from pipeline.core.runs import CACHE
from pipeline.formats import typed_json
from pipeline.models.methods.shared import Array
from pipeline.recognition.rows import Row
from pipeline.recognition.stored import Stored

NEIGHBOURS = 10  # of recall@10
_MAX_BYTES = 1 << 20  # of the description
_TRAINING_ROWS = 64  # a list: of so many vectors the centres are learned
_MIN_ROWS = 39  # a list: with fewer, faiss warns that the centres mean little


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands beside an index."""

    vectors: str  # identity of the vectors that it was built from
    file: str  # SHA-256 of the index
    num_clips: int
    num_lists: int
    num_probes: int  # lists that a search reads
    recall: float  # the share of the ten nearest clips that it found
    num_queries: int  # of stored clips, by which that was measured


@dataclass(frozen=True)
class Index:
    """An index that fits the vectors as they are."""

    path: Path
    facts: Facts

    def places(self, query_D: Array, top: int) -> npt.NDArray[np.int64]:
        """The places of about the `top` nearest clips, and no fewer where there are so many."""
        found = self._found(query_D, top, self.facts.num_probes)
        if len(found) < min(top, self.facts.num_clips):  # the lists that were read hold fewer
            found = self._found(query_D, top, self.facts.num_lists)
        return found

    def _found(self, query_D: Array, top: int, num_probes: int) -> npt.NDArray[np.int64]:
        [found] = _search(self._index, query_D[None], top, num_probes)
        places: npt.NDArray[np.int64] = found[found >= 0]
        return places

    @cached_property
    def _index(self) -> Any:
        import faiss

        if file_digest(self.path) != self.facts.file:  # faiss trusts what it reads
            raise DataError(f"{self.path}: has changed since it was built; run `unseen index`")
        return faiss.read_index(str(self.path))


def opened(row: Row, sense: Stored) -> Index | None:
    """The index of a sense; None if there is none. DataError for one of other vectors."""
    path = _path(row, sense.sense)
    if not path.is_file():
        return None
    decoder = msgspec.json.Decoder(Facts)
    facts = typed_json.read(path.with_suffix(".json"), decoder, _MAX_BYTES, "the description of an index")
    if facts.vectors != _identity(sense):
        raise DataError(f"{path}: built from other vectors than those in {sense.store.path}; run `unseen index`")
    return Index(path, facts)


def build(row: Row, sense: Stored, query_QD: Array, least_recall: float) -> Index:
    """Build and keep the index of a sense.

    It reads as few lists as give `least_recall` over the queries, compared with exact search.
    """
    import faiss

    num_clips, dim = sense.reader.shape
    num_lists = max(1, min(round(4 * num_clips**0.5), num_clips // _MIN_ROWS))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, num_lists, faiss.METRIC_INNER_PRODUCT)
    drawn = np.random.default_rng(0).permutation(num_clips)[: _TRAINING_ROWS * num_lists]
    index.train(sense.rows(np.sort(drawn).tolist()).astype(np.float32))
    for _, vector_ND in sense.blocks():
        index.add(vector_ND.astype(np.float32))
    num_probes, recall = _probes(index, num_lists, query_QD, _truth(sense, query_QD), least_recall)
    path = _path(row, sense.sense)
    path.with_suffix(".json").unlink(missing_ok=True)  # never a description of another index
    with whole(path) as scratch:
        faiss.write_index(index, str(scratch))
    vectors, file = _identity(sense), file_digest(path)
    facts = Facts(vectors, file, num_clips, num_lists, num_probes, round(recall, 4), len(query_QD))
    write_json(path.with_suffix(".json"), msgspec.to_builtins(facts))
    return Index(path, facts)


def _truth(sense: Stored, query_QD: Array) -> list[set[int]]:
    """The places of the nearest clips of each query, by exact search; the vectors are read once."""
    best = np.full((len(query_QD), NEIGHBOURS), -np.inf, np.float32)
    places = np.full(best.shape, -1, np.int64)
    for start, vector_ND in sense.blocks():
        both = np.concatenate([best, (query_QD @ vector_ND.T).astype(np.float32)], axis=1)
        numbers = np.broadcast_to(np.arange(start, start + len(vector_ND)), (len(query_QD), len(vector_ND)))
        order = np.argsort(-both, axis=1, kind="stable")[:, :NEIGHBOURS]
        best = np.take_along_axis(both, order, axis=1)
        places = np.take_along_axis(np.concatenate([places, numbers], axis=1), order, axis=1)
    return [set(row[row >= 0].tolist()) for row in places]


def _probes(
    index: Any, num_lists: int, query_QD: Array, truth: list[set[int]], least_recall: float
) -> tuple[int, float]:
    """The number of lists to read, a power of two or all, and the recall that it gives."""
    num_probes = 1
    while True:
        found = _search(index, query_QD, NEIGHBOURS, num_probes)
        hits = [len(nearest.intersection(row.tolist())) for nearest, row in zip(truth, found, strict=True)]
        recall = sum(hits) / sum(map(len, truth))
        if recall >= least_recall or num_probes == num_lists:
            return num_probes, recall
        num_probes = min(2 * num_probes, num_lists)


def _search(index: Any, query_QD: Array, top: int, num_probes: int) -> npt.NDArray[np.int64]:
    """Places (Q, top), nearest first; -1 where the lists that were read hold fewer."""
    import faiss

    few = faiss.SearchParametersIVF(nprobe=num_probes)  # type: ignore[call-arg]
    found: npt.NDArray[np.int64] = index.search(np.ascontiguousarray(query_QD, np.float32), top, params=few)[1]
    return found


def _path(row: Row, sense: str) -> Path:
    return row.checkout / CACHE / "index" / row.folder.name / row.group / f"{sense}.faiss"


def _identity(sense: Stored) -> str:
    """What changes whenever bind writes the vectors anew: hashing millions of them would take longer than a search."""
    folder = sense.store.path / sense.group
    files = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    return value_digest([[path.relative_to(folder).as_posix(), is_.st_size, is_.st_mtime_ns] for path, is_ in files])
