"""Movements that separate confused classes: as the clips showed them, or as the texts describe them."""

# Shapes: N clips, K classes, A movements (attributes of texts, or measures of clips).
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import pages
from pipeline.core.errors import FormatError
from pipeline.core.store import Store
from pipeline.reporting.explained_arrays import Explained
from pipeline.reporting.explained_planes import unit
from pipeline.text.prompts import MOVEMENT, TOLD_MEASURES

Floats = npt.NDArray[np.floating[Any]]

_MAX_PAIRS, _MAX_NAMES = 5, 5
_HEADER = ["of", "called", "clips", "speaks for the first", "speaks for the second"]
_TITLE = "Movements behind the most frequent mistakes, as {}"


@dataclass(frozen=True, eq=False)
class Movements:
    """The values of movements in a group of class texts; rows are the requested class ids."""

    names: list[str]
    value_KA: Floats


def table(explained: Explained, texts: Store) -> pages.Table | None:
    """The most frequent mistakes; None if there are none, or the texts have no movements.

    Where the method's vectors are movements, a movement speaks for a class by how much more it adds to the clips'
    cosine with that class than with the other; else by how much stronger it is in the texts of the class.
    """
    pairs = _mistakes(explained)
    groups = [
        _read(texts, group, explained.class_ids) for group in (MOVEMENT, TOLD_MEASURES) if group in texts.groups()
    ]
    if not pairs or not groups:
        return None
    names, shown = _shown(explained, [group.names for group in groups])
    value_KA = unit(groups[0].value_KA)
    rows: list[list[pages.Cell]] = []
    for (truth, called), rows_N in pairs:
        apart_A = shown(truth, called, rows_N) if shown else value_KA[truth] - value_KA[called]
        strongest = [_strongest(names, side * apart_A) for side in (1, -1)]
        rows.append([explained.names[truth], explained.names[called], len(rows_N), *strongest])
    title = _TITLE.format("the clips showed them" if shown else "the texts tell them")
    return pages.Table(title=title, header=_HEADER, rows=rows)


def _shown(
    explained: Explained, known: Sequence[list[str]]
) -> tuple[list[str], Callable[[int, int, list[int]], Floats] | None]:
    """Names of movements and, if the method's vectors are movements, how much each of them adds for the first class."""
    clips_NA, text_KA = explained.vectors_NH, explained.text_vectors_KH
    if clips_NA is None or text_KA is None:
        return known[0], None
    names = next((names for names in known if len(names) == clips_NA.shape[1]), None)
    if names is None:
        return known[0], None
    clip_NA, class_KA = unit(clips_NA), unit(text_KA)
    return names, lambda truth, called, rows: clip_NA[rows].mean(axis=0) * (class_KA[truth] - class_KA[called])


def _mistakes(explained: Explained) -> list[tuple[tuple[int, int], list[int]]]:
    """Pairs (true column, answered column) with the rows of their clips, the most frequent first."""
    wrong = np.flatnonzero(explained.called != explained.truth_N).tolist()
    pairs = Counter((int(explained.truth_N[row]), int(explained.called[row])) for row in wrong)
    commonest = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:_MAX_PAIRS]
    return [
        (pair, [row for row in wrong if (explained.truth_N[row], explained.called[row]) == pair]) for pair in commonest
    ]


def _read(texts: Store, group: str, class_ids: Sequence[int]) -> Movements:
    names = list(texts.group_attrs(group)["names"])
    vectors_NA, ids = texts.read(group, "pooled"), [int(text_id.split("-")[0]) for text_id in texts.ids(group)]
    row = {class_id: place for place, class_id in enumerate(ids)}
    missing = sorted(set(class_ids) - set(row))
    if missing or vectors_NA.shape != (len(ids), len(names)):
        raise FormatError(
            f"{texts.path}: group '{group}' of shape {vectors_NA.shape}, {len(names)} names, lacks the classes "
            f"{missing}; run `dvc repro embed`"
        )
    return Movements(names, vectors_NA[[row[class_id] for class_id in class_ids]])


def _strongest(names: Sequence[str], value_A: Floats) -> str:
    order = [int(place) for place in np.argsort(-value_A, kind="stable")[:_MAX_NAMES]]
    return ", ".join(f"{names[place]} {value_A[place]:.2f}" for place in order if value_A[place] > 0.005)
