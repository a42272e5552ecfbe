"""Word pools: what the corpus says in like places, so that a replaced word is plausible and the negative hard.

Predicates are pooled by what they connect (person -> clothing) and, in Action Genome, by their group; nouns by the
predicate they are subject or object of and by their kind (a shirt is replaced by other clothing that is worn);
attributes by their kind and by what they are said of. The most frequent come first; a pool holds at most `most_words`.
"""

from collections import Counter
from dataclasses import dataclass, field

from pydantic import Field

from pipeline.core.params import Params as BaseParams
from pipeline.graphs.scene import SceneGraph
from pipeline.text.lexicon import Lexicon

_MOST_COUNTED = 1 << 20  # different entries of one statistic; beyond it only words already met are counted


class Params(BaseParams):
    """How large the pools are."""

    most_words: int = Field(ge=1)


Counts = Counter[tuple[str, ...]]


@dataclass
class Statistics:
    """Counts over a corpus, the same in whatever order its graphs come (below `_MOST_COUNTED`)."""

    lexicon: Lexicon
    predicates: Counts = field(default_factory=Counter)  # (kind of subject, kind of object, group, predicate)
    nouns: Counts = field(default_factory=Counter)  # (side, meaning of the predicate, kind of the noun, noun)
    attributes: Counts = field(default_factory=Counter)  # (kind of the attribute, kind of the noun, attribute)

    def add(self, graph: SceneGraph) -> None:
        """Count one graph."""
        lexicon = self.lexicon
        things = {thing.id: lexicon.thing(thing.names, thing.synsets) for thing in graph.objects}
        predicates: list[tuple[str, ...]] = []
        nouns: list[tuple[str, ...]] = []
        for edge in graph.relations:
            about = lexicon.predicate(edge.predicate)
            if about.said:
                one, other = things[edge.subject], things[edge.object]
                predicates.append((one.kind, other.kind, edge.group, edge.predicate))
                nouns.append(("subject", about.meaning, one.kind, one.name))
                nouns.append(("object", about.meaning, other.kind, other.name))
        attributes: list[tuple[str, ...]] = []
        for thing in graph.objects:
            for word in thing.attributes:
                kind = lexicon.attribute(word).kind
                if kind:
                    attributes.append((kind, things[thing.id].kind, word))
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


class Pools:
    """The words to choose from, read from a corpus's statistics."""

    def __init__(self, statistics: Statistics, params: Params) -> None:
        most = params.most_words
        self._predicates = _Ladder(statistics.predicates, ((0, 1, 2), (1, 2), (2,)), most)
        self._nouns = _Ladder(statistics.nouns, ((0, 1, 2), (0, 2), (0, 1), ()), most)
        self._attributes = _Ladder(statistics.attributes, ((0, 1), (0,)), most)

    def predicates(self, subject_kind: str, object_kind: str, group: str) -> list[str]:
        """Predicates between such things, else to such objects, else any; always of the same group."""
        return self._predicates.words((subject_kind, object_kind, group))

    def nouns(self, side: str, predicate_meaning: str, noun_kind: str) -> list[str]:
        """Nouns of one kind on one side ("subject", "object") of a predicate, else of that kind or side, else any."""
        return self._nouns.words((side, predicate_meaning, noun_kind))

    def attributes(self, attribute_kind: str, noun_kind: str) -> list[str]:
        """Attributes of one kind said of such things, else of anything."""
        return self._attributes.words((attribute_kind, noun_kind))


_FEW = 6  # a pool of fewer words is topped up from the next wider one


class _Ladder:
    """Words under ever wider keys. A rung is the places of the narrowest key that stay; the last place is the word."""

    def __init__(self, counts: Counts, rungs: tuple[tuple[int, ...], ...], most: int) -> None:
        self._rungs = rungs
        self._most = most
        self._made: dict[tuple[str, ...], list[str]] = {}
        self._totals: dict[tuple[tuple[int, ...], tuple[str, ...]], Counter[str]] = {}
        for key, count in counts.items():
            for rung in rungs:
                total = self._totals.setdefault((rung, tuple(key[place] for place in rung)), Counter())
                total[key[-1]] += count

    def words(self, key: tuple[str, ...]) -> list[str]:
        """The most frequent words under the narrowest rungs that have a few of them; ties by alphabet."""
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._make(key)
        return made

    def _make(self, key: tuple[str, ...]) -> list[str]:
        words: dict[str, None] = {}
        for rung in self._rungs:
            total = self._totals.get((rung, tuple(key[place] for place in rung)), Counter())
            frequent = sorted(total.items(), key=lambda item: (-item[1], item[0]))
            words.update(dict.fromkeys(word for word, _ in frequent[: self._most]))
            if len(words) >= min(_FEW, self._most):
                break
        return list(words)[: self._most]
