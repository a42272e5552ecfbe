"""CLIP's byte-pair tokens of a text: the ids of open_clip's own tokenizer, without importing it or torch.

CLIP reads a text in lower case as words (letters, single digits, runs of other signs), each cut into byte pairs. So
the tokens of a text are those of its words, which are remembered: a corpus repeats a few thousand. The vocabulary is
the file inside the package open_clip_torch, which is located without importing the package.
"""

import gzip
import html
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate, chain
from pathlib import Path

from tokenizers.models import BPE

from pipeline.core.bounded_memo import BoundedMemo
from pipeline.core.errors import DataError

_VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
_MAX_BYTES = 1 << 23  # of the unpacked vocabulary; it has 3.2 MB
_NUM_MERGES = 49152 - 256 - 2
_SPECIAL = ("<start_of_text>", "<end_of_text>")
_SIGNS = r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|"
_ASCII_WORD = re.compile(rf"{_SIGNS}[a-z]+|[0-9]|[^\sa-z0-9]+")
_ANY_WORD = rf"(?i){_SIGNS}\p{{L}}+|\p{{N}}|[^\s\p{{L}}\p{{N}}]+"
# Texts that ftfy, with which open_clip cleans, leaves alone. In others it mends broken encodings and curly quotes.
_PLAIN = re.compile(r"[ -%'-~]*")

_MAX_READ = 16  # texts whose words are remembered: one is read for its clauses, then for its phrases

Words = tuple[list[int], list[int], list[int]]  # per word: start, stop, tokens before it (last: of the whole text)


class ClipTokens:
    """Texts as CLIP reads them. DataError where the vocabulary is not installed."""

    def __init__(self) -> None:
        self._ids, merges = _vocabulary()
        self._bpe = BPE(self._ids, merges, end_of_word_suffix="</w>")
        self._of_word: Callable[[str], tuple[int, ...]] = BoundedMemo(self._make_word).__getitem__
        self._num_of_word: Callable[[str], int] = BoundedMemo(self._num_tokens).__getitem__
        self._words = lru_cache(_MAX_READ)(self._make_words)
        self.start, self.end = (self._ids[word] for word in _SPECIAL)

    def ids(self, text: str) -> list[int]:
        """All token ids of a text with start and end, however many; open_clip cuts them at 77."""
        cleaned = clean(text)
        return [self.start, *chain.from_iterable(map(self._of_word, _pattern(cleaned).findall(cleaned))), self.end]

    def count(self, text: str) -> int:
        """The number of `ids`."""
        cleaned = clean(text)
        return sum(map(self._num_of_word, _pattern(cleaned).findall(cleaned))) + 2

    def spans(self, text: str, parts: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """The tokens [first, after the last) of parts of a text, given as ascending ranges of characters.

        The start token is number 0. A token across the edge of a part, such as the `".` at the end of
        'a sign saying "stop".', belongs to that part. Where cleaning changes the text (curly quotes, entities), its
        characters are not those that CLIP reads: the text up to each edge is then cleaned and counted by itself.
        """
        lower = text.lower()
        if clean(text) != lower or len(lower) != len(text):
            return [(self.count(text[:start]) - 1, self.count(text[:stop]) - 1) for start, stop in parts]
        starts, stops, before = self._words(lower)
        return [(before[bisect_right(stops, start)], before[bisect_left(starts, stop)]) for start, stop in parts]

    def _make_words(self, cleaned: str) -> Words:
        matches = [*_pattern(cleaned).finditer(cleaned)]
        counts = map(self._num_of_word, [match[0] for match in matches])
        starts, stops = [match.start() for match in matches], [match.end() for match in matches]
        return starts, stops, [*accumulate(counts, initial=1)]

    def _num_tokens(self, word: str) -> int:
        return len(self._of_word(word))

    def _make_word(self, word: str) -> tuple[int, ...]:
        if word in _SPECIAL:
            return (self._ids[word],)
        letters = "".join(_LETTERS[byte] for byte in word.encode())
        return tuple(token.id for token in self._bpe.tokenize(letters))


def clean(text: str) -> str:
    """A text as open_clip cleans it: encodings mended (ftfy), HTML entities decoded, single spaces, lower case."""
    if not _PLAIN.fullmatch(text):
        text = html.unescape(html.unescape(import_module("ftfy").fix_text(text)))
    return " ".join(text.split()).lower()


@cache
def tokens() -> ClipTokens:
    """The one tokenizer of a process."""
    return ClipTokens()


def _pattern(cleaned: str) -> re.Pattern[str]:
    return _ASCII_WORD if cleaned.isascii() else _any_word()


@cache
def _any_word() -> re.Pattern[str]:
    """Words in any script. The module regex, as open_clip has it: re does not know which signs are letters."""
    pattern: re.Pattern[str] = import_module("regex").compile(_ANY_WORD)
    return pattern


def _vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Token -> id, as CLIP numbers them (bytes, bytes at a word's end, merges, specials), and the merges in order."""
    package = find_spec("open_clip")
    path = Path(package.origin).parent / _VOCABULARY if package and package.origin else Path(_VOCABULARY)
    if not path.is_file():
        raise DataError(
            "CLIP's vocabulary is not installed: package open_clip_torch; run `pip install -r requirements.txt`"
        )
    with gzip.open(path) as file:
        lines = file.read(_MAX_BYTES).decode().split("\n")
    merges = [(first, second) for first, second in map(str.split, lines[1 : _NUM_MERGES + 1])]
    letters = list(_LETTERS.values())
    words = [*letters, *(f"{letter}</w>" for letter in letters), *(first + second for first, second in merges)]
    words += _SPECIAL
    return {word: number for number, word in enumerate(words)}, merges


def _letters() -> dict[int, str]:
    """Byte -> the printable character that stands for it; printable bytes stand for themselves (as in GPT-2)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + place) for place, byte in enumerate(others)}


_LETTERS = _letters()
