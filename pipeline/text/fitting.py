"""A caption cut to the tokens that CLIP reads: the clauses that say most, whole, in their order, told anew.

Told anew, so that an object is introduced where it is mentioned first now, and every "the ..." still fits one object.
"""

from collections.abc import Sequence

from pipeline.text.captions import Caption, Captioner
from pipeline.text.clauses import Clause
from pipeline.text.clip_tokens import ClipTokens
from pipeline.text.telling import Piece, Told, UntellableError

ENDS = 2  # the start and the end token


def fitted(caption: Caption, captioner: Captioner, tokens: ClipTokens, max_tokens: int) -> tuple[Told, list[int]]:
    """The text of at most `max_tokens` tokens, start and end counted, and the places of its clauses in the caption.

    Clauses that say more relations go before others, else in the order of the caption. Where not one clause fits, the
    first is cut after as many objects as do, and the text is empty where not even a name fits.
    """
    whole = Told(caption.text, caption.clause_starts, caption.pieces)
    costs = clause_tokens(tokens, whole)
    if sum(costs) + ENDS <= max_tokens:
        return whole, list(range(len(costs)))
    links = [len(clause.links) for clause in caption.clauses]
    order = sorted(range(len(links)), key=lambda place: (-links[place], place))
    room = max_tokens - ENDS
    chosen: list[int] = []
    for place in order:
        if costs[place] <= room:
            chosen.append(place)
            room -= costs[place]
    fit = _Fit(caption, captioner, tokens, max_tokens)
    while chosen and not fit.take(chosen):
        chosen.pop()  # told anew it is longer: "the man" is introduced as "an old man"
    for place in order:
        if place not in chosen and costs[place] <= fit.room and fit.take([*chosen, place]):
            chosen.append(place)  # told anew it is shorter: "the second man" has become "the man"
    return (fit.told, sorted(chosen)) if chosen else fit.beginning(order[0])


class _Fit:
    """The longest text so far that some clauses of a caption make within a number of tokens."""

    def __init__(self, caption: Caption, captioner: Captioner, tokens: ClipTokens, max_tokens: int) -> None:
        self._caption, self._captioner, self._tokens, self._most = caption, captioner, tokens, max_tokens
        self.told = Told("", [], [])
        self.room = max_tokens - ENDS

    def take(self, places: Sequence[int]) -> bool:
        """Whether these clauses fit; they are then what is told."""
        return self._take([self._caption.clauses[place] for place in sorted(places)])

    def beginning(self, place: int) -> tuple[Told, list[int]]:
        """The longest beginning of a clause that fits, and its place."""
        clause = self._caption.clauses[place]
        for length in range(len(clause.nodes) - 1, 0, -1):
            if self._take([Clause(clause.nodes[:length], clause.links[: length - 1], clause.component)]):
                return self.told, [place]
        return self.told, []

    def _take(self, clauses: Sequence[Clause]) -> bool:
        try:
            told = self._captioner.retell(clauses, self._caption.things)
        except UntellableError:
            return False  # the first mention of an object says less of it now than a later one
        room = self._most - self._tokens.count(told.text)
        if room >= 0:
            self.told, self.room = told, room
        return room >= 0


def clause_tokens(tokens: ClipTokens, told: Told) -> list[int]:
    """The number of tokens of every clause with the comma or stop behind it; with start and end, all of the text's."""
    if not told.clause_starts:
        return []
    ends = [*told.clause_starts[1:], len(told.text)]
    spans = tokens.spans(told.text, list(zip(told.clause_starts, ends, strict=True)))
    return [stop - start for start, stop in spans]


def piece_tokens(tokens: ClipTokens, text: str, pieces: Sequence[Piece]) -> list[list[int]]:
    """The tokens [first, after the last] of every piece."""
    return [[start, stop] for start, stop in tokens.spans(text, [(piece.start, piece.stop) for piece in pieces])]
