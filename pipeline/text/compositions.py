"""Compositions: who does what to whom, and what is how. Some are held out of training, by a hash of their meaning.

A composition is a relation between two nouns, or an attribute of a noun. "A table under a mug" and "a cup on a table"
are the same one. Graphs state their compositions; those of a text are read off its words: a noun phrase ends in a known
noun, and a known relation word stands between two noun phrases ("a man is holding a small red cup").

Texts are read in two ways. In `nearest_reading` the noun before a relation word is its subject and the noun after it
its object. `all_readings` are all that a sentence leaves open, so that nothing held out slips into training: any noun
before may be the subject ("a man in a hat holding a cup"), all nouns up to the next relation word are objects ("a shirt
and a hat"), and a lone attribute may belong to any noun around it. Neither understands passive or inverted sentences
("on the table stands a cup"), pronouns ("it", "he"), or words that are in no corpus and no word list.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pydantic import Field

from pipeline.core.bounded_memo import BoundedMemo
from pipeline.core.params import Params as BaseParams
from pipeline.core.seeds import derived_seed
from pipeline.graphs.scene import SceneGraph
from pipeline.text import wordlists
from pipeline.text.lexicon import Lexicon
from pipeline.text.noun_phrases import Noun, Phrase, Reader, StemIndex

Composition = tuple[str, ...]  # (subject, predicate, object) or (attribute, noun), by what the words mean

_SEEDS = 1 << 63  # different values of derived_seed
_REACH = 16  # nouns before a relation word that may be its subject


class Params(BaseParams):
    """Which compositions are kept out of all training texts and pictures."""

    share: float = Field(ge=0, lt=1)  # of compositions, on average: each is drawn by itself; 0 = none is held out
    seed: int


@dataclass
class CorpusWords:
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
    """Which compositions are held out, and which of them graphs and texts contain."""

    def __init__(self, params: Params, lexicon: Lexicon, words: CorpusWords) -> None:
        self._lexicon = lexicon
        self._bound = params.share * _SEEDS
        self._holds: BoundedMemo[Composition, bool] = BoundedMemo(
            lambda composition: derived_seed(params.seed, "composition", *composition) < self._bound
        )
        self._adjectives = {row["word"]: lexicon.attribute(row["word"]).value for row in wordlists.rows("attributes")}
        self.noun: Callable[[str], Noun] = BoundedMemo(self._make_noun).__getitem__
        meanings = {self.noun(noun).meaning for noun in words.nouns}
        listed = {row["word"] for row in wordlists.rows("nouns")}  # synonyms of what the corpora name
        named = ((noun, self.noun(noun)) for noun in (*sorted(words.nouns), *sorted(listed)))
        nouns = StemIndex((name, noun) for name, noun in named if noun.meaning in meanings)
        wordings = [(word, lexicon.wordings[word]) for word in sorted(words.predicates)]
        predicates = StemIndex(
            (form, lexicon.predicate(word).meaning) for word, wording in wordings if wording for form in (word, wording)
        )
        self._reader = Reader(nouns, _attributes(lexicon, words), predicates)

    def of_graph(self, graph: SceneGraph) -> set[Composition]:
        """The held-out compositions in a graph, whether a caption names them or not."""
        lexicon = self._lexicon
        called = {thing.id: self.noun(lexicon.thing(thing.names, thing.synsets).name) for thing in graph.objects}
        compositions = {
            relation(lexicon, called[edge.subject].meaning, edge.predicate, called[edge.object].meaning)
            for edge in graph.relations
            if lexicon.wordings[edge.predicate]
        }
        for thing in graph.objects:
            values = {lexicon.attribute(word).value for word in thing.attributes}
            values.update(value for name in thing.names for value in self.noun(name).attributes)
            compositions.update((value, called[thing.id].meaning) for value in values)
        return {composition for composition in compositions if self._holds[composition]}

    def of_text(self, text: str) -> set[Composition]:
        """The held-out compositions in the nearest reading of a text."""
        return (
            {composition for composition in self.nearest_reading(text) if self._holds[composition]}
            if self._bound
            else set()
        )

    def may_be_in(self, text: str, *, by_clause: bool = False) -> bool:
        """Whether any reading of a text has a held-out composition; `by_clause` as for `all_readings`."""
        return bool(self._bound) and any(map(self._holds.__getitem__, self.all_readings(text, by_clause=by_clause)))

    def nearest_reading(self, text: str) -> Iterator[Composition]:
        """The compositions of a text's nearest reading."""
        for sentence in self._reader.sentences(text):
            last: str | None = None  # the noun before
            between: list[str] = []  # the relation words since
            for phrase in sentence:
                if phrase.noun is not None:
                    yield from ((attribute, phrase.noun) for attribute in phrase.attributes)
                    if last is not None:
                        yield from (relation(self._lexicon, last, word, phrase.noun) for word in between)
                    last, between = phrase.noun, []
                elif last is not None and not between:
                    yield from ((attribute, last) for attribute in phrase.attributes)  # "the ball is red"
                between += phrase.predicates
                if phrase.stopped:
                    last, between = None, []

    def all_readings(self, text: str, *, by_clause: bool = False) -> Iterator[Composition]:
        """The compositions of all readings of a text, the nearest one included.

        `by_clause`: for captions made of graphs, whose clauses, parted by commas, each have their own subject.
        """
        for sentence in self._reader.sentences(text):
            for part in _clauses(sentence) if by_clause else [sentence]:
                yield from self._related(part)
                yield from _described(part)

    def _related(self, sentence: list[Phrase]) -> Iterator[Composition]:
        """The relations of each noun to all nouns before its relation words."""
        nouns: deque[str] = deque(maxlen=_REACH)
        subjects: list[str] = []
        between: list[str] = []
        has_object = False
        for phrase in sentence:
            if phrase.noun is not None:
                for subject in subjects:
                    yield from (relation(self._lexicon, subject, word, phrase.noun) for word in between)
                nouns.append(phrase.noun)
                has_object = True
            if phrase.predicates:
                between = [*([] if has_object else between), *phrase.predicates]
                subjects, has_object = list(dict.fromkeys(nouns)), False

    def _make_noun(self, name: str) -> Noun:
        """A name as a noun and the attributes that it begins with; but a "hot dog" is no dog."""
        words, noun = name.split(" "), self._lexicon.noun(name)
        size = 0
        values: list[str] = []
        while stops := [stop for stop in range(size + 1, len(words)) if " ".join(words[size:stop]) in self._adjectives]:
            values.append(self._adjectives[" ".join(words[size : stops[-1]])])
            size = stops[-1]
        rest = self._lexicon.noun(" ".join(words[size:])).meaning
        if values and set(words[:size]).isdisjoint(noun.meaning.split(" ")):
            return Noun(noun.meaning, tuple(values))
        return Noun(rest, tuple(values)) if values and rest in noun.general else Noun(noun.meaning, ())


def _attributes(lexicon: Lexicon, words: CorpusWords) -> StemIndex[str]:
    """The attributes of the corpora, by themselves or inside names of things, and their synonyms."""
    listed = {row["word"] for row in wordlists.rows("attributes")}
    inside = {word for noun in words.nouns for word in noun.split(" ")[:-1]} & listed
    values = {lexicon.attribute(word).value for word in words.attributes | inside}
    named = ((word, lexicon.attribute(word).value) for word in sorted(words.attributes | listed))
    return StemIndex((word, value) for word, value in named if value in values)


def _clauses(sentence: list[Phrase]) -> Iterator[list[Phrase]]:
    """The phrases between two stops."""
    clause: list[Phrase] = []
    for phrase in sentence:
        clause.append(phrase)
        if phrase.stopped:
            yield clause
            clause = []


def _described(sentence: list[Phrase]) -> Iterator[Composition]:
    """Attributes of nouns: their own, those before an "and" without an article, and lone ones around them."""
    nouns: deque[str] = deque(maxlen=_REACH)
    alone: list[str] = []  # since the last relation word: "a red, small ball"
    before: list[str] = []
    for phrase in sentence:
        if phrase.noun is not None:
            attributes = [*phrase.attributes, *(before if phrase.joined else [])]
            yield from ((attribute, phrase.noun) for attribute in (*attributes, *alone))
            nouns.append(phrase.noun)
            before = attributes
        else:
            yield from ((attribute, noun) for attribute in phrase.attributes for noun in nouns)
            alone += phrase.attributes
        if phrase.predicates:
            alone = []


_STACKED = ("on", "above", "under")  # a table is under what stands on it


def relation(lexicon: Lexicon, subject: str, predicate: str, object_: str) -> Composition:
    """The composition of a relation, the same whichever way round it is said."""
    claim = lexicon.predicate(predicate)
    if claim.meaning in _STACKED:
        upper, lower = (subject, object_) if claim.meaning != "under" else (object_, subject)
        return upper, "on", lower
    same = [(subject, claim.meaning, object_)]
    if claim.inverse:
        same.append((object_, claim.inverse, subject))
    if claim.mirrored == "yes":
        same.append((object_, claim.meaning, subject))
    return min(same)
