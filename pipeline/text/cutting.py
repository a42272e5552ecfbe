"""Cuts a text that is too long for an encoder into pieces: at sentence ends, else at clause ends, else at words."""

import re
from collections.abc import Callable, Sequence

Count = Callable[[str], int]  # tokens of a text, start and end included

# Where a text may be cut, the best first: after a sentence, after a clause, between words, between characters.
_CUTS = tuple(
    map(re.compile, (r"(?<=[.!?])\s+|(?<=[。！？])|\n+", r"(?<=[,;:])\s+|\s+(?=[–—(])", r"\s+", r"(?<=.)(?=.)"))
)


def split(text: str, max_tokens: int, count: Count) -> list[str]:
    """The pieces of a text, each of at most `max_tokens` tokens, in order; the text itself if it fits.

    No word is lost. Each piece takes as many whole sentences as fit. A sentence that does not fit is cut after clauses,
    a clause between words, and a word between characters.

    >>> split("One two. Three four, five six. Seven.", 4, lambda text: len(text.split()))
    ['One two.', 'Three four, five six.', 'Seven.']
    """
    return [text] if count(text) <= max_tokens else _split(text, max_tokens, count, _CUTS)


def _split(text: str, max_tokens: int, count: Count, cuts: Sequence[re.Pattern[str]]) -> list[str]:
    """Pieces of as many parts as fit; a part that does not fit is cut by the next, finer pattern."""
    if not cuts:
        return [text]  # one character of more tokens than fit: no encoder has so few
    cut, *finer = cuts
    joint = "" if not finer else " "
    pieces: list[str] = []
    for part in filter(None, cut.split(text)):
        longer = f"{pieces[-1]}{joint}{part}" if pieces else part
        if pieces and count(longer) <= max_tokens:
            pieces[-1] = longer
        elif count(part) <= max_tokens:
            pieces.append(part)
        else:
            pieces += _split(part, max_tokens, count, finer)
    return pieces
