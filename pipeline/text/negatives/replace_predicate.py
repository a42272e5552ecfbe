"""One relation becomes another: "a man holding a ball" -> "a man throwing a ball"."""

from collections.abc import Iterator
from itertools import islice

from pipeline.text.negatives.shared import TRIES_PER_PLACE, Edit, Scene
from pipeline.text.rng import Rng


def propose(scene: Scene, rng: Rng) -> Iterator[Edit]:
    """Predicates that the corpus has between such things, in Action Genome of the same group.

    A predicate that may be true beside the original ("sitting on" beside "on") is no candidate.
    """
    for place in rng.order(scene.relations):
        edge = scene.relation(place)
        ends = (edge.subject, edge.object)
        original = scene.lexicon.predicate(edge.predicate)
        if not scene.lexicon.is_informative(original.meaning):
            continue
        drawn = scene.pools.predicates(scene.thing(edge.subject), scene.thing(edge.object), edge, rng)
        others = (word for word in drawn if scene.truth.contradicts(edge, word))
        for word in islice(others, TRIES_PER_PLACE):
            wording = scene.lexicon.wordings[word]
            reason = scene.truth.of_relation(edge.subject, word, edge.object)
            yield Edit("relation", ends, original.wording, wording, ((place, wording),), reason)
