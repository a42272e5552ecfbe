"""What is true of a scene graph, so that a negative can be shown to be false of it.

A claim counts as true when the graph states it, in the same words or in others: through aliases, synonyms and synsets
("sneakers" are "shoes"), more general or more special names (a man is a person), names that annotators use for one
thing (a stove is an oven), relations that go together, whichever of the two is said (who grazes in a field is in it),
mirrored ("next to") and inverse ones ("under" for "on"). A caption speaks of "a man", so a claim is also true when
another object that may be called so makes it so. Every answer is the reason for which a candidate is dropped.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from operator import attrgetter

from pipeline.graphs.scene import Relation, SceneGraph
from pipeline.text.lexicon import Attribute, Lexicon, Thing
from pipeline.text.predicates import CONTRARY, LISTED, Predicate, Setting

ANY_PICTURE = "any picture"  # as a whole in words/parts.csv

SAME = "means the same"
TRUE = "true of the graph"
IMPLIED = "may be true with what the graph says"
MIRRORED = "true the other way round"
PRESENT = "in the picture"
PART = "nearly always there, said or not"
SHARED = "true of another object of that name"
UNKNOWN = "unknown of another object of that name"


class Truth:
    """The facts of one graph in terms of a lexicon's meanings; built as far as it is asked."""

    def __init__(self, graph: SceneGraph, lexicon: Lexicon) -> None:
        self.graph = graph
        self.lexicon = lexicon
        self.objects = graph.by_id()
        self.things: dict[int, Thing] = {
            node: lexicon.thing(one.names, one.synsets) for node, one in self.objects.items()
        }
        self._kept_alike: dict[Thing, list[int]] = {}
        self._kept_facts: dict[tuple[int, int], dict[tuple[int, int], tuple[list[str], list[str]]]] = {}

    @cached_property
    def _groups(self) -> dict[Thing, list[int]]:
        """The objects that go by the same names."""
        groups: dict[Thing, list[int]] = {}  # a dozen windows are looked up once
        for node, thing in self.things.items():
            if thing in groups:
                groups[thing].append(node)
            else:
                groups[thing] = [node]
        return groups

    @cached_property
    def _names(self) -> tuple[frozenset[str], frozenset[str]]:
        """The meanings of all names in the graph, and all that its things may be called."""
        none = frozenset[str]()
        meanings, wide = [thing.meanings for thing in self._groups], [thing.wide for thing in self._groups]
        return none.union(*meanings), none.union(*wide)

    def of_noun(self, word: str) -> str | None:
        """Why a thing of this name may be in the picture; None if the graph knows nothing of the kind."""
        noun = self.lexicon.noun(word)
        called, may_be = self._names
        if noun.meaning in may_be or not noun.wide.isdisjoint(called):
            return PRESENT
        return None if noun.wholes.isdisjoint(may_be) and ANY_PICTURE not in noun.wholes else PART

    def contradicts(self, edge: Relation, predicate: str) -> bool:
        """Whether a relation shows that another one, said of the same two things, is false."""
        claim, fact = self._claim(predicate), self.lexicon.predicate(edge.predicate)
        setting = _setting(self.things[edge.subject], self.things[edge.object])
        return self.lexicon.compared((claim.meaning, fact.meaning, setting)) == CONTRARY

    def of_relation(self, subject: int, predicate: str, object_: int) -> str | None:
        """Why "subject predicate object" may be true of two things called as these objects; None if it is false.

        Of two things of which the graph says nothing, deeds are false; what it says of them shows a claim to be false
        that it contradicts, unless it says the claim in other words, too.
        """
        about = self._claim(predicate)
        ends, compared = (self.things[subject], self.things[object_]), self.lexicon.compared
        setting = _setting(*ends)
        for facts in self._facts(subject, object_).values():
            forth = [compared((about.meaning, fact, setting)) for fact in facts[0]]
            back = [self._compared_back(about, fact, ends) for fact in facts[1]]
            if about.meaning in facts[0]:
                return TRUE
            if max(forth + back) == LISTED or CONTRARY not in forth + back:
                return IMPLIED if forth and max(forth) >= max(back, default=0) else MIRRORED
        if about.placing and len(self._alike(subject)) + len(self._alike(object_)) > 2:
            return UNKNOWN  # two cars, and only of one the graph says where it stands
        return None

    def of_attribute(self, node: int, word: str) -> str | None:
        """Why an attribute may be true of an object, or of another of its name; None if it is false of all."""
        about = self.lexicon.attribute(word)
        objects, traits_of = self.objects, self.lexicon.traits
        if about.meaning in traits_of((objects[node].names, objects[node].attributes)).meanings:
            return TRUE
        if self._does(node, about):
            return TRUE
        alike = self._alike(node)
        for other in alike if len(alike) > 1 else ():
            if other == node:
                continue
            traits = traits_of((objects[other].names, objects[other].attributes))
            if about.meaning in traits.meanings or self._does(other, about):
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

    @cached_property
    def _said(self) -> dict[int, list[tuple[int, str]]]:
        """Subject -> object and meaning of all relations."""
        predicate = self.lexicon.predicate
        said: dict[int, list[tuple[int, str]]] = {}
        for edge in self.graph.relations:
            said.setdefault(edge.subject, []).append((edge.object, predicate(edge.predicate).meaning))
        return said

    def _facts(self, subject: int, object_: int) -> dict[tuple[int, int], tuple[list[str], list[str]]]:
        """What the graph says from and to things called as two objects, pair by pair of things."""
        found = self._kept_facts.get((subject, object_))
        if found is None:
            found = self._kept_facts[subject, object_] = {}
            ones, others = self._alike(subject), self._alike(object_)
            for back, (here, there) in enumerate(((ones, others), (others, ones))):
                for one in here:
                    for other, meaning in self._said.get(one, ()):
                        if other in there:
                            pair = (other, one) if back else (one, other)
                            found.setdefault(pair, ([], []))[back].append(meaning)
        return found

    def _claim(self, predicate: str) -> Predicate:
        """What is claimed is what is said: "has" is said as "with", which is true both ways round."""
        return self.lexicon.predicate(self.lexicon.predicate(predicate).said)

    def _compared_back(self, about: Predicate, fact: str, ends: tuple[Thing, Thing]) -> int:
        """What a fact says of a claim about the same two things that is made the other way round."""
        said, compared = self.lexicon.predicate(fact), self.lexicon.compared
        mirrored = {"yes", "alike"} if ends[0].living == ends[1].living else {"yes"}
        if said.mirrored in mirrored or about.mirrored in mirrored:
            return compared((about.meaning, fact, _setting(*ends)))
        if said.inverse:
            return compared((about.meaning, said.inverse, _setting(*ends)))
        return compared((about.inverse, fact, _setting(ends[1], ends[0]))) if about.inverse else CONTRARY

    def _alike(self, node: int) -> list[int]:
        """The objects that may be called as this one is, itself included; any person may be called as any other."""
        thing = self.things[node]
        found = self._kept_alike.get(thing)
        if found is None:
            own, wide, person = thing.meanings, thing.wide, thing.kind == "person"
            found = self._kept_alike[thing] = []
            for other, nodes in self._groups.items():
                may_be = not wide.isdisjoint(other.meanings) or not own.isdisjoint(other.wide)
                if may_be or (person and other.kind == "person"):
                    found += nodes
            found.sort()
        return found

    def _does(self, node: int, about: Attribute) -> bool:
        """Whether a relation of an object says an attribute: who sits on a bench is sitting."""
        if not about.kind.startswith("state"):
            return False
        predicate, attribute = self.lexicon.predicate, self.lexicon.attribute
        verbs = [predicate(meaning).verb for _, meaning in self._said.get(node, ())]
        return any(attribute(verb).meaning == about.meaning for verb in verbs if verb)


def _setting(subject: Thing, object_: Thing) -> Setting:
    return subject.living, "ground" in (subject.kind, object_.kind)


def excludes(one: Attribute, other: Attribute) -> bool:
    """Whether nothing can be both: of one listed kind, and of different values."""
    return one.kind == other.kind != "" and one.value != other.value


def all_exclude(attributes: Sequence[str], word: str, lexicon: Lexicon) -> bool:
    """Whether a word contradicts every attribute of its own kind, of which there is at least one."""
    about = lexicon.attribute(word)
    own = [lexicon.attribute(attribute) for attribute in attributes]
    rivals = [other for other in own if other.kind == about.kind]
    return bool(rivals) and all(excludes(other, about) for other in rivals)
