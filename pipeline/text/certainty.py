"""Whether the annotation itself shows that a negative is false, or makes it only likely.

Visual Genome describes the whole picture in some fifty regions. A negative about things that it names, and that passes
the truth filter, counts as shown to be false. The absence of a thing that it does not name is not shown: annotators
name only some of what they see.

Action Genome annotates only the objects of the action, of 35 classes, with their looks, contacts and places towards the
person. It shows that a person does not hold the cup beside her, as all contacts of the pair are given. It does not show
that she holds no book: a book that has no part in the action is not annotated. An "unsure" look shows nothing. Nothing
is annotated from the object to the person. That a cup holds no person, or looks at none, is sure by what the words
mean; that no blanket lies on her is not.
"""

from collections.abc import Callable

from pipeline.text.negatives.shared import Edit, Scene

Judge = Callable[[Scene, Edit], bool]  # whether the annotation shows that the edit is false

_ONLY_PEOPLE = frozenset(  # people do this to things, never things to people
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


def judge(kind: str) -> Judge:
    """The judge for the graphs of a corpus, by the kind of its row."""
    return {"visual_genome": _in_visual_genome, "action_genome": _in_action_genome}[kind]


def _in_visual_genome(_: Scene, edit: Edit) -> bool:
    return edit.place != "object"


def _in_action_genome(scene: Scene, edit: Edit) -> bool:
    if edit.place != "relation":
        return False
    relations = [place for place, _ in edit.words if scene.pieces[place].object >= 0]
    if not relations:  # the two ends are exchanged
        first = min(place for place, _ in edit.words)
        return scene.pieces[first + 1].predicate in _ONLY_PEOPLE
    edge = scene.relation(relations[0])
    of_pair = [other for other in scene.truth.leaving(edge.subject) if other.object == edge.object]
    return "unsure" not in [other.predicate for other in of_pair if other.group == edge.group]
