"""Scene graph -> caption: for each component the fewest paths that visit every object, each path one clause.

The paper (Action-SGFA III-B) joins labels along a Hamiltonian path, attributes before their object, and components
by ". ". Most components have no such path: a man is linked to his shirt, his shoes and his hat. This module uses a
smallest path cover instead (clauses.py), with words that say which of several men is meant (realisation.py). Every
edge is read in its own direction only.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from pydantic import Field

from pipeline.core.bounded_memo import BoundedMemo
from pipeline.core.errors import FormatError
from pipeline.core.params import Params as BaseParams
from pipeline.graphs.scene import Relation, SceneGraph, components
from pipeline.text import english
from pipeline.text.clauses import Clause, Edges, Planner, component_cover, is_grouped, named_relations
from pipeline.text.lexicon import Lexicon
from pipeline.text.path_cover import Cover
from pipeline.text.phrases import Described, Phrase, phrase_of
from pipeline.text.realisation import AmbiguousReferenceError, CaptionText, Piece, realise


class Params(BaseParams):
    """How captions are worded and how long the search for fewest clauses may last."""

    max_attributes: int = Field(ge=0)  # of one object
    max_matchings: int = Field(ge=1)  # of one component's search, which then stops with the cover it has


class Caption(msgspec.Struct, frozen=True, gc=False):
    """A text with its clause boundaries, its pieces (which words say what), and its clauses before wording."""

    text: str
    clause_starts: list[int]
    pieces: list[Piece]
    num_components: int
    num_cut_short: int  # components with possibly more clauses than needed
    clauses: list[Clause]
    things: dict[int, Described]


_PIECES = msgspec.json.Decoder(list[Piece])


def pieces_to_json(pieces: Sequence[Piece]) -> str:
    """Pieces as JSON, each [start, stop, subject, object, predicate, definite, described, number]."""
    return msgspec.json.encode(pieces).decode()


def pieces_from_json(text: str | bytes) -> list[Piece]:
    """The pieces of a JSON text; FormatError if it holds none."""
    try:
        return _PIECES.decode(text)
    except msgspec.DecodeError as error:
        raise FormatError(f"not the pieces of a caption: {error}; run `dvc repro caption`") from None


class Captioner:
    """Makes captions under one set of params; remembers phrases, which corpora repeat."""

    def __init__(self, params: Params, lexicon: Lexicon) -> None:
        self.params = params
        self.lexicon = lexicon
        self._plain: Callable[[Described], Phrase] = BoundedMemo(self._make_phrase).__getitem__

    def caption(self, graph: SceneGraph) -> Caption:
        """The caption of a graph: the same for equal graphs, in whatever order their objects and relations came."""
        named = named_relations(graph, self.lexicon.wordings)
        further = named if is_grouped(graph) else []
        edges = self._edges(named)
        things = self._things(graph)
        parts = [(nodes, self._cover(nodes, edges)) for nodes in components(graph)]
        clauses, text = self._realised(parts, edges, further, things)
        num_cut_short = sum(cover is not None and not cover.proven for _, cover in parts)
        return Caption(text.text, text.clause_starts, text.pieces, len(parts), num_cut_short, clauses, things)

    def realise(self, clauses: Sequence[Clause], things: Mapping[int, Described]) -> CaptionText:
        """The text of some of a caption's clauses: each object is introduced where it is mentioned first."""
        return realise(clauses, things, self.phrase)

    def _realised(
        self,
        parts: Sequence[tuple[list[int], Cover | None]],
        edges: Edges,
        further: Sequence[Relation],
        things: Mapping[int, Described],
    ) -> tuple[list[Clause], CaptionText]:
        """The clauses and their text. Objects that no phrase tells from others are linked to no other clause."""
        phrases = {node: self._plain(thing) for node, thing in things.items()}
        untied: frozenset[int] = frozenset()
        while True:
            planner = Planner(edges, further, phrases, self.lexicon.wordings, untied)
            for component, (nodes, cover) in enumerate(parts):
                if cover is None:
                    planner.lone(nodes[0], component)
                else:
                    planner.component(cover, nodes, component)
            try:
                return planner.clauses, self.realise(planner.clauses, things)
            except AmbiguousReferenceError as error:
                untied |= error.nodes  # each is then mentioned once, so this ends

    def _cover(self, nodes: Sequence[int], edges: Edges) -> Cover | None:
        """The paths of a component; None for an object without relations."""
        return component_cover(nodes, edges, self.params.max_matchings) if len(nodes) > 1 else None

    def _things(self, graph: SceneGraph) -> dict[int, Described]:
        things: dict[int, Described] = {}
        lookup = self.lexicon.thing
        for node in graph.objects:
            noun = node.names[0] if len(node.names) == 1 else lookup(node.names, node.synsets).name
            things[node.id] = (noun, node.attributes)
        return things

    def phrase(self, thing: Described, following: str) -> Phrase:
        """An object's phrase before a relation word (`following`, or ""), without an attribute that repeats that word.

        "a man sitting on a bench", not "a sitting man sitting on a bench". Of the recorded attributes at most the
        params' number is used.
        """
        if following and thing[1]:
            first = following.split(" ", 1)[0]
            if first in thing[1] and english.attribute_words(first, thing[0]) == first:  # not "switched-on" before "on"
                thing = (thing[0], tuple(word for word in thing[1] if word != first))
        return self._plain(thing)

    def _make_phrase(self, thing: Described) -> Phrase:
        noun, attributes = thing
        chosen = self._chosen(noun, attributes)
        words = _with_and([(kind, adjective) for _, _, kind, adjective in chosen])
        return phrase_of(noun, words, frozenset(attributes[place] for _, place, _, _ in chosen), self.lexicon)

    def _edges(self, relations: Sequence[Relation]) -> Edges:
        """Subject -> object -> the relation to name, without those that have no wording."""
        edges: Edges = {}
        for edge in relations:
            if self.lexicon.wordings[edge.predicate]:
                edges.setdefault(edge.subject, {}).setdefault(edge.object, edge)
        return edges

    def _chosen(self, noun: str, attributes: tuple[str, ...]) -> list[tuple[int, int, str, str]]:
        """The first attributes that say something new of the object, in the order that adjectives take.

        Each with its rank among adjectives, its place among the recorded ones, its kind and its wording.
        """
        chosen: list[tuple[int, int, str, str]] = []
        values: set[tuple[str, str]] = set()
        for place, word in enumerate(attributes):
            adjective = english.attribute_words(word, noun)
            attribute = self.lexicon.attribute(word)
            if not attribute.kind and adjective:
                attribute = self.lexicon.attribute(adjective)
            if adjective and attribute.meaning not in values and len(chosen) < self.params.max_attributes:
                values.add(attribute.meaning)
                chosen.append((attribute.order, place, attribute.kind, adjective))
        return sorted(chosen)


def _with_and(described: list[tuple[str, str]]) -> tuple[str, ...]:
    """The adjectives, two colours or materials joined by "and": "black and white"."""
    words: list[str] = []
    last = ""
    for kind, word in described:
        if kind == last and kind in ("colour", "material"):
            words[-1] = f"{words[-1]} and {word}"
        else:
            words.append(word)
        last = kind
    return tuple(words)
