"""One attribute becomes one that excludes it: "a red car" -> "a blue car"."""

from collections.abc import Iterator
from itertools import islice

from pipeline.text.negatives.shared import MORE, TRIES_PER_PLACE, Edit, Scene
from pipeline.text.rng import Rng
from pipeline.text.truth import SAME, all_exclude


def propose(scene: Scene, rng: Rng) -> Iterator[Edit]:
    """Attributes of the same kind; a synonym of another attribute of the object is no candidate."""
    for node, word, _ in rng.order(scene.attribute_places):
        if not scene.names_attribute(node, word):
            continue
        recorded = scene.attributes(node)
        value = scene.lexicon.attribute(word).value
        drawn = scene.pools.attributes(word, scene.thing(node), rng)
        others = (new for new in drawn if scene.lexicon.attribute(new).value != value)
        for new in islice(others, TRIES_PER_PLACE):
            reason = scene.truth.of_attribute(node, new)
            if reason is None and not all_exclude(recorded, new, scene.lexicon):
                reason = SAME
            words = scene.described(node, word, new) if reason is None else ()
            yield Edit("attribute", (node,), word, new, words or (), MORE if words is None else reason)
