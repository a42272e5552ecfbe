"""A text too long for an encoder, cut into pieces that fit: at sentence ends, else at clause ends, else at words."""

import re
from collections.abc import Callable, Sequence

Count = Callable[[str], int]  # tokens of a text, start and end counted

# Where a text may be cut, the best first: after a sentence, after a clause, between words, between characters.
_CUTS = tuple(
    map(re.compile, (r"(?<=[.!?])\s+|(?<=[。！？])|\n+", r"(?<=[,;:])\s+|\s+(?=[–—(])", r"\s+", r"(?<=.)(?=.)"))
)


def pieces(text: str, most: int, count: Count) -> list[str]:
    """The text itself if it has at most `most` tokens, else as few pieces as its sentences allow, in their order.

    No word is lost. A piece holds as many sentences as fit; a sentence that does not fit is cut after clauses, a clause
    between words and a word between characters.

    >>> pieces("One two. Three four, five six. Seven.", 4, lambda text: len(text.split()))
    ['One two.', 'Three four, five six.', 'Seven.']
    """
    return [text] if count(text) <= most else _filled(text, most, count, _CUTS)


def _filled(text: str, most: int, count: Count, cuts: Sequence[re.Pattern[str]]) -> list[str]:
    """Pieces of as many parts as fit; a part that does not is cut by the next, finer rule."""
    if not cuts:
        return [text]  # one character of more tokens than fit: no encoder has so few
    cut, *finer = cuts
    joint = "" if not finer else " "
    found: list[str] = []
    for part in filter(None, cut.split(text)):
        longer = f"{found[-1]}{joint}{part}" if found else part
        if found and count(longer) <= most:
            found[-1] = longer
        elif count(part) <= most:
            found.append(part)
        else:
            found += _filled(part, most, count, finer)
    return found
