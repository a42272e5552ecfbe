"""Noun phrases of a text, and the relation words that stand behind them: read off known words, without a grammar."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.core.bounded_memo import BoundedMemo
from pipeline.formats.class_names import stem

Stems = tuple[str, ...]
T = TypeVar("T")

_MAX_WORDS = 5  # of one name or relation word
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[.,;:!?()\"]")
_STOPS = frozenset('.,;:!?()"')
_ENDS = frozenset(".;!?")  # of a sentence
_OPENING = frozenset(("a", "an", "the", "some", "his", "her", "its", "their", "this", "that", "one", "two", "three"))
_AND = "and"
_LINKING = frozenset(("is", "are", "was", "were", "be", "been", "being", "who", "which", "there"))


class Known(Generic[T]):
    """Words of one sort by their stems, with what they mean: "with" may be "have" and "of"."""

    def __init__(self, words: Iterable[tuple[str, T]]) -> None:
        self.meanings: dict[Stems, list[T]] = {}
        self._most: dict[str, int] = {}  # first stem -> stems of the longest word that begins so
        for word, meaning in words:
            stems = tuple(map(stem, _TOKEN.findall(word.lower())))
            if stems and len(stems) <= _MAX_WORDS and not set(stems) <= _OPENING | _LINKING:
                meanings = self.meanings.setdefault(stems, [])
                meanings += [meaning] if meaning not in meanings else []
                self._most[stems[0]] = max(len(stems), self._most.get(stems[0], 0))

    def longest(self, stems: Sequence[str], place: int) -> int:
        """How many stems from a place on make a known word; 0 = none."""
        most = self._most.get(stems[place], 0)
        for size in range(min(most, len(stems) - place), 0, -1):
            if tuple(stems[place : place + size]) in self.meanings:
                return size
        return 0

    def ends(self, stems: Sequence[str]) -> bool:
        """Whether the last stems make a known word."""
        starts = range(max(0, len(stems) - _MAX_WORDS), len(stems))
        return any(tuple(stems[start:]) in self.meanings for start in starts)

    def all(self, stems: Sequence[str]) -> list[T]:
        """What the known words among some stems mean, in their order."""
        found: list[T] = []
        place = 0
        while place < len(stems):
            size = self.longest(stems, place)
            if size:
                found += self.meanings[tuple(stems[place : place + size])]
            place += size or 1
        return found


@dataclass(frozen=True, slots=True)
class Noun:
    """What a name means, and the attributes that it says itself: a "red shirt" is a shirt."""

    meaning: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words between two boundaries: a noun with its attributes, or attributes alone ("is red"), or nothing."""

    noun: str | None
    attributes: list[str]
    joined: bool  # it follows an "and" without an article: "a red cup and ball"
    predicates: list[str]  # what the relation word behind it may mean
    stopped: bool  # a comma, colon, bracket or the end stands behind it


class Reader:
    """Reads sentences as phrases, by the words it knows."""

    def __init__(self, nouns: Known[Noun], attributes: Known[str], predicates: Known[str]) -> None:
        self._nouns, self._attributes, self._predicates = nouns, attributes, predicates
        self._stem = BoundedMemo(stem)

    def sentences(self, text: str) -> Iterator[list[Phrase]]:
        """The phrases of every sentence."""
        sentence: list[Phrase] = []
        part: list[str] = []
        for token in [*_TOKEN.findall(text.lower()), "."]:
            if token not in _STOPS:
                part.append(token)
                continue
            if part:
                sentence += self._phrases(part)
                part = []
            if token in _ENDS and sentence:
                yield sentence
                sentence = []

    def _phrases(self, tokens: Sequence[str]) -> Iterator[Phrase]:
        """The phrases between two stops."""
        stems = [self._stem[token] for token in tokens]
        run: list[str] = []
        joined = False
        place = 0
        while place < len(tokens):
            size = self._boundary(tokens[place], run)
            found: list[str] = []
            if not size:
                size = self._relation(stems, place, run)
                found = self._predicates.meanings[tuple(stems[place : place + size])] if size else []
            if size:
                yield self._phrase(tuple(run), joined, found)
                run, joined = [], tokens[place] == _AND
            else:
                run.append(stems[place])
            place += size or 1
        yield self._phrase(tuple(run), joined, [], stopped=True)

    def _boundary(self, token: str, run: Sequence[str]) -> int:
        """1 for a word that parts phrases."""
        return int(token in _OPENING or token in _LINKING or (token == _AND and self._nouns.ends(run)))

    def _relation(self, stems: Sequence[str], place: int, run: Sequence[str]) -> int:
        """How many stems from a place on are a relation word; what may be a noun as well is one after a noun."""
        size = self._predicates.longest(stems, place)
        if not size:
            return 0
        other = max(self._nouns.longest(stems, place), self._attributes.longest(stems, place))
        is_one = size > other or (size == other and (self._nouns.ends(run) if run else place > 0))
        return size if is_one else 0

    def _phrase(self, run: Stems, joined: bool, predicates: list[str], *, stopped: bool = False) -> Phrase:
        """What the last noun of a run means, and the attributes before and in it; all where there is no noun."""
        for stop in range(len(run), 0, -1):
            for start in range(max(0, stop - _MAX_WORDS), stop):
                nouns = self._nouns.meanings.get(run[start:stop])
                if nouns is not None:
                    attributes = [*self._attributes.all(run[:start]), *nouns[0].attributes]
                    return Phrase(nouns[0].meaning, attributes, joined, predicates, stopped)
        return Phrase(None, self._attributes.all(run), joined, predicates, stopped)
