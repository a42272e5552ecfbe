"""Where the words of an edit stand in a caption, and whether "the second man" still means the same after it."""

from itertools import combinations

from pipeline.text import english
from pipeline.text.negatives.shared import Edit, Scene

Spans = list[tuple[int, int]]  # of characters: start, stop


def spans(scene: Scene, edit: Edit) -> tuple[Spans, Spans]:
    """Where the edited phrases stand in the caption, and in the edited text."""
    before, after = [], []
    shift = 0
    for place, words in sorted(edit.words):
        piece = scene.pieces[place]
        before.append((piece.start, piece.stop))
        after.append((piece.start + shift, piece.start + shift + len(words)))
        shift += len(words) - (piece.stop - piece.start)
    return before, after


def recounts(scene: Scene, edit: Edit) -> bool:
    """Whether an edit may change what "the second man" counts, so that it would mean another man or nobody."""
    heads = {_head(scene, piece.subject) for piece in scene.pieces if piece.number}
    if not heads:
        return False
    changed = {scene.pieces[place].subject for place, _ in edit.words if scene.pieces[place].object < 0}
    counted = [heads & _sorts(scene, node) for node in changed]
    if edit.place == "relation":
        return any(first & second for first, second in combinations(counted, 2))  # the two that are exchanged
    return any(counted)


def _head(scene: Scene, node: int) -> str:
    """The last word of an object's name; all people are counted together."""
    name = scene.name(node)
    return "person" if scene.lexicon.noun(name).kind == "person" else english.head(name)


def _sorts(scene: Scene, node: int) -> frozenset[str]:
    """The words under which an object may be counted: a car is also "a second vehicle"."""
    return scene.lexicon.noun(scene.name(node)).general | {_head(scene, node)}
