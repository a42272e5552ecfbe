"""A scene graph's caption in clauses: paths of objects, each related to the next, before they are put into words.

A clause that does not begin its component is tied to an object of another clause where there is an edge: "a man
wearing a shirt, the man wearing shoes". Objects that cannot be told apart from others ("shoes", "shoes") are never tied
to: the clause is then said alone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from pipeline.graphs.scene import Relation
from pipeline.text.path_cover import Cover, minimum_path_cover
from pipeline.text.phrases import Phrase

Edges = dict[int, dict[int, Relation]]  # subject -> object -> the relation to say

_GROUPS = {"attention": 0, "contacting": 1, "spatial": 2}
_LEAST_TELLING = ("holding", "touching")  # who drinks from a cup holds it
_NOT = "not "
_SENSELESS = ("spatial", "in")


class Clause(msgspec.Struct, frozen=True, gc=False):
    """Objects along a path and the relations between neighbours, with how these are said."""

    nodes: list[int]
    links: list[tuple[Relation, str]]
    component: int  # from 0; components are sentences


def told_of_pairs(relations: Iterable[Relation]) -> list[Relation]:
    """Of Action Genome's relations the ones worth saying, the most telling first.

    A pair may have a look, contacts and places. Looks and contacts are said; a place where there is no contact, for
    who holds a cup says where it is; that somebody does not look or touch only where nothing else is known. Places are
    said of the object, and that it is "in" the person is not: of a doorway it is meant the other way round. Of a pair
    of which nothing else is known, nothing is said.
    """
    pairs: dict[tuple[int, int], list[Relation]] = {}
    for edge in relations:
        ends = (edge.subject, edge.object) if edge.subject < edge.object else (edge.object, edge.subject)
        pairs.setdefault(ends, []).append(edge)
    told: list[Relation] = []
    for edges in pairs.values():
        known = [edge for edge in edges if not edge.predicate.startswith(_NOT)]
        if not known:
            told.append(min(edges, key=_telling))
            continue
        touched = any(edge.group == "contacting" for edge in known)
        sensible = (edge for edge in known if (edge.group, edge.predicate) != _SENSELESS)
        told += [edge for edge in sensible if not (touched and edge.group == "spatial")]
    return sorted(told, key=_telling)


def _telling(edge: Relation) -> tuple[int, bool, Relation]:
    return (_GROUPS.get(edge.group, 2), edge.predicate in _LEAST_TELLING, edge)


def component_cover(nodes: Sequence[int], edges: Edges, max_matchings: int) -> Cover:
    """A smallest path cover of one component along the relations that can be said."""
    none: dict[int, Relation] = {}
    return minimum_path_cover({node: edges.get(node, none) for node in nodes}, max_matchings)


class Planner:
    """Makes the clauses of one graph; this is the inner loop of the caption stage."""

    def __init__(
        self,
        edges: Edges,
        further: Sequence[Relation],
        phrases: Mapping[int, Phrase],
        said: Mapping[str, str],
        untied: Collection[int],
    ) -> None:
        self._edges = edges
        self._further = further  # relations that are said even where the paths leave them out
        self._phrases = phrases
        self._said = said
        self._untied = untied  # objects that may be mentioned once only
        self._mentioned: set[int] = set()
        self._told: set[str | tuple[str, ...]] = set()
        self._spoken: set[Relation] = set()
        self.clauses: list[Clause] = []

    def lone(self, node: int, component: int) -> None:
        """An object that nothing is related to, unless one that reads alike was told."""
        phrase = self._phrases[node].indefinite
        if phrase not in self._told:
            self._told.add(phrase)
            self._mentioned.add(node)
            self.clauses.append(Clause([node], [], component))

    def component(self, cover: Cover, nodes: Sequence[int], component: int) -> None:
        """All clauses of one component."""
        entering = _entering(nodes, self._edges) if len(cover.paths) > 1 else {}
        for place, path in enumerate(cover.paths):
            self._clause(self._tied(path, entering) if place else path, component)
        members = set(nodes) if self._further else ()
        for edge in self._further:
            if edge.subject in members and edge not in self._spoken:
                ends = (edge.subject, edge.object)
                if not any(end in self._untied and end in self._mentioned for end in ends):
                    self._add([*ends], [(edge, self._said[edge.predicate])], component)

    def _tied(self, path: list[int], entering: dict[int, list[int]]) -> list[int]:
        """The path with one object of another clause before or after it, a mentioned one where there is a choice."""
        before = self._beside(entering.get(path[0], ()), path)
        if before is not None:
            return [before, *path]
        after = self._beside(self._edges.get(path[-1], ()), path)
        return path if after is None else [*path, after]

    def _beside(self, nodes: Iterable[int], path: list[int]) -> int | None:
        """The first mentioned one of some nodes that is not on a path, else the first; None if none may be tied to."""
        first: int | None = None
        for node in nodes:
            if node not in path and node not in self._untied:
                if node in self._mentioned:
                    return node
                if first is None:
                    first = node
        return first

    def _clause(self, nodes: list[int], component: int) -> None:
        links: list[tuple[Relation, str]] = []
        for place in range(len(nodes) - 1):
            edge = self._edges[nodes[place]][nodes[place + 1]]
            links.append((edge, self._said[edge.predicate]))
        self._add(nodes, links, component)

    def _add(self, nodes: list[int], links: list[tuple[Relation, str]], component: int) -> None:
        """Add a clause, unless one that reads alike was told: five like windows of a building are told once."""
        reads = [self._phrases[nodes[0]].indefinite]
        for (_, said), node in zip(links, nodes[1:], strict=True):
            reads += (said, self._phrases[node].indefinite)
        key = tuple(reads)
        if key in self._told:
            return
        self._told.add(key)
        if links:
            self._told.update(reads[::2])  # no need to name them alone, too
        self._mentioned.update(nodes)
        if self._further:
            self._spoken.update(edge for edge, _ in links)
        self.clauses.append(Clause(nodes, links, component))


def _entering(nodes: Sequence[int], edges: Edges) -> dict[int, list[int]]:
    """Node -> the nodes that have an edge to it, ascending."""
    entering: dict[int, list[int]] = {}
    for node in nodes:
        for object_ in edges.get(node, ()):
            entering.setdefault(object_, []).append(node)
    return entering
