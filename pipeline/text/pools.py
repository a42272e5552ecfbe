"""Word pools: what the corpus says in like places, so that a replaced word is plausible and the negative hard.

A word is drawn as often as the corpus has it in that place: a noun beside this predicate and this other noun, a
predicate between these two, an attribute of its kind said of this noun. Counts are smoothed: where a place was seen
seldom, the draw comes from the next wider one more often (a hierarchical Dirichlet prior, Teh et al. 2006, of which a
draw needs no sums: it stays in a place seen n times with chance n / (n + prior)). A share of the draws is free, from the
words of the wider pools, all alike; `uniform` makes all draws so, which is the baseline that a leak is compared with.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from pipeline.core.params import Params as BaseParams
from pipeline.graphs.scene import SceneGraph
from pipeline.text.draws import Draws
from pipeline.text.lexicon import Lexicon, Thing

_MOST_COUNTED = 1 << 20  # different entries of one statistic; beyond it only words already met are counted


class Uniform(BaseParams):
    """Every word of a pool is as likely as every other."""

    kind: Literal["uniform"]


class Seen(BaseParams):
    """A word is as likely as the corpus has it in that place."""

    kind: Literal["seen"]
    prior: int = Field(ge=1)  # a place seen so often is believed half; the rest comes from the next wider place
    free_share: float = Field(ge=0, le=1)  # of draws as `uniform` makes them


class Params(BaseParams):
    """How large the pools are and how words are drawn from them."""

    most_words: int = Field(ge=1)  # of one place, the most frequent
    draw: Annotated[Uniform | Seen, Field(discriminator="kind")]


Counts = Counter[tuple[str, ...]]


@dataclass
class Statistics:
    """Counts over a corpus, the same in whatever order its graphs come (below `_MOST_COUNTED`)."""

    lexicon: Lexicon
    predicates: Counts = field(default_factory=Counter)  # meaning, kind of subject; of object; group, predicate
    nouns: Counts = field(default_factory=Counter)  # side, predicate, meaning, kind of the other; kind, noun
    attributes: Counts = field(default_factory=Counter)  # kind of attribute, meaning, kind of the noun, attribute

    def add(self, graph: SceneGraph) -> None:
        """Count one graph."""
        lexicon = self.lexicon
        things = {thing.id: lexicon.thing(thing.names, thing.synsets) for thing in graph.objects}
        called = {node: lexicon.noun(thing.name).meaning for node, thing in things.items()}
        predicates: list[tuple[str, ...]] = []
        nouns: list[tuple[str, ...]] = []
        for edge in graph.relations:
            about = lexicon.predicate(edge.predicate)
            if about.said:
                one, other = things[edge.subject], things[edge.object]
                first, second = called[edge.subject], called[edge.object]
                predicates.append((first, one.kind, second, other.kind, edge.group, edge.predicate))
                nouns.append(("subject", about.meaning, second, other.kind, one.kind, one.name))
                nouns.append(("object", about.meaning, first, one.kind, other.kind, other.name))
        attributes: list[tuple[str, ...]] = []
        for thing in graph.objects:
            for word in thing.attributes:
                kind = lexicon.attribute(word).kind
                if kind:
                    attributes.append((kind, called[thing.id], things[thing.id].kind, word))
        _count(self.predicates, predicates)
        _count(self.nouns, nouns)
        _count(self.attributes, attributes)


def _count(counts: Counts, keys: list[tuple[str, ...]]) -> None:
    if len(counts) + len(keys) <= _MOST_COUNTED:
        counts.update(keys)
        return
    for key in keys:
        if key in counts or len(counts) < _MOST_COUNTED:
            counts[key] += 1


class NounPlace(msgspec.Struct, frozen=True, gc=False):
    """Where a noun stands."""

    side: str  # subject | object
    predicate: str  # its meaning
    other: Thing  # on the other side
    kind: str  # of the thing whose name is replaced
    described: bool  # attributes are said of it, which fit things of its kind


Rungs = tuple[tuple[int, ...], ...]  # ever wider places: which parts of a statistic's key stay

_PREDICATE_SEEN: Rungs = ((0, 2, 4), (1, 3, 4), (4,))
_PREDICATE_FREE: Rungs = ((1, 3, 4), (3, 4), (4,))
_NOUN_SEEN: Rungs = ((0, 1, 2), (0, 1, 3, 4), (0, 1, 4), (0, 1))
_DESCRIBED_SEEN: Rungs = ((0, 1, 2, 4), (0, 1, 3, 4), (0, 1, 4), (0, 4))
_NOUN_FREE: Rungs = ((0, 1, 4), (0, 4), (0, 1), ())
_ATTRIBUTE_SEEN: Rungs = ((0, 1), (0, 2), (0,))
_ATTRIBUTE_FREE: Rungs = ((0, 2), (0,))


class Pools:
    """The words to choose from, read from a corpus's statistics."""

    def __init__(self, statistics: Statistics, params: Params) -> None:
        self._lexicon = statistics.lexicon
        self._predicates = _Pool(statistics.predicates, (_PREDICATE_SEEN,), _PREDICATE_FREE, params)
        self._nouns = _Pool(statistics.nouns, (_NOUN_SEEN, _DESCRIBED_SEEN), _NOUN_FREE, params)
        self._attributes = _Pool(statistics.attributes, (_ATTRIBUTE_SEEN,), _ATTRIBUTE_FREE, params)

    def predicates(self, subject: Thing, object_: Thing, group: str, draws: Draws) -> Iterator[str]:
        """Predicates between such things, always of the same group; each once, in the order drawn."""
        first, second = self._called(subject), self._called(object_)
        key = (first, subject.kind, second, object_.kind, group)
        return self._predicates.drawn(key, _PREDICATE_SEEN, draws)

    def nouns(self, place: "NounPlace", draws: Draws) -> Iterator[str]:
        """Nouns on one side of a predicate whose other side is known; each once."""
        other = place.other
        key = (place.side, place.predicate, self._called(other), other.kind, place.kind)
        return self._nouns.drawn(key, _DESCRIBED_SEEN if place.described else _NOUN_SEEN, draws)

    def attributes(self, attribute_kind: str, thing: Thing, draws: Draws) -> Iterator[str]:
        """Attributes of one kind said of such a thing; each once."""
        return self._attributes.drawn((attribute_kind, self._called(thing), thing.kind), _ATTRIBUTE_SEEN, draws)

    def _called(self, thing: Thing) -> str:
        return self._lexicon.noun(thing.name).meaning


_FEW = 6  # a pool of fewer words is topped up from the next wider one
_MOST_DRAWS = 16  # from one place: a word drawn twice is not said twice
_FINE = 1 << 20  # steps of a share


class _Pool:
    """The words of one statistic, the last part of its keys, under narrow and wide places."""

    def __init__(self, counts: Counts, seen: tuple[Rungs, ...], free: Rungs, params: Params) -> None:
        self._totals: dict[tuple[tuple[int, ...], tuple[str, ...]], Counter[str]] = {}
        self._free, self._most, self._draw = free, params.most_words, params.draw
        self._frequent: dict[tuple[tuple[int, ...], tuple[str, ...]], tuple[list[str], list[int]]] = {}
        self._pools: dict[tuple[str, ...], list[str]] = {}
        rungs = dict.fromkeys(chain(*seen, free))
        for key, count in counts.items():
            for rung in rungs:
                total = self._totals.setdefault((rung, tuple([key[place] for place in rung])), Counter())
                total[key[-1]] += count

    def drawn(self, key: tuple[str, ...], seen: Rungs, draws: Draws) -> Iterator[str]:
        """Words for a place, each once."""
        draw = self._draw
        if draw.kind == "uniform":
            yield from draws.order(self._pool(key))
            return
        free, told = int(draw.free_share * _FINE), set[str]()
        for _ in range(_MOST_DRAWS):
            freely = free and draws.below(_FINE) < free
            word = self._any(key, draws) if freely else self._likely(key, seen, draw.prior, draws)
            if word not in told:
                told.add(word)
                yield word

    def _any(self, key: tuple[str, ...], draws: Draws) -> str:
        pool = self._pool(key)
        return pool[draws.below(len(pool))]

    def _likely(self, key: tuple[str, ...], seen: Rungs, prior: int, draws: Draws) -> str:
        """A word by the counts of the narrowest place that is believed."""
        for rung in seen[:-1]:
            words, sums = self._words(rung, key)
            if words and draws.below(sums[-1] + prior) < sums[-1]:
                return words[bisect_right(sums, draws.below(sums[-1]))]
        words, sums = self._words(seen[-1], key)
        return words[bisect_right(sums, draws.below(sums[-1]))] if words else self._any(key, draws)

    def _pool(self, key: tuple[str, ...]) -> list[str]:
        """The most frequent words under the narrowest places that have a few of them; ties by alphabet."""
        made = self._pools.get(key)
        if made is None:
            words: dict[str, None] = {}
            for rung in self._free:
                words.update(dict.fromkeys(self._words(rung, key)[0]))
                if len(words) >= min(_FEW, self._most):
                    break
            made = self._pools[key] = list(words)[: self._most]
        return made

    def _words(self, rung: tuple[int, ...], key: tuple[str, ...]) -> tuple[list[str], list[int]]:
        """The most frequent words of one place and the running sums of their counts."""
        place = (rung, tuple([key[part] for part in rung]))
        made = self._frequent.get(place)
        if made is None:
            total = self._totals.get(place, Counter())
            frequent = sorted(total.items(), key=lambda item: (-item[1], item[0]))[: self._most]
            made = ([word for word, _ in frequent], list(accumulate(count for _, count in frequent)))
            self._frequent[place] = made
        return made
