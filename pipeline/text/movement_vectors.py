"""Class texts -> vectors of movement: the attributes that they state, and what they say of each measured movement.

An attribute is a node or an edge of a text's movements: `arm`, `arm.right`, `arm.both`, `verb=raise`,
`arm/direction=up`, `arm.right/place=head`, `posture=sit`. Its value goes from 0 (not stated) to 1. A side that is not
stated counts half on both sides. A comparison ("as if pushing") counts half.
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
from pipeline.text.movement import IDLE, POSTURE, SIDES, TRACE, Limb, Movement, parse

Array = npt.NDArray[np.float32]
Bag = dict[str, float]  # attribute -> value

PARTS = ("arm", "body", "head", "leg", "trunk")
WITH_SIDES = ("arm", "leg")
MEASURED = "measures"  # the word list of which attribute speaks for which measure
_LIKENED, _UNSTATED_SIDE = 0.5, 0.5


def attributes(text: str) -> Bag:
    """The attributes that a text states.

    >>> [name for name in attributes("raises the left arm") if "verb" not in name]
    ['direction=up', 'arm', 'arm/direction=up', 'arm.left', 'arm.left/direction=up']
    """
    bag: Bag = {}
    parsed = parse(text)
    for movement in parsed.movements:
        value = _LIKENED if movement.likened else 1.0
        for name, share in _of_movement(movement):
            bag[name] = max(bag.get(name, 0.0), share * value)
    return bag | dict.fromkeys((f"posture={posture}" for posture in sorted(parsed.postures)), 1.0)


def _of_movement(movement: Movement) -> Iterator[tuple[str, float]]:
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
        share = 1.0 if limb.sides else _UNSTATED_SIDE
        nodes += [(f"{limb.part}.{side}", share) for side in SIDES if side in (limb.sides or SIDES)]
        nodes += [(f"{limb.part}.both", 1.0)] if limb.together and len(limb.sides) == len(SIDES) else []
    return nodes


@cache
def vocabulary() -> tuple[str, ...]:
    """Every attribute that the lexicon can state, sorted: the columns of the vectors."""
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
    """The digest of the two word lists that decide the vectors."""
    return value_digest([wordlists.rows(words.NAME), wordlists.rows(MEASURED)])


def of_classes(texts: Sequence[Sequence[str]]) -> tuple[Array, Array]:
    """The attributes (K, A) and the values of the measures (K, M), each the mean over a class's texts."""
    names = vocabulary()
    attribute_KA, measure_KM = [], []
    for of_class in texts:
        bags = [attributes(text) for text in of_class]
        attribute_KA.append(np.mean([[bag.get(name, 0.0) for name in names] for bag in bags], axis=0))
        measure_KM.append(np.mean([_measured(bag) for bag in bags], axis=0))
    return np.array(attribute_KA, np.float32), np.array(measure_KM, np.float32)


def _measured(bag: Bag) -> list[float]:
    """What a text says of each measure."""
    values: dict[str, float] = {}
    for name, weights in _weights().items():
        if name in SIDED:
            left, right = (_value(bag, weights, side) for side in SIDES)
            values[name], values[f"{name}{OF_SIDE}"] = max(left, right), right - left
        else:
            values[name] = _value(bag, weights, "")
    return [values[name] for name in MEASURES]


def _value(bag: Bag, weights: Mapping[str, float], side: str) -> float:
    """The strongest evidence for a measure, less the strongest against it."""
    evidence = [weight * bag.get(attribute.replace("{side}", side), 0.0) for attribute, weight in weights.items()]
    return max(0.0, *evidence) + min(0.0, *evidence)


@cache
def _weights() -> dict[str, dict[str, float]]:
    """Measure -> attribute -> weight."""
    weights: dict[str, dict[str, float]] = {}
    for row in wordlists.rows(MEASURED):
        weights.setdefault(row["measure"], {})[row["attribute"]] = float(row["weight"])
    return weights
