"""Which attributes of movement tell classes apart that were taken for one another, by sentences or by clips."""

# Shapes: N clips, K classes, A attributes.
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import pages
from pipeline.core.errors import FormatError
from pipeline.core.store import Store
from pipeline.reporting.explained_arrays import Explained
from pipeline.reporting.explained_planes import unit
from pipeline.text.prompts import MOVEMENT

Floats = npt.NDArray[np.floating[Any]]

MOST_PAIRS, _MOST_NAMES = 5, 5
_HEADER = ["of", "called", "clips", "speaks for the first", "speaks for the second"]


@dataclass(frozen=True, eq=False)
class Attributes:
    """Attributes of classes, row by row of the class ids asked for; zero where a class has none of it."""

    names: list[str]
    value_KA: Floats


def read(texts: Store, class_ids: Sequence[int]) -> Attributes | None:
    """The attributes of these classes, where the class texts have been parsed into some."""
    if MOVEMENT not in texts.groups():
        return None
    names = list(texts.group_attrs(MOVEMENT)["names"])
    vectors_NA, ids = texts.read(MOVEMENT, "pooled"), [int(text_id.split("-")[0]) for text_id in texts.ids(MOVEMENT)]
    row = {class_id: place for place, class_id in enumerate(ids)}
    missing = sorted(set(class_ids) - set(row))
    if missing or vectors_NA.shape != (len(ids), len(names)):
        raise FormatError(
            f"{texts.path}: group '{MOVEMENT}' of shape {vectors_NA.shape}, {len(names)} names, lacks the classes "
            f"{missing}; run `dvc repro embed`"
        )
    return Attributes(names, vectors_NA[[row[class_id] for class_id in class_ids]])


def table(one: Explained, attributes: Attributes) -> pages.Table | None:
    """The most frequent mistakes; None without any.

    An attribute speaks for a class by what it adds to the cosine with it beyond that with the other one: where the
    method's vectors are attributes (N, A), by the clips', else by what the sentences alone say.
    """
    wrong_N = np.flatnonzero(one.called != one.truth_N)
    pairs = Counter((int(one.truth_N[row]), int(one.called[row])) for row in wrong_N)
    if not pairs:
        return None
    seen = one.vectors_NH is not None and one.vectors_NH.shape[1] == len(attributes.names)
    value_KA = unit(attributes.value_KA)
    rows: list[list[pages.Cell]] = []
    for (truth, called), num_clips in sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_PAIRS]:
        apart_A = value_KA[truth] - value_KA[called]
        if seen:
            assert one.vectors_NH is not None
            chosen_N = (one.truth_N == truth) & (one.called == called)
            apart_A = apart_A * unit(one.vectors_NH[chosen_N]).mean(axis=0)
        told = [_strongest(attributes.names, apart_A), _strongest(attributes.names, -apart_A)]
        rows.append([one.names[truth], one.names[called], num_clips, *told])
    whose = "as the clips were read" if seen else "by the sentences"
    return pages.Table(title=f"Attributes that decided the most frequent mistakes, {whose}", header=_HEADER, rows=rows)


def _strongest(names: Sequence[str], value_A: Floats) -> str:
    order = [int(place) for place in np.argsort(-value_A, kind="stable")[:_MOST_NAMES]]
    return ", ".join(f"{names[place]} {value_A[place]:.2f}" for place in order if value_A[place] > 0)
