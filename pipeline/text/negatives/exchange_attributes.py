"""Two objects exchange an attribute: "a red car, a blue door" -> "a blue car, a red door"."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

from pipeline.text.negatives.shared import MORE, TRIES_PER_PLACE, Edit, Scene, Words
from pipeline.text.rng import Rng
from pipeline.text.truth import SAME, all_exclude


def propose(scene: Scene, rng: Rng) -> Iterator[Edit]:
    """Pairs of objects of different names, whose attributes are of one kind and exclude each other both ways."""
    places = scene.attribute_places
    of_kind: defaultdict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for place in places:
        of_kind[place[2]].append(place)
    for node, word, kind in rng.order(places):
        rivals = [rival for rival in of_kind[kind] if rival[0] != node and rival[1] != word]
        if not rivals or not scene.names_attribute(node, word):
            continue
        for other, new, _ in islice(rng.order(rivals), TRIES_PER_PLACE):
            if not scene.names_attribute(other, new):
                continue
            words, reason = _judged(scene, (node, other), (word, new))
            yield Edit("attribute", (node, other), f"{word} / {new}", f"{new} / {word}", words, reason)


def _judged(scene: Scene, ends: tuple[int, int], originals: tuple[str, str]) -> tuple[Words, str | None]:
    """The pieces that change, and why the result may be true."""
    if scene.name(ends[0]) == scene.name(ends[1]):
        return (), SAME
    for node, new in zip(ends, reversed(originals), strict=True):
        reason = scene.truth.of_attribute(node, new)
        if reason or not all_exclude(scene.attributes(node), new, scene.lexicon):
            return (), reason or SAME
    words: Words = ()
    for node, old, new in zip(ends, originals, reversed(originals), strict=True):
        changed = scene.described(node, old, new)
        if not changed:
            return (), MORE
        words += changed
    return words, None
