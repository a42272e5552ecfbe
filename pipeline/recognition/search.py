"""Clips of all senses by how near they lie to a vector, from the stores that bind left."""

# Shapes: N clips, D size of the hub's vectors.
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core import bound
from pipeline.core.bound import HUB
from pipeline.core.errors import DataError
from pipeline.core.store import Store
from pipeline.models.methods.shared import Array
from pipeline.recognition.rows import Row
from pipeline.training.bound import HubAbout

_AT_ONCE = 4096  # clips in float64


@dataclass(frozen=True)
class Match:
    """A clip of a sense and its cosine with what was asked for."""

    clip_id: str
    sense: str
    cosine: float


def nearest(row: Row, hub: HubAbout, query_D: Array, senses: Sequence[str] | None, top: int) -> list[Match]:
    """The `top` clips of some senses (names in the row, or "hub"; None: all), nearest first, equals by sense and id.

    DataError for a sense without a store, listing those there are, and for a query of another space.
    """
    found = [one for name in _wanted(row, senses) for one in _nearest_of(row, hub, name, query_D, top)]
    return sorted(found, key=lambda one: (-one.cosine, one.sense, one.clip_id))[:top]


def _wanted(row: Row, senses: Sequence[str] | None) -> list[str]:
    there = [name for name in (*row.senses, HUB) if _store(row, name).is_dir()]
    unknown = [name for name in senses or () if name not in there]
    if unknown or not there:
        what = f"no vectors of '{unknown[0]}'" if unknown else "no vectors"
        raise DataError(f"{row.folder}: {what}, of senses there are {', '.join(there) or 'none'}; run `dvc repro bind`")
    return there if senses is None else list(dict.fromkeys(senses))


def _store(row: Row, name: str) -> Path:
    return bound.vectors(row.folder, name)


def _nearest_of(row: Row, hub: HubAbout, name: str, query_D: Array, top: int) -> list[Match]:
    """The first clips of one sense, equal ones by id."""
    store = Store(_store(row, name), "bind")
    group = _group(store, row.group, hub) if name == HUB else row.group
    vector_ND = store.read(group, "pooled")
    if vector_ND.shape[1:] != query_D.shape:
        raise DataError(f"{store.path}: vectors of {vector_ND.shape[1]} numbers, the query has {len(query_D)}")
    cosine_N, ids = np.empty(len(vector_ND)), store.ids(group)
    for start in range(0, len(vector_ND), _AT_ONCE):
        here = slice(start, start + _AT_ONCE)
        cosine_N[here] = vector_ND[here].astype(np.float64) @ query_D.astype(np.float64)
    order = np.argsort(-cosine_N, kind="stable")[:top].tolist()
    return [Match(ids[place], name, float(cosine_N[place])) for place in order]


def _group(store: Store, own: str, hub: HubAbout) -> str:
    """The group of the hub's vectors: of a hub that stayed as it was they serve several trainings."""
    of_weights = [name for name in store.groups() if store.group_attrs(name)["weights_hash"] == hub.weights_hash]
    return own if own in store.groups() or not of_weights else of_weights[0]
