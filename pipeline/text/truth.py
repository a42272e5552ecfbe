"""What is true of a scene graph, so that a negative can be shown to be false of it.

A claim counts as true when the graph states it, in the same words or in others: through aliases, synonyms and synsets
("sneakers" are "shoes"), more general or more special names (a man is a person), relations that go together (who sits
on a chair is on it), mirrored ("next to") and inverse ones ("under" for "on"). A caption speaks of "a man", so a claim
is also true when another object of that name makes it so. Every answer is the reason for which a candidate is dropped.
"""

from collections.abc import Sequence
from functools import cached_property

from pipeline.graphs.scene import SceneGraph, SceneObject
from pipeline.text.lexicon import Attribute, Lexicon

SAME = "means the same"
TRUE = "true of the graph"
IMPLIED = "may be true with what the graph says"
MIRRORED = "true the other way round"
PRESENT = "in the picture"
SHARED = "true of another object of that name"
UNKNOWN = "unknown of another object of that name"


class Truth:
    """The facts of one graph in terms of a lexicon's meanings; built as far as it is asked."""

    def __init__(self, graph: SceneGraph, lexicon: Lexicon) -> None:
        self.graph = graph
        self.lexicon = lexicon
        self._kept_alike: dict[int, set[int]] = {}
        self.objects = graph.by_id()
        self.things = {thing.id: lexicon.thing(thing.names, thing.synsets) for thing in graph.objects}

    @cached_property
    def _present(self) -> tuple[frozenset[str], frozenset[str]]:
        """The meanings of all names in the graph, and these with all they are a kind of."""
        things = self.things.values()
        none = frozenset[str]()
        return none.union(*[thing.meanings for thing in things]), none.union(*[thing.general for thing in things])

    def of_noun(self, word: str) -> str | None:
        """Why a thing of this name may be in the picture; None if the graph knows nothing of the kind."""
        noun = self.lexicon.noun(word)
        meanings, general = self._present
        if noun.meaning in general or not noun.general.isdisjoint(meanings):
            return PRESENT
        return None

    def of_relation(self, subject: int, predicate: str, object_: int) -> str | None:
        """Why "subject predicate object" may be true of two things called as these objects; None if it is false."""
        about = self.lexicon.predicate(predicate)
        forth = self._meanings(subject, object_)
        if about.meaning in forth:
            return TRUE
        if not about.also.isdisjoint(forth):
            return IMPLIED
        back = self._meanings(object_, subject)
        if about.mirrored and not about.also.isdisjoint(back):
            return MIRRORED
        if not about.inverse_also.isdisjoint(back):
            return MIRRORED
        if any(about.meaning in self.lexicon.predicate(other).inverse_also for other in back):
            return MIRRORED
        if about.placing and len(self._alike(subject)) + len(self._alike(object_)) > 2:
            return UNKNOWN  # two cars, and only of one the graph says where it stands
        return None

    def of_attribute(self, node: int, word: str) -> str | None:
        """Why an attribute may be true of an object, or of another of its name; None if it is false of all."""
        about = self.lexicon.attribute(word)
        if self._has(self.objects[node], about):
            return TRUE
        for other in sorted(self._alike(node)):
            if other == node:
                continue
            if self._has(self.objects[other], about):
                return SHARED
            if not any(self.lexicon.attribute(own).kind == about.kind for own in self.objects[other].attributes):
                return UNKNOWN
        return None

    def _meanings(self, subject: int, object_: int) -> set[str]:
        """What the graph says from things called as one object to things called as another."""
        subjects, objects = self._alike(subject), self._alike(object_)
        edges = [edge for edge in self.graph.relations if edge.subject in subjects and edge.object in objects]
        return {self.lexicon.predicate(edge.predicate).meaning for edge in edges}

    @cached_property
    def _by_sort(self) -> dict[str, set[int]]:
        """What objects may be referred to by -> these objects."""
        found: dict[str, set[int]] = {}
        for node, thing in self.things.items():
            for sort in thing.sorts:
                found.setdefault(sort, set()).add(node)
        return found

    def _alike(self, node: int) -> set[int]:
        """The objects that may be called as this one is, itself included."""
        found = self._kept_alike.get(node)
        if found is None:
            sorts = self.things[node].sorts
            found = self._kept_alike[node] = set().union(*[self._by_sort[sort] for sort in sorts])
        return found

    def _has(self, thing: SceneObject, about: Attribute) -> bool:
        """Whether an object has the attribute, be it only by its name ("white top")."""
        if any(_same(self.lexicon.attribute(word), about) for word in thing.attributes):
            return True
        compounds = [name for name in thing.names if " " in name]
        return any(_same(self.lexicon.attribute(word), about) for name in compounds for word in name.split()[:-1])


def _same(one: Attribute, other: Attribute) -> bool:
    return one.value == other.value and one.kind == other.kind


def excludes(one: Attribute, other: Attribute) -> bool:
    """Whether nothing can be both: of one listed kind, and of different values."""
    return one.kind == other.kind != "" and one.value != other.value


def all_exclude(attributes: Sequence[str], word: str, lexicon: Lexicon) -> bool:
    """Whether a word contradicts every attribute of its own kind, of which there is at least one."""
    about = lexicon.attribute(word)
    own = [lexicon.attribute(attribute) for attribute in attributes]
    rivals = [other for other in own if other.kind == about.kind]
    return bool(rivals) and all(excludes(other, about) for other in rivals)
