"""Compositions: who does what to whom, and what is how. Some are held out of training, by a hash of their meaning.

A composition is a relation between two nouns, or an attribute of a noun; "a table under a mug" and "a cup on a table"
are one. Graphs tell theirs; of any other text they are read off its words: a noun phrase ends in a known noun, a known
relation word stands between two of them ("a man is holding a small red cup"). Passive and inverted wordings ("on the
table stands a cup") are not understood.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from pipeline.core.kept import Kept
from pipeline.core.params import Params as BaseParams
from pipeline.core.seeds import derived_seed
from pipeline.formats.class_names import stem
from pipeline.graphs.scene import SceneGraph
from pipeline.text import wordlists
from pipeline.text.lexicon import Lexicon

Composition = tuple[str, ...]  # (subject, predicate, object) or (attribute, noun), by what the words mean
Stems = tuple[str, ...]

_SEEDS = 1 << 63  # different values of derived_seed
_MOST_WORDS = 5  # of one name or relation word
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*|[.,;:!?()\"]")
_STOPS = frozenset('.,;:!?()"')
_OPENING = frozenset(("a", "an", "the", "some", "his", "her", "its", "their", "this", "that", "one", "two", "three"))
_AND = "and"
_LINKING = frozenset(("is", "are", "was", "were", "be", "been", "being", "who", "which", "there"))


class Params(BaseParams):
    """Which compositions no training text or picture has."""

    share: float = Field(ge=0, lt=1)  # of all compositions, as expected: each is drawn alone; 0 = none is held out
    seed: int


@dataclass
class Words:
    """The words of some corpora: names of things, relation words, attributes."""

    nouns: set[str] = field(default_factory=set)
    predicates: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)

    def add(self, graph: SceneGraph) -> None:
        """The words of one graph."""
        for thing in graph.objects:
            self.nouns.update(thing.names)
            self.attributes.update(thing.attributes)
        self.predicates.update(edge.predicate for edge in graph.relations)


class HeldOut:
    """Which compositions are held out, and what graphs and texts have of them."""

    def __init__(self, params: Params, lexicon: Lexicon, words: Words) -> None:
        self._lexicon = lexicon
        self._bound = params.share * _SEEDS
        self._holds: Kept[Composition, bool] = Kept(
            lambda composition: derived_seed(params.seed, "composition", *composition) < self._bound
        )
        meanings = {lexicon.noun(noun).meaning for noun in words.nouns}
        listed = {row["word"] for row in wordlists.rows("nouns")}  # other words for what the corpora name
        named = ((noun, lexicon.noun(noun).meaning) for noun in (*sorted(words.nouns), *sorted(listed)))
        self._nouns = _Known((noun, meaning) for noun, meaning in named if meaning in meanings)
        told = [(word, lexicon.predicate(word).said) for word in sorted(words.predicates)]
        self._predicates = _Known(
            (form, lexicon.predicate(word).meaning) for word, said in told if said for form in (word, said)
        )
        self._attributes = _Known((word, lexicon.attribute(word).value) for word in sorted(words.attributes))
        self._stem = Kept(stem)

    def of_graph(self, graph: SceneGraph) -> set[Composition]:
        """The held-out compositions that a graph shows, said or not."""
        lexicon = self._lexicon
        called = {
            thing.id: lexicon.noun(lexicon.thing(thing.names, thing.synsets).name).meaning for thing in graph.objects
        }
        found = {
            relation(lexicon, called[edge.subject], edge.predicate, called[edge.object])
            for edge in graph.relations
            if lexicon.predicate(edge.predicate).said
        }
        for thing in graph.objects:
            found.update((lexicon.attribute(word).value, called[thing.id]) for word in thing.attributes)
        return {composition for composition in found if self._holds[composition]}

    def of_text(self, text: str) -> set[Composition]:
        """The held-out compositions that a text says."""
        return {composition for composition in self.said(text) if self._holds[composition]} if self._bound else set()

    def said(self, text: str) -> Iterator[Composition]:
        """All compositions that a text says."""
        segment: list[str] = []
        for token in [*_TOKEN.findall(text.lower()), "."]:
            if token not in _STOPS:
                segment.append(token)
            elif segment:
                yield from self._of_segment(segment)
                segment = []

    def _of_segment(self, tokens: Sequence[str]) -> Iterator[Composition]:
        """The compositions between two stops: noun phrases in a row and what stands between them."""
        stems = [self._stem[token] for token in tokens]
        last: str | None = None  # the noun before
        between: list[str] = []  # the relation words since
        for run, predicates in self._runs(tokens, stems):
            noun, attributes = self._phrase(run)
            if noun is not None:
                yield from ((attribute, noun) for attribute in attributes)
                if last is not None:
                    yield from (relation(self._lexicon, last, word, noun) for word in between)
                last, between = noun, []
            elif last is not None and not between:
                yield from ((attribute, last) for attribute in attributes)  # "the ball is red"
            between += predicates

    def _runs(self, tokens: Sequence[str], stems: Sequence[str]) -> Iterator[tuple[Stems, list[str]]]:
        """The words between boundaries, with what the relation word behind them may mean."""
        run: list[str] = []
        place = 0
        while place < len(tokens):
            token = tokens[place]
            after_noun = bool(run) and self._nouns.longest(run, len(run) - 1) > 0
            if token in _OPENING or token in _LINKING or (token == _AND and after_noun):
                yield tuple(run), []
                run = []
                place += 1
                continue
            size = self._predicates.longest(stems, place)
            other = max(words.longest(stems, place) for words in (self._nouns, self._attributes))
            if size > other or (size and size == other and (after_noun or (not run and place))):
                yield tuple(run), self._predicates.meanings[tuple(stems[place : place + size])]
                run = []
                place += size
            else:
                run.append(stems[place])
                place += 1
        yield tuple(run), []

    def _phrase(self, run: Stems) -> tuple[str | None, list[str]]:
        """What the last noun of a run means, and the attributes before it; all attributes where there is no noun."""
        for stop in range(len(run), 0, -1):
            for start in range(max(0, stop - _MOST_WORDS), stop):
                noun = self._nouns.meanings.get(run[start:stop])
                if noun is not None:
                    return noun[0], self._values(run[:start])
        return None, self._values(run)

    def _values(self, words: Stems) -> list[str]:
        found: list[str] = []
        place = 0
        while place < len(words):
            size = self._attributes.longest(words, place)
            if size:
                found += self._attributes.meanings[words[place : place + size]]
            place += size or 1
        return found


_STACKED = ("on", "above", "under")  # a table is under what stands on it


def relation(lexicon: Lexicon, subject: str, predicate: str, object_: str) -> Composition:
    """One composition for a relation, whichever way round it is said."""
    about = lexicon.predicate(predicate)
    if about.meaning in _STACKED:
        upper, lower = (subject, object_) if about.meaning != "under" else (object_, subject)
        return upper, "on", lower
    ways = [(subject, about.meaning, object_)]
    if about.inverse:
        ways.append((object_, about.inverse, subject))
    if about.mirrored == "yes":
        ways.append((object_, about.meaning, subject))
    return min(ways)


class _Known:
    """Words of one sort by their stems, with what they mean: "with" may be "have" and "of"."""

    def __init__(self, words: Iterable[tuple[str, str]]) -> None:
        self.meanings: dict[Stems, list[str]] = {}
        self._most: dict[str, int] = {}  # first stem -> stems of the longest word that begins so
        for word, meaning in words:
            stems = tuple(map(stem, _TOKEN.findall(word.lower())))
            if stems and len(stems) <= _MOST_WORDS and not set(stems) <= _OPENING | _LINKING:
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
