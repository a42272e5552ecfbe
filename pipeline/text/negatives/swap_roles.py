"""Subject and object of one relation change places: "a man hitting a ball" -> "a ball hitting a man"."""

from collections.abc import Iterator

from pipeline.text.negatives.shared import Edit, Scene
from pipeline.text.rng import Rng
from pipeline.text.truth import SAME


def propose(scene: Scene, rng: Rng) -> Iterator[Edit]:
    """One edit a relation: the two phrases beside it are exchanged, so that its clause still names each object once."""
    for place in rng.order(scene.relations):
        subject, object_ = scene.pieces[place].subject, scene.pieces[place].object
        names = (scene.name(subject), scene.name(object_))
        if scene.lexicon.noun(names[0]).meaning == scene.lexicon.noun(names[1]).meaning:
            yield Edit("relation", (subject, object_), "", "", (), SAME)
            continue
        reason = scene.truth.of_relation(object_, scene.pieces[place].predicate, subject)
        before, after = place - 1, place + 1
        exchanged = (before, scene.phrase_at(after, before)), (after, scene.phrase_at(before, after))
        original, new = " / ".join(names), " / ".join(reversed(names))
        yield Edit("relation", (subject, object_), original, new, () if reason else exchanged, reason)
