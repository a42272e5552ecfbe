"""Shortens a caption to the tokens that CLIP reads: whole clauses, those that say most, in their order.

The chosen clauses are worded anew, so that each object is introduced where it is now mentioned first, and every
"the ..." still fits one object.
"""

from collections.abc import Sequence

from pipeline.text.captions import Caption, Captioner
from pipeline.text.clauses import Clause
from pipeline.text.clip_tokens import ClipTokens
from pipeline.text.realisation import AmbiguousReferenceError, CaptionText, Piece

ENDS = 2  # the start and the end token


def fit(caption: Caption, captioner: Captioner, tokens: ClipTokens, max_tokens: int) -> tuple[CaptionText, list[int]]:
    """A text of at most `max_tokens` tokens, start and end included, and the indices of its clauses in the caption.

    Clauses with more relations are chosen first; equal ones in the order of the caption. Where no clause fits, the
    first is cut after as many objects as do; the text is empty where not even a name fits.
    """
    whole = CaptionText(caption.text, caption.clause_starts, caption.pieces)
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
    shortened = _Shortened(caption, captioner, tokens, max_tokens)
    while chosen and not shortened.take(chosen):
        chosen.pop()  # worded anew it is longer: "the man" is introduced as "an old man"
    for place in order:
        if place not in chosen and costs[place] <= shortened.room and shortened.take([*chosen, place]):
            chosen.append(place)  # worded anew it is shorter: "the second man" has become "the man"
    return (shortened.text, sorted(chosen)) if chosen else shortened.beginning(order[0])


class _Shortened:
    """The text of the clauses chosen so far, within a number of tokens."""

    def __init__(self, caption: Caption, captioner: Captioner, tokens: ClipTokens, max_tokens: int) -> None:
        self._caption, self._captioner, self._tokens, self._max_tokens = caption, captioner, tokens, max_tokens
        self.text = CaptionText("", [], [])
        self.room = max_tokens - ENDS

    def take(self, places: Sequence[int]) -> bool:
        """Whether these clauses fit; if so, the text becomes theirs."""
        return self._take([self._caption.clauses[place] for place in sorted(places)])

    def beginning(self, place: int) -> tuple[CaptionText, list[int]]:
        """The longest beginning of a clause that fits, and the index of that clause."""
        clause = self._caption.clauses[place]
        for length in range(len(clause.nodes) - 1, 0, -1):
            if self._take([Clause(clause.nodes[:length], clause.links[: length - 1], clause.component)]):
                return self.text, [place]
        return self.text, []

    def _take(self, clauses: Sequence[Clause]) -> bool:
        try:
            text = self._captioner.realise(clauses, self._caption.things)
        except AmbiguousReferenceError:
            return False  # the first mention of an object now says less of it than a later one
        room = self._max_tokens - self._tokens.count(text.text)
        if room >= 0:
            self.text, self.room = text, room
        return room >= 0


def clause_tokens(tokens: ClipTokens, caption: CaptionText) -> list[int]:
    """The number of tokens of every clause and the comma or stop behind it. With start and end they are the text's."""
    if not caption.clause_starts:
        return []
    ends = [*caption.clause_starts[1:], len(caption.text)]
    spans = tokens.spans(caption.text, list(zip(caption.clause_starts, ends, strict=True)))
    return [stop - start for start, stop in spans]


def piece_tokens(tokens: ClipTokens, text: str, pieces: Sequence[Piece]) -> list[list[int]]:
    """The tokens [first, after the last] of every piece."""
    return [[start, stop] for start, stop in tokens.spans(text, [(piece.start, piece.stop) for piece in pieces])]
