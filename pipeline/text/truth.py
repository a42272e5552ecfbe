"""What is true of a scene graph, so that a negative can be shown to be false of it.

A claim counts as true when the graph states it, in the same words or in others: through aliases, synonyms and synsets
("sneakers" are "shoes"), more general or more special names (a man is a person), relations that go together (who sits
on a chair is on it), mirrored ("next to") and inverse ones ("under" for "on"). A caption speaks of "a man", so a claim
is also true when another object of that name makes it so. Every answer is the reason for which a candidate is dropped.
"""

from collections.abc import Sequence
from functools import cached_property

from pipeline.graphs.scene import SceneGraph, SceneObject
from pipeline.text.lexicon import Attribute, Lexicon, Noun

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
        self.things = graph.by_id()

    @cached_property
    def _present(self) -> tuple[set[str], set[str]]:
        """The meanings of all names in the graph, and these with all they are a kind of."""
        meanings: set[str] = set()
        general: set[str] = set()
        for thing in self.graph.objects:
            for noun in nouns(thing, self.lexicon):
                meanings.add(noun.meaning)
                general |= noun.general
        return meanings, general

    @cached_property
    def _relations(self) -> dict[tuple[str, str], set[str]]:
        """(what the subject is, what the object is) -> meanings of the predicates between two such objects."""
        found: dict[tuple[str, str], set[str]] = {}
        sorts = {thing.id: _sorts(thing, self.lexicon) for thing in self.graph.objects}
        predicate = self.lexicon.predicate
        for edge in self.graph.relations:
            meaning = predicate(edge.predicate).meaning
            for subject in sorts[edge.subject]:
                for object_ in sorts[edge.object]:
                    found.setdefault((subject, object_), set()).add(meaning)
        return found

    def of_noun(self, word: str) -> str | None:
        """Why a thing of this name may be in the picture; None if the graph knows nothing of the kind."""
        noun = self.lexicon.noun(word)
        meanings, general = self._present
        if noun.meaning in general or not noun.general.isdisjoint(meanings):
            return PRESENT
        return None

    def of_relation(self, subject: int, predicate: str, object_: int) -> str | None:
        """Why "subject predicate object" may be true of two things of the names of these objects; None if it is false."""
        about = self.lexicon.predicate(predicate)
        for first in _sorts(self.things[subject], self.lexicon):
            for second in _sorts(self.things[object_], self.lexicon):
                forth = self._relations.get((first, second), ())
                back = self._relations.get((second, first), ())
                if about.meaning in forth:
                    return TRUE
                if not about.also.isdisjoint(forth):
                    return IMPLIED
                if about.mirrored and not about.also.isdisjoint(back):
                    return MIRRORED
                if not about.inverse_also.isdisjoint(back):
                    return MIRRORED
                if any(about.meaning in self.lexicon.predicate(other).inverse_also for other in back):
                    return MIRRORED
        return None

    def of_attribute(self, node: int, word: str) -> str | None:
        """Why an attribute may be true of an object, or of another of its name; None if it is false of all."""
        about = self.lexicon.attribute(word)
        if self._has(self.things[node], about):
            return TRUE
        alike = _sorts(self.things[node], self.lexicon)
        for thing in self.graph.objects:
            if thing.id == node or alike.isdisjoint(_sorts(thing, self.lexicon)):
                continue
            if self._has(thing, about):
                return SHARED
            if not any(self.lexicon.attribute(attribute).kind == about.kind for attribute in thing.attributes):
                return UNKNOWN
        return None

    def _has(self, thing: SceneObject, about: Attribute) -> bool:
        """Whether an object has the attribute, or its name says it ("stop light": light is no colour, but "red car")."""
        if any(_same(self.lexicon.attribute(word), about) for word in thing.attributes):
            return True
        return any(_same(self.lexicon.attribute(word), about) for name in thing.names for word in name.split()[:-1])


def nouns(thing: SceneObject, lexicon: Lexicon) -> list[Noun]:
    """What an object is, by all its names and by the lemmas of its synsets ("gym_shoe.n.01")."""
    found = [lexicon.noun(name) for name in thing.names]
    found += [lexicon.noun(synset.split(".", 1)[0].replace("_", " ")) for synset in thing.synsets]
    return found


def kind(thing: SceneObject, lexicon: Lexicon) -> str:
    """The most general name of an object, by its synset where its own name is in no list."""
    if not thing.synsets or lexicon.knows(thing.names[0]):
        return lexicon.noun(thing.names[0]).kind
    return nouns(thing, lexicon)[len(thing.names)].kind


def _sorts(thing: SceneObject, lexicon: Lexicon) -> set[str]:
    """What other names may refer to the object by: its meanings; for people any of them is "a person"."""
    return {"person" if noun.kind == "person" else noun.meaning for noun in nouns(thing, lexicon)}


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
