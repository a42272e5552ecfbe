"""Scene graph -> caption: per component the fewest paths that visit every object, each path one clause.

The paper concatenates labels along a Hamiltonian path, attributes before their object, components joined by ". "
(Action-SGFA III-B). Most components have none: around a man stand his shirt, his shoes and his hat. They are told in
a smallest path cover, and a clause that does not begin the component is tied to an object of another clause where
there is an edge: "A man wearing a shirt, the man wearing shoes". An edge is said in its own direction only.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import msgspec
from pydantic import Field

from pipeline.core.errors import FormatError
from pipeline.core.kept import Kept
from pipeline.core.params import Params as BaseParams
from pipeline.graphs.scene import Relation, SceneGraph, components
from pipeline.text import english
from pipeline.text.covers import Cover, minimum_path_cover
from pipeline.text.lexicon import Lexicon

# Of two relations between the same two objects the more telling one is said; Visual Genome has no groups.
_RANK = {"contacting": 0, "": 1, "spatial": 1, "attention": 2}
_SAYS_NOTHING = frozenset(("unsure", "other relationship"))


class Params(BaseParams):
    """How captions are worded and how long the search for fewest clauses may last."""

    max_attributes: int = Field(ge=0)  # said of one object
    most_matchings: int = Field(ge=1)  # of one component's search; beyond it the component is cut short


class Piece(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Characters [start, stop) of a caption that name an object (`object` -1) or say a relation."""

    start: int
    stop: int
    subject: int  # the object named, or the relation's subject
    object: int  # the relation's object, -1 where an object is named
    predicate: str  # as the graph has it; "" where an object is named
    definite: bool  # "the": the object was mentioned before


class Caption(msgspec.Struct, frozen=True, gc=False):
    """A text with its clause boundaries and the pieces that say what."""

    text: str
    clause_starts: list[int]
    pieces: list[Piece]
    num_components: int
    num_cut_short: int  # components told in possibly more clauses than needed


_PIECES = msgspec.json.Decoder(list[Piece])


def pieces_to_json(pieces: Sequence[Piece]) -> str:
    """Pieces as JSON, each [start, stop, subject, object, predicate, definite]."""
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
        self.plain: Callable[[Described], Phrase] = Kept(self._make_phrase).__getitem__  # as before no relation word
        self.said = Kept(self._said)  # a relation's predicate -> how it is said, "" where nothing can be said with it

    def caption(self, graph: SceneGraph) -> Caption:
        """The caption of a graph: the same for equal graphs, whatever the order they were given in."""
        edges = self._sayable(graph.relations)
        writer = _Writer(self, graph, edges)
        parts = components(graph)
        num_cut_short = 0
        for nodes in parts:
            if len(nodes) == 1:
                writer.lone(nodes[0])
                continue
            cover = component_cover(nodes, edges, self.params.most_matchings)
            num_cut_short += not cover.proven
            writer.component(cover, nodes)
        return Caption(writer.text(), writer.clause_starts, writer.pieces, len(parts), num_cut_short)

    def phrase(self, thing: "Described", following: str) -> "Phrase":
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
        return "" if predicate in _SAYS_NOTHING else self.lexicon.predicate(predicate).said

    def _make_phrase(self, thing: "Described") -> "Phrase":
        noun, attributes = thing
        chosen = self._chosen(noun, attributes)
        words = _with_and([(kind, said) for _, _, kind, said in chosen])
        indefinite, definite = (english.noun_phrase(noun, words, definite=the) for the in (False, True))
        return Phrase(indefinite, definite, frozenset(attributes[place] for _, place, _, _ in chosen))

    def _sayable(self, relations: Sequence[Relation]) -> "Edges":
        """Subject -> object -> the relation to say, without those that nothing can be said with."""
        edges: Edges = {}
        said = self.said
        for edge in relations:
            if said[edge.predicate]:
                ends = edges.setdefault(edge.subject, {})
                other = ends.setdefault(edge.object, edge)
                if other is not edge and _RANK.get(edge.group, 1) < _RANK.get(other.group, 1):
                    ends[edge.object] = edge
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


class Phrase(msgspec.Struct, frozen=True, gc=False):
    """How an object is named: "an old car", "the old car", and which recorded attributes that says."""

    indefinite: str
    definite: str
    says: frozenset[str]


Described = tuple[str, tuple[str, ...]]  # what an object is called, its recorded attributes
Edges = dict[int, dict[int, Relation]]


def component_cover(nodes: Sequence[int], edges: Edges, most_matchings: int) -> Cover:
    """A smallest path cover of one component along the relations that can be said."""
    none: dict[int, Relation] = {}
    return minimum_path_cover({node: edges.get(node, none) for node in nodes}, most_matchings)


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


class _Writer:
    """Puts a caption together clause by clause and knows what was mentioned.

    A clause is a list of nodes, each related to the next. This is the inner loop of the caption stage.
    """

    def __init__(self, captioner: Captioner, graph: SceneGraph, edges: Edges) -> None:
        self._captioner = captioner
        self._edges = edges
        self._words: list[str] = []
        self._length = 0
        self._mentioned: set[int] = set()
        self._told: set[str | tuple[str, ...]] = set()
        self._things: dict[int, Described] = {}
        self._phrases: dict[int, Phrase] = {}
        self._shared: set[str] = set()  # names that more than one object goes by
        names: set[str] = set()
        things, phrases, phrase, lookup = self._things, self._phrases, captioner.plain, captioner.lexicon.thing
        for one in graph.objects:
            noun = one.names[0] if len(one.names) == 1 else lookup(one.names, one.synsets).name
            things[one.id] = thing = (noun, one.attributes)
            phrases[one.id] = phrase(thing)
            (self._shared if noun in names else names).add(noun)
        self.clause_starts: list[int] = []
        self.pieces: list[Piece] = []

    def text(self) -> str:
        return "".join(self._words) + ("." if self._words else "")

    def lone(self, node: int) -> None:
        """An object that nothing is related to, unless one that reads alike was told."""
        phrase = self._phrases[node].indefinite
        if phrase not in self._told:
            self._told.add(phrase)
            self._begin(". ")
            self._mentioned.add(node)
            self._name(node, _capital(phrase), definite=False)

    def component(self, cover: Cover, nodes: Sequence[int]) -> None:
        """All clauses of one component."""
        entering = _entering(nodes, self._edges) if len(cover.paths) > 1 else {}
        separator = ". "
        for place, path in enumerate(cover.paths):
            clause = self._tied(path, entering) if place else path
            if self._clause(clause, separator):
                separator = ", "

    def _tied(self, path: list[int], entering: dict[int, list[int]]) -> list[int]:
        """The path with one object of another clause before or after it, a mentioned one where there is a choice."""
        before = self._beside(entering.get(path[0], ()), path)
        if before is not None:
            return [before, *path]
        after = self._beside(self._edges.get(path[-1], ()), path)
        return path if after is None else [*path, after]

    def _beside(self, nodes: Iterable[int], path: list[int]) -> int | None:
        """The first mentioned one of some nodes that is not on a path, else the first; None if all are on it."""
        first: int | None = None
        for node in nodes:
            if node not in path:
                if node in self._mentioned:
                    return node
                if first is None:
                    first = node
        return first

    def _clause(self, nodes: list[int], separator: str) -> bool:
        """Add a clause, unless one that reads alike was told: five like windows of a building are told once."""
        phrases, capital = self._phrases, separator == ". "
        reads = [phrases[nodes[0]].indefinite]
        links: list[tuple[int, Relation, str]] = []
        for one, other in pairwise(nodes):
            edge = self._edges[one][other]
            said = self._captioner.said[edge.predicate]
            links.append((one, edge, said))
            reads += (said, phrases[other].indefinite)
        key = tuple(reads)
        if key in self._told:
            return False
        self._told.add(key)
        if links:
            self._told.update(reads[::2])  # no need to name them alone, too
        self._begin(separator)
        words, pieces, length = self._words, self.pieces, self._length
        for node, edge, said in links:
            definite = node in self._mentioned
            name = self._called(node, said, definite)
            if capital:
                name, capital = _capital(name), False
            start = length + len(name) + 1
            stop = start + len(said)
            words += (name, " ", said, " ")
            pieces += (
                Piece(length, start - 1, node, -1, "", definite),
                Piece(start, stop, node, edge.object, edge.predicate, False),
            )
            length = stop + 1
        last = nodes[-1]
        definite = last in self._mentioned
        name = self._called(last, "", True) if definite else reads[-1]
        self._mentioned.add(last)
        self._length = length
        self._name(last, _capital(name) if capital else name, definite=definite)
        return True

    def _called(self, node: int, following: str, definite: bool) -> str:
        """What an object is called here; mentions it."""
        thing = self._things[node]
        if definite:
            if thing[0] not in self._shared:
                thing = (thing[0], ())  # "the man": there is only one
            return self._captioner.phrase(thing, following).definite
        self._mentioned.add(node)
        known = not following or not thing[1]
        return (self._phrases[node] if known else self._captioner.phrase(thing, following)).indefinite

    def _name(self, node: int, words: str, *, definite: bool) -> None:
        start = self._length
        self._words.append(words)
        self._length = start + len(words)
        self.pieces.append(Piece(start, self._length, node, -1, "", definite))

    def _begin(self, separator: str) -> None:
        if self._words:
            self._words.append(separator)
            self._length += len(separator)
        self.clause_starts.append(self._length)


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]


def _entering(nodes: Sequence[int], edges: Edges) -> dict[int, list[int]]:
    """Node -> the nodes that have an edge to it, ascending."""
    entering: dict[int, list[int]] = {}
    for node in nodes:
        for object_ in edges.get(node, ()):
            entering.setdefault(object_, []).append(node)
    return entering
