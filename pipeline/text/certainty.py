"""Whether the annotation itself shows that a negative is false, or it is only likely.

Visual Genome describes the whole picture in some fifty regions: what passes the truth filter counts as shown of the
things that it names. That a thing it does not name is absent is not shown: annotators name some of what they see.

Action Genome annotates the objects of the action alone, of 35 classes, and of each its look, contacts and places
towards the person. Shown is therefore that a person does not hold the cup beside her (all contacts of the pair are
given), and not that she holds no book: a book that has no part in the action is not annotated. An "unsure" look shows
nothing. Of the other direction, from the object to the person, the annotation says nothing; that a cup holds no person,
or looks at one, is sure by what the words mean, that no blanket lies on her is not.
"""

from collections.abc import Callable

from pipeline.text.negatives.shared import Edit, Scene

Shown = Callable[[Scene, Edit], bool]

_ONLY_PEOPLE = frozenset(  # do this to things, and things do not do it to people
    (
        "carrying",
        "drinking from",
        "eating",
        "have it on the back",
        "holding",
        "looking at",
        "sitting on",
        "standing on",
        "twisting",
        "wearing",
        "wiping",
        "writing on",
    )
)


def of(kind: str) -> Shown:
    """The judge for the graphs of a corpus, by the kind of its row."""
    return {"visual_genome": _in_visual_genome, "action_genome": _in_action_genome}[kind]


def _in_visual_genome(_: Scene, edit: Edit) -> bool:
    return edit.place != "object"


def _in_action_genome(scene: Scene, edit: Edit) -> bool:
    if edit.place != "relation":
        return False
    relations = [place for place, _ in edit.words if scene.pieces[place].object >= 0]
    if not relations:  # both ends change places
        first = min(place for place, _ in edit.words)
        return scene.pieces[first + 1].predicate in _ONLY_PEOPLE
    edge = scene.relation(relations[0])
    known = [other for other in scene.truth.leaving(edge.subject) if other.object == edge.object]
    return "unsure" not in [other.predicate for other in known if other.group == edge.group]
