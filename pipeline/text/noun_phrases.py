"""Noun phrases of a text and the relation words after them, found by known words, without a grammar."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.core.bounded_memo import BoundedMemo
from pipeline.formats.class_names import stem

Stems = tuple[str, ...]
T = TypeVar("T")

_MAX_WORDS = 5  # of one name or relation
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[.,;:!?()\"]")
_STOPS = frozenset('.,;:!?()"')
_ENDS = frozenset(".;!?")  # of a sentence
_OPENING = frozenset(("a", "an", "the", "some", "his", "her", "its", "their", "this", "that", "one", "two", "three"))
_AND = "and"
_LINKING = frozenset(("is", "are", "was", "were", "be", "been", "being", "who", "which", "there"))


class StemIndex(Generic[T]):
    """Phrases of one sort by their stems, with all their meanings: "with" may be "have" and "of"."""

    def __init__(self, words: Iterable[tuple[str, T]]) -> None:
        self.meanings: dict[Stems, list[T]] = {}
        self._max_size: dict[str, int] = {}  # first stem -> number of stems of the longest phrase that begins with it
        for word, meaning in words:
            stems = tuple(map(stem, _TOKEN.findall(word.lower())))
            if stems and len(stems) <= _MAX_WORDS and not set(stems) <= _OPENING | _LINKING:
                meanings = self.meanings.setdefault(stems, [])
                meanings += [meaning] if meaning not in meanings else []
                self._max_size[stems[0]] = max(len(stems), self._max_size.get(stems[0], 0))

    def longest(self, stems: Sequence[str], place: int) -> int:
        """The number of stems of the longest known phrase that begins at `place`; 0 = none."""
        max_size = self._max_size.get(stems[place], 0)
        for size in range(min(max_size, len(stems) - place), 0, -1):
            if tuple(stems[place : place + size]) in self.meanings:
                return size
        return 0

    def ends(self, stems: Sequence[str]) -> bool:
        """Whether the last stems make a known phrase."""
        starts = range(max(0, len(stems) - _MAX_WORDS), len(stems))
        return any(tuple(stems[start:]) in self.meanings for start in starts)

    def all(self, stems: Sequence[str]) -> list[T]:
        """The meanings of the known phrases among some stems, in order."""
        meanings: list[T] = []
        place = 0
        while place < len(stems):
            size = self.longest(stems, place)
            if size:
                meanings += self.meanings[tuple(stems[place : place + size])]
            place += size or 1
        return meanings


@dataclass(frozen=True, slots=True)
class Noun:
    """The meaning of a name, and the attributes inside it: a "red shirt" is a shirt."""

    meaning: str
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words between two boundaries: a noun with its attributes, only attributes ("is red"), or nothing."""

    noun: str | None
    attributes: list[str]
    joined: bool  # it follows an "and" without an article: "a red cup and ball"
    predicates: list[str]  # what the relation after it may mean
    stopped: bool  # followed by a comma, colon, bracket or the end


class Reader:
    """Reads sentences as phrases, by known words."""

    def __init__(self, nouns: StemIndex[Noun], attributes: StemIndex[str], predicates: StemIndex[str]) -> None:
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
            predicates: list[str] = []
            if not size:
                size = self._relation(stems, place, run)
                predicates = self._predicates.meanings[tuple(stems[place : place + size])] if size else []
            if size:
                yield self._phrase(tuple(run), joined, predicates)
                run, joined = [], tokens[place] == _AND
            else:
                run.append(stems[place])
            place += size or 1
        yield self._phrase(tuple(run), joined, [], stopped=True)

    def _boundary(self, token: str, run: Sequence[str]) -> int:
        """1 for a word between phrases, else 0."""
        return int(token in _OPENING or token in _LINKING or (token == _AND and self._nouns.ends(run)))

    def _relation(self, stems: Sequence[str], place: int, run: Sequence[str]) -> int:
        """The number of stems of a relation at `place`, or 0; what may also be a noun is a relation after a noun."""
        size = self._predicates.longest(stems, place)
        if not size:
            return 0
        other = max(self._nouns.longest(stems, place), self._attributes.longest(stems, place))
        is_relation = size > other or (size == other and (self._nouns.ends(run) if run else place > 0))
        return size if is_relation else 0

    def _phrase(self, run: Stems, joined: bool, predicates: list[str], *, stopped: bool = False) -> Phrase:
        """The last noun of a run, with the attributes before and in it; without a noun all attributes of the run."""
        for stop in range(len(run), 0, -1):
            for start in range(max(0, stop - _MAX_WORDS), stop):
                nouns = self._nouns.meanings.get(run[start:stop])
                if nouns is not None:
                    attributes = [*self._attributes.all(run[:start]), *nouns[0].attributes]
                    return Phrase(nouns[0].meaning, attributes, joined, predicates, stopped)
        return Phrase(None, self._attributes.all(run), joined, predicates, stopped)
