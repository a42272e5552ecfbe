"""Source classes that are target classes under another name, and the 0/50 and 0/100 protocols of E2E.

Takes vectors, not encoders. The filter belongs to the stages that train on the source; a split never applies it.
Source: Brattoli et al., Rethinking zero-shot video classification (CVPR 2020), as restated in ResT 4.1.
"""

# Shapes: S source classes, T target classes, D size of a label vector.
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.formats.class_names import content_words, stem, words

Vectors = npt.NDArray[np.float32]
Places = list[tuple[int, int]]  # rows of the source and of a target

_LISTS = Path(__file__).parent / "lists"

Check = Literal["names", "words", "vectors"]
CHECKS: tuple[Check, ...] = ("names", "words", "vectors")  # from the plainest; what an overlap is told by


class OverlapParams(Params):
    """Which classes of a source are taken out because they are classes of a target, and what their vectors are of.

    `remove` names checks: `names`, the same name but for its spelling; `words`, the same stems in any order;
    `vectors`, a cosine distance below `threshold` (.05 in E2E). Without any the overlapping classes are kept.
    """

    remove: list[Check]
    threshold: float = Field(ge=0, le=2)
    text_type: Annotated[str, Field(min_length=1)]  # of class texts, whose vectors are compared


@dataclass(frozen=True)
class Target:
    """The classes of a target dataset: a vector a name, or None where no check reads vectors."""

    names: Sequence[str]
    vectors_TD: Vectors | None


@dataclass(frozen=True)
class Overlap:
    """A class of the source that is a class of a target."""

    class_id: int
    source: str  # its name
    target: str  # the target's name for it
    dataset: str  # of the target
    distance: float | None  # between their vectors; None where no check reads vectors
    how: Check  # the plainest check that tells


@dataclass(frozen=True)
class Match:
    """A source class and the target class nearest to it, with their cosine distance."""

    source: str
    target: str
    distance: float


def published_lists() -> dict[str, Path]:
    """By name the published lists of class names that ship beside the class lists of datasets.

    They are those of no dataset here, or spelled otherwise ("ApplyEyeMakeup").
    """
    return {path.stem: path for path in sorted(_LISTS.glob("*.txt"))}


def union(lists: Sequence[Sequence[str]]) -> list[str]:
    """Target names of several datasets at once; of equal spellings the first."""
    first: dict[tuple[str, ...], str] = {}
    for names in lists:
        for name in names:
            first.setdefault(words(name), name)
    return list(first.values())


def same_name(source: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """Source classes whose name is a target's but for case, underscores and humps, with that target."""
    return _same(source, targets, words)


def same_words(source: Sequence[str], targets: Sequence[str]) -> dict[str, str]:
    """Source classes made of the same stems as a target, in any order and without stop words, with that target."""
    return _same(source, targets, lambda name: frozenset(Counter(map(stem, content_words(name))).items()))


def _same(source: Sequence[str], targets: Sequence[str], key: Callable[[str], Hashable]) -> dict[str, str]:
    by_key: dict[Hashable, str] = {}
    for target in targets:
        by_key.setdefault(key(target), target)
    return {name: by_key[key(name)] for name in source if key(name) in by_key}


def nearest(source: Sequence[str], source_SD: Vectors, targets: Sequence[str], target_TD: Vectors) -> list[Match]:
    """The nearest target of every source class by cosine distance. Raises DataError for a vector of length 0."""
    unit_SD, unit_TD = (_unit(names, v) for names, v in ((source, source_SD), (targets, target_TD)))
    related_ST = unit_SD @ unit_TD.T
    best_S = related_ST.argmax(axis=1)
    return [
        Match(name, targets[best], float(max(0.0, 1.0 - related_ST[row, best])))
        for row, (name, best) in enumerate(zip(source, best_S.tolist(), strict=True))
    ]


def _unit(names: Sequence[str], vectors: Vectors) -> npt.NDArray[np.float64]:
    long = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(long, axis=1, keepdims=True)
    bad = np.flatnonzero(~(lengths[:, 0] > 0) | ~np.isfinite(lengths[:, 0]))
    if len(bad):
        raise DataError(f"class {names[bad[0]]!r} has a zero or non-finite vector: no distance to the target classes")
    return np.asarray(long / lengths)


def removed(matches: Sequence[Match], threshold: float) -> list[Match]:
    """The E2E filter: source classes nearer than the threshold to any target; at the threshold they stay."""
    return [match for match in matches if match.distance < threshold]


def threshold_that_keeps(matches: Sequence[Match], num_kept: int) -> tuple[float, int]:
    """The threshold whose filter keeps the number of classes nearest to `num_kept`, and that number.

    It lies half-way between two distances, so that rounding cannot decide.
    """
    distances = np.unique([match.distance for match in matches])
    edges = np.concatenate([[0.0], (distances[:-1] + distances[1:]) / 2, [float(distances[-1]) + 1.0]])
    numbers_kept = [len(matches) - len(removed(matches, edge)) for edge in edges]
    best = int(np.argmin([abs(number - num_kept) for number in numbers_kept]))
    return float(edges[best]), numbers_kept[best]


def overlapping(
    source_names: Mapping[int, str],
    source_SD: Vectors | None,
    targets: Mapping[str, Target],
    checks: Collection[Check],
    threshold: float,
) -> list[Overlap]:
    """The source's classes that a check tells to be a target's, by class id; of each the nearest such target.

    `source_names` are by class id and `source_SD` are their vectors in the order of ascending ids. A class that
    several targets hold is told once: by the plainest check, then the smallest distance, then the name of the dataset.
    Raises DataError for a vector of length 0.
    """
    class_ids = sorted(source_names)
    names = [source_names[class_id] for class_id in class_ids]
    by_class: dict[int, list[tuple[int, float, Overlap]]] = {}
    for dataset, target in sorted(targets.items()):
        pairs: dict[Check, Places] = {}
        if "names" in checks:
            pairs["names"] = _places(same_name(names, target.names), names, target.names)
        if "words" in checks:
            pairs["words"] = _places(same_words(names, target.names), names, target.names)
        distance_ST = _distances(names, source_SD, target) if "vectors" in checks else None
        if distance_ST is not None:
            pairs["vectors"] = [(row, int(row_T.argmin())) for row, row_T in enumerate(distance_ST)]
            pairs["vectors"] = [place for place in pairs["vectors"] if distance_ST[place] < threshold]
        for check, places in pairs.items():
            for row, column in places:
                distance = None if distance_ST is None else float(distance_ST[row, column])
                overlap = Overlap(class_ids[row], names[row], target.names[column], dataset, distance, check)
                by_class.setdefault(class_ids[row], []).append((CHECKS.index(check), distance or 0.0, overlap))
    return [min(by_class[class_id], key=lambda ranked: ranked[:2])[2] for class_id in sorted(by_class)]


def _places(same: Mapping[str, str], source: Sequence[str], targets: Sequence[str]) -> Places:
    return [(row, targets.index(same[name])) for row, name in enumerate(source) if name in same]


def _distances(source: Sequence[str], source_SD: Vectors | None, target: Target) -> npt.NDArray[np.float64]:
    if source_SD is None or target.vectors_TD is None:
        raise ValueError("the check 'vectors' needs the vectors of the classes")
    unit_SD, unit_TD = _unit(source, source_SD), _unit(target.names, target.vectors_TD)
    return np.maximum(0.0, 1.0 - unit_SD @ unit_TD.T)


def half(num_classes: int, seed: int) -> list[int]:
    """The unseen classes of the 0/50 protocol, in drawn order: half of all, exactly as E2E draws them.

    >>> half(101, 0)[:5]
    [26, 86, 2, 55, 75]
    """
    order = np.random.RandomState(seed).permutation(num_classes)
    return [int(class_id) for class_id in order[: num_classes // 2]]
