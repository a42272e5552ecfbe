"""The clips of all senses nearest to a vector, from the stores that bind wrote."""

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
from pipeline.training.bound import HubMetadata

_BATCH = 4096  # clips at a time in float64


@dataclass(frozen=True)
class Match:
    """A clip of a sense, and its cosine with the query."""

    clip_id: str
    sense: str
    cosine: float


def nearest(row: Row, hub: HubMetadata, query_D: Array, senses: Sequence[str] | None, top: int) -> list[Match]:
    """The `top` clips of some senses (names in the row, or "hub"; None: all), nearest first, ties by sense and id.

    DataError for a sense without a store, listing those that have one, and for a query of another space.
    """
    matches = [match for name in _wanted(row, senses) for match in _nearest_of(row, hub, name, query_D, top)]
    return sorted(matches, key=lambda match: (-match.cosine, match.sense, match.clip_id))[:top]


def _wanted(row: Row, senses: Sequence[str] | None) -> list[str]:
    stored = [name for name in (*row.senses, HUB) if _store(row, name).is_dir()]
    unknown = [name for name in senses or () if name not in stored]
    if unknown or not stored:
        what = f"no vectors of '{unknown[0]}'" if unknown else "no vectors"
        raise DataError(
            f"{row.folder}: {what}, of senses there are {', '.join(stored) or 'none'}; run `dvc repro bind`"
        )
    return stored if senses is None else list(dict.fromkeys(senses))


def _store(row: Row, name: str) -> Path:
    return bound.vectors(row.folder, name)


def _nearest_of(row: Row, hub: HubMetadata, name: str, query_D: Array, top: int) -> list[Match]:
    """The nearest clips of one sense, ties by id."""
    store = Store(_store(row, name), "bind")
    group = _group(store, row.group, hub) if name == HUB else row.group
    vector_ND = store.read(group, "pooled")
    if vector_ND.shape[1:] != query_D.shape:
        raise DataError(f"{store.path}: vectors of {vector_ND.shape[1]} numbers, the query has {len(query_D)}")
    cosine_N, ids = np.empty(len(vector_ND)), store.ids(group)
    for start in range(0, len(vector_ND), _BATCH):
        batch = slice(start, start + _BATCH)
        cosine_N[batch] = vector_ND[batch].astype(np.float64) @ query_D.astype(np.float64)
    order = np.argsort(-cosine_N, kind="stable")[:top].tolist()
    return [Match(ids[place], name, float(cosine_N[place])) for place in order]


def _group(store: Store, of_training: str, hub: HubMetadata) -> str:
    """The group of the hub's vectors; those of a frozen hub serve several trainings."""
    of_weights = [name for name in store.groups() if store.group_attrs(name)["weights_hash"] == hub.weights_hash]
    return of_training if of_training in store.groups() or not of_weights else of_weights[0]
