"""Class texts -> vectors of movement: the attributes of what they tell, and what is told of each measure.

An attribute is a node of the text's movements or an edge of it: `arm`, `arm.right`, `arm.both`, `verb=raise`,
`arm/direction=up`, `arm.right/place=head`, `posture=sit`. Its value is from 0, not told, to 1. A side that is not told
counts half on both. A text that compares ("as if pushing") tells half of it.
"""

# Shapes: K classes, A attributes, M measures.
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from pipeline.core.hashing import value_digest
from pipeline.core.measures import MEASURES, OF_SIDE, SIDED
from pipeline.text import movement_words as words
from pipeline.text import wordlists
from pipeline.text.movement import IDLE, POSTURE, SIDES, TRACE, Limb, Movement, told

Array = npt.NDArray[np.float32]
Bag = dict[str, float]  # attribute -> value

PARTS = ("arm", "body", "head", "leg", "trunk")
WITH_SIDES = ("arm", "leg")
MEASURED = "measures"  # the word list of what tells which measure
_LIKENED, _UNTOLD_SIDE = 0.5, 0.5


def attributes(text: str) -> Bag:
    """The attributes that a text tells.

    >>> [name for name in attributes("raises the left arm") if "verb" not in name]
    ['direction=up', 'arm', 'arm/direction=up', 'arm.left', 'arm.left/direction=up']
    """
    found: Bag = {}
    heard = told(text)
    for movement in heard.movements:
        value = _LIKENED if movement.likened else 1.0
        for name, share in _told_of(movement):
            found[name] = max(found.get(name, 0.0), share * value)
    return found | dict.fromkeys((f"posture={posture}" for posture in sorted(heard.postures)), 1.0)


def _told_of(movement: Movement) -> Iterator[tuple[str, float]]:
    edges = [f"verb={movement.verb}", *(f"direction={x}" for x in sorted(movement.directions))]
    edges += [f"manner={x}" for x in sorted(movement.manners)]
    for edge in edges:
        yield edge, 1.0
    edges += [f"place={x}" for x in sorted(movement.places)]
    for limb in movement.limbs:
        for node, share in _nodes(limb):
            if movement.verb not in IDLE:
                yield node, share
            for edge in edges if not node.endswith(".both") else ():
                yield f"{node}/{edge}", share


def _nodes(limb: Limb) -> list[tuple[str, float]]:
    """The names of a limb, and how surely each is meant."""
    nodes = [(limb.part, 1.0)]
    if limb.part in WITH_SIDES:
        share = 1.0 if limb.sides else _UNTOLD_SIDE
        nodes += [(f"{limb.part}.{side}", share) for side in SIDES if side in (limb.sides or SIDES)]
        nodes += [(f"{limb.part}.both", 1.0)] if limb.together and len(limb.sides) == len(SIDES) else []
    return nodes


@cache
def vocabulary() -> tuple[str, ...]:
    """Every attribute that the lexicon can tell, sorted: the columns of the vectors."""
    verbs = [value for value in words.values("verb", "value") if not value.startswith(POSTURE)]
    postures = [value.removeprefix(POSTURE) for value in words.values("verb", "value") if value.startswith(POSTURE)]
    kinds = ("verb", "direction", "manner")
    edges = [f"verb={verb}" for verb in verbs]
    edges += [f"direction={x}" for kind in kinds for x in words.values(kind, "direction")]
    edges += [f"manner={x}" for kind in kinds for x in words.values(kind, "manner") if x != TRACE]
    places = [f"place={x}" for x in (*words.values("part", "place"), "overhead", "front", "behind", "beside", "below")]
    nodes = [*PARTS, *(f"{part}.{side}" for part in WITH_SIDES for side in SIDES)]
    pairs = [f"{node}/{edge}" for node in nodes for edge in (*edges, *places)]
    both = [f"{part}.both" for part in WITH_SIDES]
    return tuple(sorted({*edges, *nodes, *both, *pairs, *(f"posture={posture}" for posture in postures)}))


def digest() -> str:
    """Of all that decides the vectors: both word lists."""
    return value_digest([wordlists.rows(words.NAME), wordlists.rows(MEASURED)])


def of_classes(texts: Sequence[Sequence[str]]) -> tuple[Array, Array]:
    """The attributes (K, A) and what is told of the measures (K, M): the mean over a class's texts of both."""
    bags = [[attributes(text) for text in some] for some in texts]
    names = vocabulary()
    told_KA = [np.mean([[bag.get(name, 0.0) for name in names] for bag in some], axis=0) for some in bags]
    told_KM = [np.mean([_measured(bag) for bag in some], axis=0) for some in bags]
    return np.array(told_KA, np.float32), np.array(told_KM, np.float32)


def _measured(bag: Bag) -> list[float]:
    """What a text tells of each measure."""
    found: dict[str, float] = {}
    for name, rows in _tellers().items():
        if name in SIDED:
            left, right = (_value(bag, rows, side) for side in SIDES)
            found[name], found[f"{name}{OF_SIDE}"] = max(left, right), right - left
        else:
            found[name] = _value(bag, rows, "")
    return [found[name] for name in MEASURES]


def _value(bag: Bag, rows: Mapping[str, float], side: str) -> float:
    """The most that is told for a measure, less the most that is told against it."""
    told_by = [weight * bag.get(attribute.replace("{side}", side), 0.0) for attribute, weight in rows.items()]
    return max(0.0, *told_by) + min(0.0, *told_by)


@cache
def _tellers() -> dict[str, dict[str, float]]:
    """Weight by attribute, by measure."""
    found: dict[str, dict[str, float]] = {}
    for row in wordlists.rows(MEASURED):
        found.setdefault(row["measure"], {})[row["attribute"]] = float(row["weight"])
    return found
