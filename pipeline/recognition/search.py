"""The clips of all senses nearest to a vector: exactly, or through an index that `unseen index` built."""

# Shapes: N clips, M of them near the query, D size of the hub's vectors.
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.models.methods.shared import Array
from pipeline.recognition.index import Index
from pipeline.recognition.stored import Stored

Places = npt.NDArray[np.int64]
Cosines = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """A clip of a sense, and its cosine with the query."""

    clip_id: str
    sense: str
    cosine: float


def nearest(senses: Sequence[Stored], query_D: Array, top: int, indexes: dict[str, Index] | None = None) -> list[Match]:
    """The `top` clips of some senses, nearest first, ties by sense and id.

    `indexes` names those of senses that have one: their clips may be missed, but the cosines of those found are exact.
    DataError for a query of another space.
    """
    matches = [
        match for sense in senses for match in _nearest_of(sense, query_D, top, (indexes or {}).get(sense.sense))
    ]
    return sorted(matches, key=lambda match: (-match.cosine, match.sense, match.clip_id))[:top]


def exact(blocks: Iterable[tuple[int, Array]], query_D: Array, top: int) -> tuple[Places, Cosines]:
    """The places and cosines of the `top` unit vectors nearest to a query, nearest first, ties by place.

    `blocks` are (first place, vectors (N, D)) in order. Each block is screened in float32, and what may be among the
    nearest is compared in float64, so that the answer is that of float64 throughout.
    """
    query, rough_query = query_D.astype(np.float64), query_D.astype(np.float32)
    # A float32 sum of D products of a unit vector and the query is off by (D + 2) roundings of |query| at most.
    error = (len(query) + 2) * float(np.finfo(np.float32).eps) * float(np.linalg.norm(query))
    places, cosines = np.empty(0, np.int64), np.empty(0, np.float64)
    for start, vector_ND in blocks:
        near = _candidates(vector_ND @ rough_query, top, error, cosines)
        places = np.concatenate([places, start + near])
        cosines = np.concatenate([cosines, _cosines(vector_ND[near], query)])
        order = np.lexsort((places, -cosines))[:top]
        places, cosines = places[order], cosines[order]
    return places, cosines


def _candidates(rough_N: Array, top: int, error: float, cosines: Cosines) -> Places:
    """Where a rough cosine is among the best of the block and of those before, but for errors of rounding."""
    k = min(top, len(rough_N))
    least = float(np.partition(rough_N, -k)[-k]) - 2 * error
    if len(cosines) == top:
        least = max(least, float(cosines[-1]) - error)
    return np.flatnonzero(rough_N >= least)


def _cosines(vector_MD: Array, query_D: Cosines) -> Cosines:
    """In float64; the sum of a row does not depend on which rows stand beside it, as that of a BLAS may."""
    cosine_M: Cosines = np.einsum("md,d->m", vector_MD.astype(np.float64), query_D)
    return cosine_M


def _nearest_of(sense: Stored, query_D: Array, top: int, index: Index | None) -> list[Match]:
    dim = sense.reader.shape[1]
    if query_D.shape != (dim,):
        raise DataError(f"{sense.store.path}: vectors of {dim} numbers, the query has {len(query_D)}")
    if index is None:
        places, cosines = exact(sense.blocks(), query_D, top)
    else:
        found = np.sort(index.places(query_D, top))
        cosines = _cosines(sense.rows(found.tolist()), query_D.astype(np.float64))
        order = np.lexsort((found, -cosines))
        places, cosines = found[order], cosines[order]
    return [Match(sense.ids[place], sense.sense, float(cosine)) for place, cosine in zip(places, cosines, strict=True)]
