"""Clauses -> text, in which every "the ..." fits exactly one of the objects that the text mentions.

An object that is mentioned again is "the man" where no other mentioned object is a man, else "the old man" where that
was said of no other, else "the second man", counted in the order in which the text introduces them.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from pipeline.text.clauses import Clause
from pipeline.text.phrases import MAX_COUNTED, Described, Phrase

Phrasing = Callable[[Described, str], Phrase]  # an object and the relation word that follows -> how it is named


class Piece(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Characters [start, stop) of a caption that name an object (`object` -1) or say a relation."""

    start: int
    stop: int
    subject: int  # the object named, or the relation's subject
    object: int  # the relation's object, -1 where an object is named
    predicate: str  # as the graph has it; "" where an object is named
    definite: bool  # "the": the object was mentioned before
    described: bool = False  # the attributes are said, where a definite phrase may leave them out
    number: int = 0  # 2 = "a second man"; 0 = not counted


class Told(msgspec.Struct, frozen=True, gc=False):
    """A text with the first character of every clause and the pieces that say what."""

    text: str
    clause_starts: list[int]
    pieces: list[Piece]


class UntellableError(Exception):
    """Some objects are mentioned twice and no phrase tells them from others; `nodes` are their ids."""

    def __init__(self, nodes: frozenset[int]) -> None:
        super().__init__(f"objects {sorted(nodes)}")
        self.nodes = nodes


def tell(clauses: Sequence[Clause], things: Mapping[int, Described], phrase: Phrasing) -> Told:
    """The text of clauses, in their order. UntellableError where an object that is mentioned twice has no name."""
    introduced: dict[int, Phrase] = {}
    again: dict[int, None] = {}  # objects that are mentioned more than once, in order
    for clause in clauses:
        last = len(clause.links)
        for place, node in enumerate(clause.nodes):
            following = clause.links[place][1] if place < last else ""
            if node in introduced:
                again[node] = None
            else:
                introduced[node] = phrase(things[node], following)
    names = _Names(introduced, things, phrase)
    nameless = frozenset(node for node in again if not names.finds(node))
    if nameless:
        raise UntellableError(nameless)
    return _written(clauses, names)


class _Names:
    """What the objects of one text are called."""

    def __init__(self, introduced: Mapping[int, Phrase], things: Mapping[int, Described], phrase: Phrasing) -> None:
        self.introduced = introduced
        self.numbers: dict[int, int] = {}  # object -> its number among those that read alike
        self.described: set[int] = set()  # objects whose attributes are said again
        self.things = things
        self.phrase = phrase

    def finds(self, node: int) -> bool:
        """Find a name for an object that is mentioned again; whether there is one."""
        own = self.introduced[node]
        bare = self.phrase((self.things[node][0], ()), "")
        if own.unique or self._fitted(bare, node) == [node]:
            return True
        self.described.add(node)
        alike = self._fitted(own, node)
        if alike == [node]:
            return True
        if not own.counted or alike.index(node) >= MAX_COUNTED:
            return False
        self.numbers[node] = alike.index(node) + 1
        for number, other in enumerate(alike[:MAX_COUNTED], 1):
            if self.introduced[other].indefinite == own.indefinite:
                self.numbers[other] = number
        return True

    def _fitted(self, phrase: Phrase, node: int) -> list[int]:
        """The objects that "the ..." of a phrase may mean, in the order of the text."""
        head = phrase.head
        return [
            other
            for other, its in self.introduced.items()
            if other == node or (head in its.sorts and phrase.fits(its))  # asked here first, for most differ there
        ]

    def again(self, node: int) -> str:
        """The definite phrase of an object that was introduced."""
        if node in self.described:  # word for word as introduced, even "sitting" before "sitting on"
            return self.introduced[node].numbered(self.numbers.get(node, 0), definite=True)
        return self.phrase((self.things[node][0], ()), "").definite


def _written(clauses: Sequence[Clause], names: _Names) -> Told:
    words: list[str] = []
    clause_starts: list[int] = []
    pieces: list[Piece] = []
    mentioned: set[int] = set()
    numbers, introduced = names.numbers, names.introduced
    component, length = -1, 0
    for clause in clauses:
        capital = clause.component != component
        if words:
            words.append(". " if capital else ", ")
            length += 2
        component = clause.component
        clause_starts.append(length)
        last = len(clause.links)
        for place, node in enumerate(clause.nodes):
            edge, said = clause.links[place] if place < last else (None, "")
            definite = node in mentioned
            if definite:
                name, described = names.again(node), node in names.described
            else:
                mentioned.add(node)
                number = numbers.get(node, 0)
                name, described = introduced[node].indefinite, True
                if number > 1:
                    name = introduced[node].numbered(number, definite=False)
            if capital:
                name, capital = name[0].upper() + name[1:], False
            stop = length + len(name)
            pieces.append(Piece(length, stop, node, -1, "", definite, described, numbers.get(node, 0)))
            words.append(name)
            length = stop
            if edge is not None:
                words += (" ", said, " ")
                start = length + 1
                length = start + len(said) + 1
                pieces.append(Piece(start, length - 1, node, edge.object, edge.predicate, False))
    return Told("".join(words) + ("." if words else ""), clause_starts, pieces)
