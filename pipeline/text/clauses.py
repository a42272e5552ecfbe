"""The clauses of a caption: paths of objects, each related to the next, before they are put into words.

A clause that does not begin its component is linked, where there is an edge, to an object of another clause: "a man
wearing a shirt, the man wearing shoes". No clause is linked to an object that cannot be told from others ("shoes",
"shoes"): it then stands alone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from pipeline.graphs.scene import Relation, SceneGraph
from pipeline.text.path_cover import Cover, minimum_path_cover
from pipeline.text.phrases import Phrase

Edges = dict[int, dict[int, Relation]]  # subject -> object -> the relation to name

_GROUPS = {"attention": 0, "contacting": 1, "spatial": 2}
_LEAST_SALIENT = ("holding", "touching")  # who drinks from a cup also holds it
_NOT = "not "
_MISLEADING = ("spatial", "in")


class Clause(msgspec.Struct, frozen=True, gc=False):
    """Objects along a path and the relations between neighbours, each with its wording."""

    nodes: list[int]
    links: list[tuple[Relation, str]]
    component: int  # from 0; components are sentences


def named_relations(graph: SceneGraph, wordings: Mapping[str, str]) -> list[Relation]:
    """The relations that a caption names: those that have a wording, of Action Genome's groups the salient ones."""
    relations = [edge for edge in graph.relations if wordings[edge.predicate]]
    return salient_relations(relations) if is_grouped(graph) else relations


def is_grouped(graph: SceneGraph) -> bool:
    """Whether relations have groups, as in Action Genome; in Visual Genome a pair has one relation, without a group."""
    return any(edge.group for edge in graph.relations)


def salient_relations(relations: Iterable[Relation]) -> list[Relation]:
    """Those of Action Genome's relations that a caption names, the most salient first.

    A pair may have a look, contacts and places. Looks and contacts are named. A place is named only where there is no
    contact, as holding a cup says where it is. That somebody does not look or touch is named only where nothing else
    is known. A place is said of the object; that it is "in" the person is left out, as for a doorway it is meant the
    other way round, and a pair of which nothing else is known is then not named at all.
    """
    pairs: dict[tuple[int, int], list[Relation]] = {}
    for edge in relations:
        ends = (edge.subject, edge.object) if edge.subject < edge.object else (edge.object, edge.subject)
        pairs.setdefault(ends, []).append(edge)
    salient: list[Relation] = []
    for edges in pairs.values():
        positive = [edge for edge in edges if not edge.predicate.startswith(_NOT)]
        if not positive:
            salient.append(min(edges, key=_by_salience))
            continue
        touched = any(edge.group == "contacting" for edge in positive)
        sensible = (edge for edge in positive if (edge.group, edge.predicate) != _MISLEADING)
        salient += [edge for edge in sensible if not (touched and edge.group == "spatial")]
    return sorted(salient, key=_by_salience)


def _by_salience(edge: Relation) -> tuple[int, bool, Relation]:
    return (_GROUPS.get(edge.group, 2), edge.predicate in _LEAST_SALIENT, edge)


def component_cover(nodes: Sequence[int], edges: Edges, max_matchings: int) -> Cover:
    """A smallest path cover of one component along the relations that have a wording."""
    none: dict[int, Relation] = {}
    return minimum_path_cover({node: edges.get(node, none) for node in nodes}, max_matchings)


class Planner:
    """Makes the clauses of one graph; this is the inner loop of the caption stage."""

    def __init__(
        self,
        edges: Edges,
        further: Sequence[Relation],
        phrases: Mapping[int, Phrase],
        wordings: Mapping[str, str],
        untied: Collection[int],
    ) -> None:
        self._edges = edges
        self._further = further  # relations that are named even where the paths leave them out
        self._phrases = phrases
        self._wordings = wordings  # of predicates
        self._untied = untied  # objects that may be mentioned only once
        self._mentioned: set[int] = set()
        self._readings: set[str | tuple[str, ...]] = set()  # the words of all clauses so far
        self._named: set[Relation] = set()
        self.clauses: list[Clause] = []

    def lone(self, node: int, component: int) -> None:
        """An object without relations, unless one that reads alike is there already."""
        phrase = self._phrases[node].indefinite
        if phrase not in self._readings:
            self._readings.add(phrase)
            self._mentioned.add(node)
            self.clauses.append(Clause([node], [], component))

    def component(self, cover: Cover, nodes: Sequence[int], component: int) -> None:
        """All clauses of one component."""
        entering = _entering(nodes, self._edges) if len(cover.paths) > 1 else {}
        for place, path in enumerate(cover.paths):
            self._clause(self._tied(path, entering) if place else path, component)
        members = set(nodes) if self._further else ()
        for edge in self._further:
            if edge.subject in members and edge not in self._named:
                ends = (edge.subject, edge.object)
                if not any(end in self._untied and end in self._mentioned for end in ends):
                    self._add([*ends], [(edge, self._wordings[edge.predicate])], component)

    def _tied(self, path: list[int], entering: dict[int, list[int]]) -> list[int]:
        """The path with one object of another clause before or after it, if possible one that was mentioned."""
        before = self._beside(entering.get(path[0], ()), path)
        if before is not None:
            return [before, *path]
        after = self._beside(self._edges.get(path[-1], ()), path)
        return path if after is None else [*path, after]

    def _beside(self, nodes: Iterable[int], path: list[int]) -> int | None:
        """The first node that is not on the path, if possible one that was mentioned; None if all are untied."""
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
            links.append((edge, self._wordings[edge.predicate]))
        self._add(nodes, links, component)

    def _add(self, nodes: list[int], links: list[tuple[Relation, str]], component: int) -> None:
        """Add a clause, unless one that reads alike is there: five like windows of a building are told once."""
        reading = [self._phrases[nodes[0]].indefinite]
        for (_, wording), node in zip(links, nodes[1:], strict=True):
            reading += (wording, self._phrases[node].indefinite)
        key = tuple(reading)
        if key in self._readings:
            return
        self._readings.add(key)
        if links:
            self._readings.update(reading[::2])  # no need to name them alone, too
        self._mentioned.update(nodes)
        if self._further:
            self._named.update(edge for edge, _ in links)
        self.clauses.append(Clause(nodes, links, component))


def _entering(nodes: Sequence[int], edges: Edges) -> dict[int, list[int]]:
    """Node -> the nodes that have an edge to it, ascending."""
    entering: dict[int, list[int]] = {}
    for node in nodes:
        for object_ in edges.get(node, ()):
            entering.setdefault(object_, []).append(node)
    return entering
