"""Two objects exchange an attribute: "a red car, a blue door" -> "a blue car, a red door"."""

from collections.abc import Iterator
from itertools import islice

from pipeline.text.draws import Draws
from pipeline.text.negatives.shared import TRIES_A_PLACE, Edit, Scene, Words, with_attribute
from pipeline.text.truth import SAME, all_exclude


def propose(scene: Scene, draws: Draws) -> Iterator[Edit]:
    """Pairs of objects of different names whose attributes are of one kind and exclude each other, both ways."""
    places = scene.attribute_places
    for node, word, kind in draws.order(places):
        rivals = [(other, new) for other, new, same in places if same == kind and other != node and new != word]
        if not rivals or not scene.shows(node, word):
            continue
        for other, new in islice(draws.order(rivals), TRIES_A_PLACE):
            if not scene.shows(other, new):
                continue
            ends, originals = (node, other), (word, new)
            yield Edit(
                "attribute", ends, " / ".join(originals), " / ".join((new, word)), *_judged(scene, ends, originals)
            )


def _judged(scene: Scene, ends: tuple[int, int], originals: tuple[str, str]) -> tuple[Words, str | None]:
    """The pieces that change, and why the result may be true."""
    words: Words = ()
    if scene.name(ends[0]) == scene.name(ends[1]):
        return (), SAME
    for node, old, new in zip(ends, originals, reversed(originals), strict=True):
        own = scene.attributes[node]
        reason = scene.truth.of_attribute(node, new)
        if reason or not all_exclude(own, new, scene.lexicon):
            return (), reason or SAME
        words += scene.described(node, with_attribute(scene, node, old, new))
    return words, None
