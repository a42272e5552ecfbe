"""What an edit does to a caption beside its words: where they stand, and whether "the second man" is still the same."""

from pipeline.text import english
from pipeline.text.negatives.shared import Edit, Scene

Spans = list[tuple[int, int]]  # first character, the one after the last


def spans(scene: Scene, edit: Edit) -> tuple[Spans, Spans]:
    """Where the edited phrases stand in the caption, and in the edited text."""
    before, after = [], []
    moved = 0
    for place, words in sorted(edit.words):
        piece = scene.pieces[place]
        before.append((piece.start, piece.stop))
        after.append((piece.start + moved, piece.start + moved + len(words)))
        moved += len(words) - (piece.stop - piece.start)
    return before, after


def recounts(scene: Scene, edit: Edit) -> bool:
    """Whether an edit may change what "the second man" counts: it would mean another then, or nobody."""
    numbered = {piece.subject for piece in scene.pieces if piece.number}
    if not numbered:
        return False
    sorts = {_sort(scene, node) for node in numbered}
    changed = {scene.pieces[place].subject for place, _ in edit.words if scene.pieces[place].object < 0}
    counted = [sort for sort in (_sort(scene, node) for node in changed) if sort in sorts]
    if edit.place == "relation":
        return len(counted) > len(set(counted))  # the two that change places are counted together
    return bool(counted)


def _sort(scene: Scene, node: int) -> str:
    """The last word of an object's name; all people are counted together."""
    name = scene.name(node)
    return "person" if scene.lexicon.noun(name).kind == "person" else english.head(name)
