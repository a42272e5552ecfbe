"""Word pools: what the corpus says in similar places, so that a replaced word is plausible and the negative hard.

A word is drawn as often as the corpus has it in that place: a noun beside this predicate and this other noun, a
predicate between these two nouns, an attribute of its kind with this noun. Counts are smoothed with a Dirichlet prior
(MacKay and Peto 1995): in a place seen n times the draw stays with chance n / (n + prior), and else comes from the next
wider place. For a share of the places the draw is free: from the words of wider pools, all equally likely. With
`uniform` all draws are free, which is the baseline for the leak.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from operator import attrgetter
from typing import Annotated, Literal, TypeVar

import msgspec
from pydantic import Field

from pipeline.core.params import Params as BaseParams
from pipeline.graphs.scene import Relation, SceneGraph
from pipeline.text.clauses import named_relations
from pipeline.text.lexicon import Lexicon, Thing
from pipeline.text.rng import Rng

_MAX_COUNTED = 1 << 20  # different entries of one statistic; beyond it no new entries are counted


class Uniform(BaseParams):
    """Every word of a pool is as likely as every other."""

    kind: Literal["uniform"]


class Seen(BaseParams):
    """A word is as likely as the corpus has it in that place."""

    kind: Literal["seen"]
    prior: int = Field(ge=1)  # of a place seen so often half of the draws stay, the others go to the next wider place
    free_share: float = Field(ge=0, le=1)  # of the places: words are drawn there as with `uniform`


class Params(BaseParams):
    """The size of the pools, and how words are drawn from them."""

    max_words: int = Field(ge=1)  # of one place: the most frequent ones
    draw: Annotated[Uniform | Seen, Field(discriminator="kind")]


K = TypeVar("K")
Counts = Counter[tuple[str, ...]]


@dataclass
class Statistics:
    """Counts over a corpus, the same for any order of its graphs (below `_MAX_COUNTED`)."""

    lexicon: Lexicon
    predicates: Counts = field(default_factory=Counter)  # meaning, kind of subject; of object; group, predicate
    nouns: Counts = field(default_factory=Counter)  # side, predicate, meaning, kind of the other; kind, noun
    attributes: Counts = field(default_factory=Counter)  # kind of attribute, meaning, kind of the noun, attribute
    present: Counter[str] = field(default_factory=Counter)  # what anything in a graph may be called
    num_graphs: int = 0

    def add(self, graph: SceneGraph) -> None:
        """Count one graph."""
        lexicon = self.lexicon
        things = {thing.id: lexicon.thing(thing.names, thing.synsets) for thing in graph.objects}
        called = {node: lexicon.noun(thing.name).meaning for node, thing in things.items()}
        predicates: list[tuple[str, ...]] = []
        nouns: list[tuple[str, ...]] = []
        for edge in named_relations(graph, lexicon.wordings):  # other words would be found in negatives alone
            meaning = lexicon.predicate(edge.predicate).meaning
            subject, object_ = things[edge.subject], things[edge.object]
            first, second = called[edge.subject], called[edge.object]
            predicates.append((first, subject.kind, second, object_.kind, edge.group, edge.predicate))
            nouns.append(("subject", meaning, second, object_.kind, subject.kind, subject.name))
            nouns.append(("object", meaning, first, subject.kind, object_.kind, object_.name))
        attributes: list[tuple[str, ...]] = []
        for thing in graph.objects:
            for word in thing.attributes:
                kind = lexicon.attribute(word).kind
                if kind:
                    attributes.append((kind, called[thing.id], things[thing.id].kind, word))
        self.num_graphs += 1
        _count(self.present, frozenset[str]().union(*map(attrgetter("wide"), things.values())))
        _count(self.predicates, predicates)
        _count(self.nouns, nouns)
        _count(self.attributes, attributes)

    def merge(self, later: "Tallies") -> None:
        """Add the counts of graphs that come after those counted here."""
        predicates, nouns, attributes, present, num_graphs = later
        _merge(self.predicates, predicates)
        _merge(self.nouns, nouns)
        _merge(self.attributes, attributes)
        _merge(self.present, present)
        self.num_graphs += num_graphs

    def tallies(self) -> "Tallies":
        """All counts, without the words' meanings: what another process needs to have the same statistics."""
        return (self.predicates, self.nouns, self.attributes, self.present, self.num_graphs)


Tallies = tuple[Counts, Counts, Counts, Counter[str], int]


def _merge(counts: Counter[K], later: Counter[K]) -> None:
    """As if each key had been counted in the order in which it was first seen."""
    for key, number in later.items():
        if key in counts or len(counts) < _MAX_COUNTED:
            counts[key] += number


def _count(counts: Counter[K], keys: Collection[K]) -> None:
    if len(counts) + len(keys) <= _MAX_COUNTED:
        counts.update(keys)
        return
    for key in keys:
        if key in counts or len(counts) < _MAX_COUNTED:
            counts[key] += 1


class NounPlace(msgspec.Struct, frozen=True, gc=False):
    """The place of a noun in a caption."""

    side: str  # subject | object
    predicate: str  # its meaning
    other: Thing  # on the other side
    noun: str  # to be replaced
    kind: str  # of the thing
    bound: bool  # more is said of it, which only fits things of its kind


Rungs = tuple[tuple[int, ...], ...]  # ever wider places: which parts of a statistic's key count

_PREDICATE_SEEN: Rungs = ((0, 2, 4), (1, 3, 4), (4,))
_PREDICATE_FREE: Rungs = ((1, 3, 4), (3, 4), (4,))
_NOUN_SEEN: Rungs = ((0, 1, 2), (0, 1, 3, 4), (0, 1, 4), (0, 1))
_BOUND_SEEN: Rungs = ((0, 1, 2, 4), (0, 1, 3, 4), (0, 1, 4), (0, 4), (0, 1))
_NOUN_FREE: Rungs = ((0, 1, 4), (0, 4), (0, 1), ())
_ATTRIBUTE_SEEN: Rungs = ((0, 1), (0, 2), (0,))
_ATTRIBUTE_FREE: Rungs = ((0, 2), (0,))


class Pools:
    """The words to choose from, by a corpus's statistics."""

    def __init__(self, statistics: Statistics, params: Params) -> None:
        self._statistics = statistics
        self._lexicon = statistics.lexicon
        self._draw = params.draw
        self._of_kind: dict[str, set[str]] = {}
        for *_, kind, noun in statistics.nouns:
            self._of_kind.setdefault(kind, set()).add(noun)
        self._predicates = _Pool(statistics.predicates, (_PREDICATE_SEEN,), _PREDICATE_FREE, params)
        self._nouns = _Pool(statistics.nouns, (_NOUN_SEEN, _BOUND_SEEN), _NOUN_FREE, params)
        self._attributes = _Pool(statistics.attributes, (_ATTRIBUTE_SEEN,), _ATTRIBUTE_FREE, params)

    def predicates(self, subject: Thing, object_: Thing, edge: Relation, rng: Rng) -> Iterator[str]:
        """Other predicates of the same group between such things; each once, in the order drawn."""
        first, second = self._called(subject), self._called(object_)
        key = (first, subject.kind, second, object_.kind, edge.group)
        return self._predicates.drawn(key, _PREDICATE_SEEN, edge.predicate, rng)

    def nouns(self, place: "NounPlace", rng: Rng) -> Iterator[str]:
        """Other nouns on one side of a predicate whose other side is known; each once."""
        other = place.other
        key = (place.side, place.predicate, self._called(other), other.kind, place.kind)
        return self._nouns.drawn(key, _BOUND_SEEN if place.bound else _NOUN_SEEN, place.noun, rng)

    def knows_others(self, thing: Thing) -> bool:
        """Whether the corpus has another noun of a thing's kind."""
        called = self._called(thing)
        return any(self._lexicon.noun(word).meaning != called for word in self._of_kind.get(thing.kind, ()))

    def attributes(self, word: str, thing: Thing, rng: Rng) -> Iterator[str]:
        """Other attributes of the kind of one, said of such a thing; each once."""
        key = (self._lexicon.attribute(word).kind, self._called(thing), thing.kind)
        return self._attributes.drawn(key, _ATTRIBUTE_SEEN, word, rng)

    def defers(self, noun: str, rng: Rng) -> bool:
        """Whether to replace other nouns first: true with a chance equal to the share of images that show such a thing.

        What is in nearly every picture can hardly ever be put in as a false word. Were it taken out as often as others,
        its absence would give negatives away.
        """
        if self._statistics.num_graphs == 0 or isinstance(self._draw, Uniform):
            return False
        number = self._statistics.present[self._lexicon.noun(noun).meaning]
        return rng.below(self._statistics.num_graphs) < number

    def _called(self, thing: Thing) -> str:
        return self._lexicon.noun(thing.name).meaning


_FEW = 6  # a pool of fewer words is topped up from the next wider one
_MAX_DRAWS = 6  # from one place; a word that is drawn again is skipped
_FINE = 1 << 20  # steps of a share


class _Pool:
    """The words of one statistic (the last part of its keys) in narrow and wide places."""

    def __init__(self, counts: Counts, seen: tuple[Rungs, ...], free: Rungs, params: Params) -> None:
        self._totals: dict[tuple[tuple[int, ...], tuple[str, ...]], Counter[str]] = {}
        self._free, self._max_words, self._draw = free, params.max_words, params.draw
        self._frequent: dict[tuple[tuple[int, ...], tuple[str, ...]], _Place] = {}
        self._pools: dict[tuple[str, ...], list[str]] = {}
        self._seen: dict[tuple[Rungs, tuple[str, ...]], list[_Place]] = {}
        rungs = dict.fromkeys(chain(*seen, free))
        for key, count in counts.items():
            for rung in rungs:
                total = self._totals.setdefault((rung, tuple([key[place] for place in rung])), Counter())
                total[key[-1]] += count

    def drawn(self, key: tuple[str, ...], seen: Rungs, original: str, rng: Rng) -> Iterator[str]:
        """Words for a place, each once, without the original."""
        draw = self._draw
        if draw.kind == "seen" and rng.below(_FINE) >= draw.free_share * _FINE:
            used = [original]
            places = _without(self._places(key, seen), original)
            for _ in range(_MAX_DRAWS if places else 0):
                word = _likely(places, draw.prior, rng)
                if word not in used:
                    used.append(word)
                    yield word
        else:
            yield from (word for word in rng.order(self._pool(key)) if word != original)

    def _places(self, key: tuple[str, ...], seen: Rungs) -> list["_Place"]:
        """The places in which anything was seen, the narrowest first."""
        places = self._seen.get((seen, key))
        if places is None:
            of_rungs = (self._words(rung, key) for rung in seen)
            places = self._seen[seen, key] = [place for place in of_rungs if place.words]
        return places

    def _pool(self, key: tuple[str, ...]) -> list[str]:
        """The most frequent words of the narrowest places that have a few of them; ties by alphabet."""
        pool = self._pools.get(key)
        if pool is None:
            words: dict[str, None] = {}
            for rung in self._free:
                words.update(dict.fromkeys(self._words(rung, key).words))
                if len(words) >= min(_FEW, self._max_words):
                    break
            pool = self._pools[key] = list(words)[: self._max_words]
        return pool

    def _words(self, rung: tuple[int, ...], key: tuple[str, ...]) -> "_Place":
        """The most frequent words of one place."""
        name = (rung, tuple([key[part] for part in rung]))
        place = self._frequent.get(name)
        if place is None:
            total = self._totals.get(name, Counter())
            frequent = sorted(total.items(), key=lambda item: (-item[1], item[0]))[: self._max_words]
            place = self._frequent[name] = _Place([word for word, _ in frequent], [count for _, count in frequent])
        return place


class _Place:
    """The words of a place with the running sums of their counts."""

    def __init__(self, words: list[str], counts: list[int]) -> None:
        self.words = words
        self.sums = list(accumulate(counts))
        self.total = self.sums[-1] if counts else 0
        self.spans = {word: (end - count, count) for word, end, count in zip(words, self.sums, counts, strict=True)}


# A place without one of its words: all words and sums, the total of the others, and where the span of the missing word
# starts and how long it is.
_Others = tuple[list[str], list[int], int, int, int]


def _without(places: Sequence[_Place], word: str) -> list[_Others]:
    """The places that have other words too, without this one."""
    others: list[_Others] = []
    for place in places:
        start, left_out = place.spans.get(word, (place.total, 0))
        if place.total > left_out:
            others.append((place.words, place.sums, place.total - left_out, start, left_out))
    return others


def _likely(places: Sequence[_Others], prior: int, rng: Rng) -> str:
    """A word drawn by the counts of the first place at which the draw stays; it always stays at the last."""
    last = places[-1]
    for place in places:
        left = place[2]
        drawn = rng.below(left if place is last else left + prior)
        if drawn < left:
            break
    words, sums, _, start, left_out = place
    return words[bisect_right(sums, drawn + left_out if drawn >= start else drawn)]
