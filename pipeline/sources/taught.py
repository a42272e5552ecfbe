"""The classes of a source that may be taught, without those of a target, and their vectors."""

# Shapes: K classes that are taught, E size of a class text.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.store import Store
from pipeline.labels.overlap import CHECKS, Overlap, OverlapParams, Target, overlapping
from pipeline.models.methods.shared import class_texts, text_weights
from pipeline.models.shared_classes import text_space_key

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Named:
    """The classes of a dataset: their names, by id, and the store of their texts."""

    dataset: str
    names: Sequence[str]
    embeddings: Path


@dataclass(frozen=True)
class Taught:
    """What one training may learn from, and what it may not: class ids are the source's, ascending."""

    names: dict[int, str]
    vectors_KE: Floats
    texts_hash: str | None  # of the weights that made the vectors
    removed: list[Overlap]
    kept_overlap: list[Overlap]  # which a filter would have removed, but which are taught


def taught(
    source: Named, targets: Sequence[Named], class_ids: Sequence[int], params: OverlapParams, seed: int
) -> Taught:
    """Some of the source's classes, without those that are a target's by the checks of the params.

    Raises DataError for texts of different weights, for classes without texts, and where no two classes are left.
    """
    stores = {named.dataset: _opened(named) for named in (source, *targets)}
    _refuse_other_texts(stores, source.dataset, seed)
    class_ids = sorted(class_ids)
    vectors_SE = class_texts(stores[source.dataset], class_ids, seed).of_type(params.text_type)
    others = {
        named.dataset: Target(
            named.names,
            class_texts(stores[named.dataset], range(len(named.names)), seed).of_type(params.text_type),
        )
        for named in targets
    }
    names = {class_id: source.names[class_id] for class_id in class_ids}
    removed = overlapping(names, vectors_SE, others, params.remove, params.threshold)
    out = {overlap.class_id for overlap in removed}
    left = {class_id: name for class_id, name in names.items() if class_id not in out}
    if len(left) < 2:
        raise DataError(
            f"{source.dataset}: {len(left)} of {len(names)} classes are left to learn, the others are classes of "
            f"{sorted(others)}: lower overlap.threshold or name another source"
        )
    rows = [row for row, class_id in enumerate(class_ids) if class_id in left]
    kept_overlap = overlapping(left, vectors_SE[rows], others, CHECKS, params.threshold)
    return Taught(left, vectors_SE[rows], text_weights(stores[source.dataset], seed), removed, kept_overlap)


def _opened(named: Named) -> Store:
    store = Store(named.embeddings, "embed")
    if store.attrs["dataset"] != named.dataset:
        raise DataError(
            f"{named.embeddings}: texts of '{store.attrs['dataset']}', not of '{named.dataset}'; mend params.yaml"
        )
    return store


def _refuse_other_texts(stores: Mapping[str, Store], source: str, seed: int) -> None:
    made_by = {dataset: text_space_key(store, seed) for dataset, store in stores.items()}
    for dataset, maker in made_by.items():
        if maker != made_by[source]:
            raise DataError(
                f"{stores[dataset].path}: texts by {maker[0]}, those of {source} ({stores[source].path}) by "
                f"{made_by[source][0]} or by other weights; embed both with the same"
            )
