"""What is true of a scene graph, so that a negative can be shown to be false of it.

A claim counts as true when the graph states it, in the same words or in others: through aliases, synonyms and synsets
("sneakers" are "shoes"), more general or more special names (a man is a person), relations that go together (who sits
on a chair is on it), mirrored ("next to") and inverse ones ("under" for "on"). A caption speaks of "a man", so a claim
is also true when another object of that name makes it so. Every answer is the reason for which a candidate is dropped.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from operator import attrgetter

import msgspec

from pipeline.graphs.scene import Relation, SceneGraph
from pipeline.text.lexicon import Attribute, Lexicon, Predicate, Thing

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
        self.objects = graph.by_id()
        self.things: dict[int, Thing] = {}
        self._by_sort: defaultdict[str, list[int]] = defaultdict(list)  # what objects may be referred to by -> these
        things, by_sort, meant = self.things, self._by_sort, lexicon.thing
        for node, one in self.objects.items():
            things[node] = thing = meant(one.names, one.synsets)
            for sort in thing.sorts:
                by_sort[sort].append(node)
        self._kept_alike: dict[Thing, set[int]] = {}
        self._kept_meanings: dict[tuple[int, int], set[str]] = {}
        self._kept_traits: dict[int, _Traits] = {}

    @cached_property
    def _present(self) -> tuple[frozenset[str], frozenset[str]]:
        """The meanings of all names in the graph, and these with all they are a kind of."""
        things = self.things.values()
        none = frozenset[str]()
        return none.union(*map(attrgetter("meanings"), things)), none.union(*map(attrgetter("general"), things))

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
        if forth and not about.also.isdisjoint(forth):
            return IMPLIED
        back = self._meanings(object_, subject)
        if back and self._mirrors(about, back):
            return MIRRORED
        if about.placing and len(self._alike(subject)) + len(self._alike(object_)) > 2:
            return UNKNOWN  # two cars, and only of one the graph says where it stands
        return None

    def of_attribute(self, node: int, word: str) -> str | None:
        """Why an attribute may be true of an object, or of another of its name; None if it is false of all."""
        about = self.lexicon.attribute(word)
        if about.meaning in self._traits(node).meanings:
            return TRUE
        alike = self._alike(node)
        for other in sorted(alike) if len(alike) > 1 else ():
            if other == node:
                continue
            traits = self._traits(other)
            if about.meaning in traits.meanings:
                return SHARED
            if about.kind not in traits.kinds:
                return UNKNOWN
        return None

    def leaving(self, subject: int) -> Sequence[Relation]:
        """The relations of one object to others, in their order."""
        return self._leaving.get(subject, ())

    @cached_property
    def _leaving(self) -> dict[int, list[Relation]]:
        return {node: list(edges) for node, edges in groupby(self.graph.relations, key=attrgetter("subject"))}

    def _meanings(self, subject: int, object_: int) -> set[str]:
        """What the graph says from things called as one object to things called as another."""
        found = self._kept_meanings.get((subject, object_))
        if found is None:
            found = self._kept_meanings[subject, object_] = set()
            objects = self._alike(object_)
            for one in self._alike(subject):
                for edge in self.leaving(one):
                    if edge.object in objects:
                        found.add(self.lexicon.predicate(edge.predicate).meaning)
        return found

    def _mirrors(self, about: Predicate, back: set[str]) -> bool:
        """Whether a predicate says the same as what is said the other way round, or may be true with it."""
        if about.mirrored and not about.also.isdisjoint(back):
            return True
        if not about.inverse_also.isdisjoint(back):
            return True
        return any(about.meaning in self.lexicon.predicate(other).inverse_also for other in back)

    def _alike(self, node: int) -> set[int]:
        """The objects that may be called as this one is, itself included."""
        thing = self.things[node]
        found = self._kept_alike.get(thing)
        if found is None:
            found = self._kept_alike[thing] = set().union(*map(self._by_sort.__getitem__, thing.sorts))
        return found

    def _traits(self, node: int) -> "_Traits":
        """The attributes of an object, also those it has only by its name ("white top")."""
        found = self._kept_traits.get(node)
        if found is None:
            thing, attribute = self.objects[node], self.lexicon.attribute
            own = [attribute(word) for word in thing.attributes]
            meanings = [about.meaning for about in own]
            for name in thing.names:
                if " " in name:
                    meanings += [attribute(word).meaning for word in name.split()[:-1]]
            found = self._kept_traits[node] = _Traits(meanings, [about.kind for about in own])
        return found


class _Traits(msgspec.Struct, frozen=True, gc=False):
    """What the attributes of one object mean, and the kinds of which any is recorded."""

    meanings: list[tuple[str, str]]
    kinds: list[str]


def excludes(one: Attribute, other: Attribute) -> bool:
    """Whether nothing can be both: of one listed kind, and of different values."""
    return one.kind == other.kind != "" and one.value != other.value


def all_exclude(attributes: Sequence[str], word: str, lexicon: Lexicon) -> bool:
    """Whether a word contradicts every attribute of its own kind, of which there is at least one."""
    about = lexicon.attribute(word)
    own = [lexicon.attribute(attribute) for attribute in attributes]
    rivals = [other for other in own if other.kind == about.kind]
    return bool(rivals) and all(excludes(other, about) for other in rivals)
