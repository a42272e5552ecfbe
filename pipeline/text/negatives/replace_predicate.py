"""One relation becomes another: "a man holding a ball" -> "a man throwing a ball"."""

from collections.abc import Iterator
from itertools import islice

from pipeline.text.draws import Draws
from pipeline.text.negatives.shared import TRIES_A_PLACE, Edit, Scene


def propose(scene: Scene, draws: Draws) -> Iterator[Edit]:
    """Predicates that the corpus has between such things, in Action Genome of the same group."""
    for place in draws.order(scene.relations):
        edge = scene.relation(place)
        original = scene.lexicon.predicate(edge.predicate)
        pool = scene.pools.predicates(scene.kind(edge.subject), scene.kind(edge.object), edge.group)
        for word in islice(draws.order(pool), TRIES_A_PLACE):
            new = scene.lexicon.predicate(word)
            if new.said == original.said:
                continue
            reason = scene.truth.of_relation(edge.subject, word, edge.object)
            yield Edit("relation", (edge.subject, edge.object), original.said, new.said, ((place, new.said),), reason)
