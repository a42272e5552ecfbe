"""Scene graph -> caption: per component the fewest paths that visit every object, each path one clause.

The paper concatenates labels along a Hamiltonian path, attributes before their object, components joined by ". "
(Action-SGFA III-B). Most components have none: around a man stand his shirt, his shoes and his hat. They are told in
a smallest path cover (clauses.py), in words that say which of several men is meant (telling.py). An edge is said in its
own direction only.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from pydantic import Field

from pipeline.core.bounded_memo import BoundedMemo
from pipeline.core.errors import FormatError
from pipeline.core.params import Params as BaseParams
from pipeline.graphs.scene import Relation, SceneGraph, components
from pipeline.text import english
from pipeline.text.clauses import Clause, Edges, Planner, component_cover, told_of_pairs
from pipeline.text.lexicon import Lexicon
from pipeline.text.path_cover import Cover
from pipeline.text.phrases import Described, Phrase, phrase_of
from pipeline.text.telling import Piece, Told, UntellableError, tell


class Params(BaseParams):
    """How captions are worded and how long the search for fewest clauses may last."""

    max_attributes: int = Field(ge=0)  # said of one object
    max_matchings: int = Field(ge=1)  # of one component's search; beyond it the component is cut short


class Caption(msgspec.Struct, frozen=True, gc=False):
    """A text with its clause boundaries and the pieces that say what, and the clauses that it tells."""

    text: str
    clause_starts: list[int]
    pieces: list[Piece]
    num_components: int
    num_cut_short: int  # components told in possibly more clauses than needed
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
    """Captions under one set of params; keeps the phrases it has made, for corpora repeat them."""

    def __init__(self, params: Params, lexicon: Lexicon) -> None:
        self.params = params
        self.lexicon = lexicon
        self.plain: Callable[[Described], Phrase] = BoundedMemo(
            self._make_phrase
        ).__getitem__  # as before no relation word
        self.said = BoundedMemo(
            self._said
        )  # a relation's predicate -> how it is said, "" where nothing can be said with it

    def caption(self, graph: SceneGraph) -> Caption:
        """The caption of a graph: the same for equal graphs, whatever the order they were given in."""
        relations = [edge for edge in graph.relations if self.said[edge.predicate]]
        grouped = any(edge.group for edge in relations)  # Visual Genome has no groups and one relation a pair
        further = told_of_pairs(relations) if grouped else []
        edges = self._sayable(further if grouped else relations)
        things = self._things(graph)
        parts = [(nodes, self._cover(nodes, edges)) for nodes in components(graph)]
        clauses, told = self._told(parts, edges, further, things)
        num_cut_short = sum(cover is not None and not cover.proven for _, cover in parts)
        return Caption(told.text, told.clause_starts, told.pieces, len(parts), num_cut_short, clauses, things)

    def retell(self, clauses: Sequence[Clause], things: Mapping[int, Described]) -> Told:
        """The text of some of a caption's clauses: each object is introduced where it is mentioned first."""
        return tell(clauses, things, self.phrase)

    def _told(
        self,
        parts: Sequence[tuple[list[int], Cover | None]],
        edges: Edges,
        further: Sequence[Relation],
        things: Mapping[int, Described],
    ) -> tuple[list[Clause], Told]:
        """The clauses and their text. Objects that no phrase tells from others are tied to nothing."""
        phrases = {node: self.plain(thing) for node, thing in things.items()}
        untied: frozenset[int] = frozenset()
        while True:
            planner = Planner(edges, further, phrases, self.said, untied)
            for component, (nodes, cover) in enumerate(parts):
                if cover is None:
                    planner.lone(nodes[0], component)
                else:
                    planner.component(cover, nodes, component)
            try:
                return planner.clauses, self.retell(planner.clauses, things)
            except UntellableError as error:
                untied |= error.nodes  # each is then mentioned once, so this ends

    def _cover(self, nodes: Sequence[int], edges: Edges) -> Cover | None:
        """The paths of a component; None for an object that nothing is related to."""
        return component_cover(nodes, edges, self.params.max_matchings) if len(nodes) > 1 else None

    def _things(self, graph: SceneGraph) -> dict[int, Described]:
        things: dict[int, Described] = {}
        lookup = self.lexicon.thing
        for one in graph.objects:
            noun = one.names[0] if len(one.names) == 1 else lookup(one.names, one.synsets).name
            things[one.id] = (noun, one.attributes)
        return things

    def phrase(self, thing: Described, following: str) -> Phrase:
        """An object's phrase before a relation word (`following`, or ""), which it does not anticipate.

        "a man sitting on a bench", not "a sitting man sitting on a bench". The attributes are those recorded, of which
        the params' number is said.
        """
        if following and thing[1]:
            first = following.split(" ", 1)[0]
            if first in thing[1] and english.attribute_said(first, thing[0]) == first:  # not "switched-on" before "on"
                thing = (thing[0], tuple(word for word in thing[1] if word != first))
        return self.plain(thing)

    def _said(self, predicate: str) -> str:
        return self.lexicon.predicate(predicate).said

    def _make_phrase(self, thing: Described) -> Phrase:
        noun, attributes = thing
        chosen = self._chosen(noun, attributes)
        words = _with_and([(kind, said) for _, _, kind, said in chosen])
        return phrase_of(noun, words, frozenset(attributes[place] for _, place, _, _ in chosen), self.lexicon)

    def _sayable(self, relations: Sequence[Relation]) -> Edges:
        """Subject -> object -> the relation to say, without those that nothing can be said with."""
        edges: Edges = {}
        for edge in relations:
            if self.said[edge.predicate]:
                edges.setdefault(edge.subject, {}).setdefault(edge.object, edge)
        return edges

    def _chosen(self, noun: str, attributes: tuple[str, ...]) -> list[tuple[int, int, str, str]]:
        """The first attributes that say something new of the object, in the order adjectives take.

        Each with its rank among adjectives, place, kind and how it is said.
        """
        chosen: list[tuple[int, int, str, str]] = []
        values: set[tuple[str, str]] = set()
        for place, word in enumerate(attributes):
            said = english.attribute_said(word, noun)
            about = self.lexicon.attribute(word)
            if not about.kind and said:
                about = self.lexicon.attribute(said)
            if said and (about.kind, about.value) not in values and len(chosen) < self.params.max_attributes:
                values.add((about.kind, about.value))
                chosen.append((about.order, place, about.kind, said))
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
