"""What is true of a scene graph, so that a negative can be shown to be false of it.

A claim counts as true when the graph states it, in the same words or in others:

- aliases, synonyms and synsets ("sneakers" are "shoes"),
- more general or more special names (a man is a person),
- different annotators' names for one thing (a stove is an oven),
- relations that go together, whichever of the two is stated (who grazes in a field is in it),
- mirrored ("next to") and inverse relations ("under" for "on").

A caption speaks of "a man", so a claim is also true when it is true of another object that may be called so. Every
answer is the reason why a candidate is dropped.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import groupby
from operator import attrgetter

from pipeline.graphs.scene import Relation, SceneGraph
from pipeline.text.lexicon import Attribute, Lexicon, Thing
from pipeline.text.predicates import CONTRARY, LISTED, Predicate, Setting

ANY_PICTURE = "any picture"  # as a whole, in words/parts.csv

SAME = "means the same"
TRUE = "true of the graph"
IMPLIED = "may be true with what the graph says"
MIRRORED = "true the other way round"
PRESENT = "in the picture"
PART = "nearly always there, said or not"
SHARED = "true of another object of that name"
UNKNOWN = "unknown of another object of that name"


class Truth:
    """The facts of one graph in terms of a lexicon's meanings; each part is built when it is first needed."""

    def __init__(self, graph: SceneGraph, lexicon: Lexicon) -> None:
        self.graph = graph
        self.lexicon = lexicon
        self.objects = graph.by_id()
        self.things: dict[int, Thing] = {
            node: lexicon.thing(object_.names, object_.synsets) for node, object_ in self.objects.items()
        }
        self._alike_of: dict[Thing, list[int]] = {}
        self._facts_of: dict[tuple[int, int], dict[tuple[int, int], tuple[list[str], list[str]]]] = {}

    @cached_property
    def _groups(self) -> dict[Thing, list[int]]:
        """The objects with the same names: a dozen windows are looked up once."""
        groups: dict[Thing, list[int]] = {}
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
        """Why a thing of this name may be in the picture; None if the graph has no such thing."""
        noun = self.lexicon.noun(word)
        called, may_be = self._names
        if noun.meaning in may_be or not noun.wide.isdisjoint(called):
            return PRESENT
        return None if noun.wholes.isdisjoint(may_be) and ANY_PICTURE not in noun.wholes else PART

    def contradicts(self, edge: Relation, predicate: str) -> bool:
        """Whether a relation shows that another predicate is false of the same two things."""
        claim, fact = self._claim(predicate), self.lexicon.predicate(edge.predicate)
        setting = _setting(self.things[edge.subject], self.things[edge.object])
        return self.lexicon.compare((claim.meaning, fact.meaning, setting)) == CONTRARY

    def of_relation(self, subject: int, predicate: str, object_: int) -> str | None:
        """Why "subject predicate object" may be true of two things with these objects' names; None if it is false.

        A claim is false if the graph says nothing of such two things. It is also false if what the graph says of them
        contradicts it, unless the graph states it in other words, too.
        """
        claim = self._claim(predicate)
        ends, compare = (self.things[subject], self.things[object_]), self.lexicon.compare
        setting = _setting(*ends)
        for facts in self._facts(subject, object_).values():
            forth = [compare((claim.meaning, fact, setting)) for fact in facts[0]]
            back = [self._compare_back(claim, fact, ends) for fact in facts[1]]
            if claim.meaning in facts[0]:
                return TRUE
            if max(forth + back) == LISTED or CONTRARY not in forth + back:
                return IMPLIED if forth and max(forth) >= max(back, default=0) else MIRRORED
        if claim.placing and len(self._alike(subject)) + len(self._alike(object_)) > 2:
            return UNKNOWN  # two cars, and the graph says only where one of them stands
        return None

    def of_attribute(self, node: int, word: str) -> str | None:
        """Why an attribute may be true of an object, or of another of its name; None if it is false of all."""
        attribute = self.lexicon.attribute(word)
        objects, traits_of = self.objects, self.lexicon.traits
        if attribute.meaning in traits_of((objects[node].names, objects[node].attributes)).meanings:
            return TRUE
        if self._does(node, attribute):
            return TRUE
        alike = self._alike(node)
        for other in alike if len(alike) > 1 else ():
            if other == node:
                continue
            traits = traits_of((objects[other].names, objects[other].attributes))
            if attribute.meaning in traits.meanings or self._does(other, attribute):
                return SHARED
            if attribute.kind not in traits.kinds:
                return UNKNOWN
        return None

    def leaving(self, subject: int) -> Sequence[Relation]:
        """The relations of one object to others, in order."""
        return self._leaving.get(subject, ())

    @cached_property
    def _leaving(self) -> dict[int, list[Relation]]:
        return {node: list(edges) for node, edges in groupby(self.graph.relations, key=attrgetter("subject"))}

    @cached_property
    def _meanings(self) -> dict[int, list[tuple[int, str]]]:
        """Subject -> object and meaning of each of its relations."""
        predicate = self.lexicon.predicate
        meanings: dict[int, list[tuple[int, str]]] = {}
        for edge in self.graph.relations:
            meanings.setdefault(edge.subject, []).append((edge.object, predicate(edge.predicate).meaning))
        return meanings

    def _facts(self, subject: int, object_: int) -> dict[tuple[int, int], tuple[list[str], list[str]]]:
        """The relations, there and back, between things with the names of two objects, by pair of things."""
        facts = self._facts_of.get((subject, object_))
        if facts is None:
            facts = self._facts_of[subject, object_] = {}
            subjects, objects = self._alike(subject), self._alike(object_)
            for back, (sources, targets) in enumerate(((subjects, objects), (objects, subjects))):
                for source in sources:
                    for target, meaning in self._meanings.get(source, ()):
                        if target in targets:
                            pair = (target, source) if back else (source, target)
                            facts.setdefault(pair, ([], []))[back].append(meaning)
        return facts

    def _claim(self, predicate: str) -> Predicate:
        """The claim as a caption words it: "has" becomes "with", which is true both ways round."""
        return self.lexicon.predicate(self.lexicon.wordings[predicate])

    def _compare_back(self, claim: Predicate, fact_meaning: str, ends: tuple[Thing, Thing]) -> int:
        """As Lexicon.compare, for a fact about the same two things the other way round."""
        fact, compare = self.lexicon.predicate(fact_meaning), self.lexicon.compare
        mirrored = {"yes", "alike"} if ends[0].living == ends[1].living else {"yes"}
        if fact.mirrored in mirrored or claim.mirrored in mirrored:
            return compare((claim.meaning, fact_meaning, _setting(*ends)))
        if fact.inverse:
            return compare((claim.meaning, fact.inverse, _setting(*ends)))
        return compare((claim.inverse, fact_meaning, _setting(ends[1], ends[0]))) if claim.inverse else CONTRARY

    def _alike(self, node: int) -> list[int]:
        """The objects that may have this one's name, itself included; any person may have any other's."""
        thing = self.things[node]
        alike = self._alike_of.get(thing)
        if alike is None:
            meanings, wide, person = thing.meanings, thing.wide, thing.kind == "person"
            alike = self._alike_of[thing] = []
            for other, nodes in self._groups.items():
                may_be = not wide.isdisjoint(other.meanings) or not meanings.isdisjoint(other.wide)
                if may_be or (person and other.kind == "person"):
                    alike += nodes
            alike.sort()
        return alike

    def _does(self, node: int, attribute: Attribute) -> bool:
        """Whether a relation of an object implies an attribute: who sits on a bench is sitting."""
        if not attribute.kind.startswith("state"):
            return False
        verbs = [self.lexicon.predicate(meaning).verb for _, meaning in self._meanings.get(node, ())]
        return any(self.lexicon.attribute(verb).meaning == attribute.meaning for verb in verbs if verb)


def _setting(subject: Thing, object_: Thing) -> Setting:
    return subject.living, "ground" in (subject.kind, object_.kind)


def excludes(first: Attribute, second: Attribute) -> bool:
    """Whether nothing can have both: they are of one listed kind, with different values."""
    return first.kind == second.kind != "" and first.value != second.value


def all_exclude(attributes: Sequence[str], word: str, lexicon: Lexicon) -> bool:
    """Whether a word contradicts every attribute of its own kind, of which there is at least one."""
    new = lexicon.attribute(word)
    rivals = [other for other in map(lexicon.attribute, attributes) if other.kind == new.kind]
    return bool(rivals) and all(excludes(other, new) for other in rivals)
