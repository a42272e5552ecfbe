"""The object of one relation becomes another thing: "a man hitting a ball" -> "a man hitting a fence"."""

from collections.abc import Iterator

from pipeline.text.negatives.shared import Edit, Scene, replaced_nouns
from pipeline.text.rng import Rng


def propose(scene: Scene, rng: Rng) -> Iterator[Edit]:
    """Nouns that the corpus has as objects of the same predicate and that name nothing in the picture."""
    return replaced_nouns(scene, rng, "object")
