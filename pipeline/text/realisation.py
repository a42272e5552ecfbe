"""Surface realisation: clauses -> text, in which every "the ..." fits exactly one of the objects mentioned.

An object that is mentioned again is "the man" where no other mentioned object is a man, else "the old man" where no
other was called so, else "the second man", counted in the order in which the text introduces them.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from pipeline.text.clauses import Clause
from pipeline.text.phrases import MAX_COUNTED, Described, Phrase

Phrasing = Callable[[Described, str], Phrase]  # an object and the relation word after it -> its phrase


class Piece(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Characters [start, stop) of a caption that name an object (`object` -1) or a relation."""

    start: int
    stop: int
    subject: int  # the object named, or the relation's subject
    object: int  # the relation's object, -1 where an object is named
    predicate: str  # as the graph has it; "" where an object is named
    definite: bool  # "the": the object was mentioned before
    described: bool = False  # with its attributes, which a definite phrase may leave out
    number: int = 0  # 2 = "a second man"; 0 = not counted


class CaptionText(msgspec.Struct, frozen=True, gc=False):
    """A text, the index of the first character of every clause, and its pieces."""

    text: str
    clause_starts: list[int]
    pieces: list[Piece]


class AmbiguousReferenceError(Exception):
    """Some objects are mentioned twice, and no phrase tells them from others; `nodes` are their ids."""

    def __init__(self, nodes: frozenset[int]) -> None:
        super().__init__(f"objects {sorted(nodes)}")
        self.nodes = nodes


def realise(clauses: Sequence[Clause], things: Mapping[int, Described], phrase: Phrasing) -> CaptionText:
    """The text of clauses, in order. AmbiguousReferenceError if an object that is mentioned twice has no name."""
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
        raise AmbiguousReferenceError(nameless)
    return _written(clauses, names)


class _Names:
    """The names of the objects of one text."""

    def __init__(self, introduced: Mapping[int, Phrase], things: Mapping[int, Described], phrase: Phrasing) -> None:
        self.introduced = introduced
        self.numbers: dict[int, int] = {}  # object -> its number among those that read alike
        self.described: set[int] = set()  # objects whose attributes are repeated
        self.things = things
        self.phrase = phrase

    def finds(self, node: int) -> bool:
        """Find a name for an object that is mentioned again; whether there is one."""
        first = self.introduced[node]
        bare = self.phrase((self.things[node][0], ()), "")
        if first.unique or self._fitted(bare, node) == [node]:
            return True
        self.described.add(node)
        alike = self._fitted(first, node)
        if alike == [node]:
            return True
        if not first.counted or alike.index(node) >= MAX_COUNTED:
            return False
        self.numbers[node] = alike.index(node) + 1
        for number, other in enumerate(alike[:MAX_COUNTED], 1):
            if self.introduced[other].indefinite == first.indefinite:
                self.numbers[other] = number
        return True

    def _fitted(self, phrase: Phrase, node: int) -> list[int]:
        """The objects that "the ..." of a phrase may mean, in the order of the text."""
        head = phrase.head
        return [
            other
            for other, its in self.introduced.items()
            if other == node or (head in its.sorts and phrase.fits(its))  # the cheap half of `fits` first
        ]

    def again(self, node: int) -> str:
        """The definite phrase of an object that was introduced."""
        if node in self.described:  # word for word as introduced, even "sitting" before "sitting on"
            return self.introduced[node].numbered(self.numbers.get(node, 0), definite=True)
        return self.phrase((self.things[node][0], ()), "").definite


def _written(clauses: Sequence[Clause], names: _Names) -> CaptionText:
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
            edge, wording = clause.links[place] if place < last else (None, "")
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
                words += (" ", wording, " ")
                start = length + 1
                length = start + len(wording) + 1
                pieces.append(Piece(start, length - 1, node, edge.object, edge.predicate, False))
    return CaptionText("".join(words) + ("." if words else ""), clause_starts, pieces)
