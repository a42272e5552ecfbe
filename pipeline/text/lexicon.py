"""What the words of scene graphs mean: which mean the same, which exclude each other, which may both be true.

Built from the word lists in words/ and from the alias files of a corpus. Everything is a function of one word, so
results are remembered: corpora repeat a few thousand words a million times.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from pipeline.core.bounded_memo import MAX_REMEMBERED, BoundedMemo
from pipeline.formats.wordnet import WordNet
from pipeline.text import english, wordlists
from pipeline.text.predicates import Predicates, both_ways, merged


class Noun(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A name of things. `meaning` is the same for synonyms; `general` holds it and all that it is a kind of."""

    meaning: str
    general: frozenset[str]
    wide: frozenset[str]  # these, and what other annotators call such a thing: a stove is an oven
    kind: str  # the most general of them: "person", "clothing"; for an unlisted word its meaning
    wholes: frozenset[str]  # what has such a thing without being said to: people wear shirts and have arms


class Attribute(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An attribute. Two of one `kind` ("colour") exclude each other unless their `value` is the same; "" = unlisted."""

    kind: str
    value: str
    order: int  # place among adjectives: "tall brick building", not "brick tall building"
    meaning: tuple[str, str]  # kind and value: the same for synonyms


class Thing(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What an object is, by all its names and synsets."""

    name: str  # what it is called: the first name, or the first that is listed ("outlets", not "pluged")
    kind: str  # the most general name, by its synset where its own name is in no list
    meanings: frozenset[str]
    wide: frozenset[str]  # the meanings, all that they are a kind of, and what other annotators call such a thing
    living: bool  # a person or an animal


_SENSES = 3  # of a name: the commonest ones


class Traits(msgspec.Struct, frozen=True, eq=False, gc=False):
    """The recorded attributes of an object: their meanings, and the kinds of which there is any."""

    meanings: frozenset[tuple[str, str]]  # also of those inside its name ("white top")
    kinds: frozenset[str]


_LIVING = ("person", "animal")
_ADJECTIVES = ("size", "age", "hardness", "shape", "state", "pattern", "", "colour", "material")


class Lexicon:
    """The words of one corpus; `noun_aliases` and `predicate_aliases` are its groups of synonyms.

    With WordNet, a thing may also be called by the hypernyms of its synset, or of the commonest senses of its name.
    """

    def __init__(
        self,
        noun_aliases: Iterable[Sequence[str]] = (),
        predicate_aliases: Iterable[Sequence[str]] = (),
        wordnet: WordNet | None = None,
    ) -> None:
        self._wordnet = wordnet
        nouns = wordlists.rows("nouns")
        self._broader = {row["word"]: row["broader"].split(";") if row["broader"] else [] for row in nouns}
        self._noun_meaning = merged({row["word"]: row["same_as"] or row["word"] for row in nouns}, noun_aliases)
        self._may_be = both_ways({row["word"]: row["may_be"] for row in nouns})
        self._wholes = wordlists.groups("parts", "whole", by="part")
        predicates = Predicates(predicate_aliases)
        self.predicate = predicates.of
        self.wordings: Mapping[str, str] = BoundedMemo(self._wording)  # predicate -> how captions put it, or ""
        self.compare = predicates.compare
        self.is_informative = predicates.is_informative
        self._attributes = {row["word"]: row for row in wordlists.rows("attributes")}
        # Each remembers the words it was asked for.
        self.noun: Callable[[str], Noun] = BoundedMemo(self._make_noun).__getitem__
        self.attribute: Callable[[str], Attribute] = BoundedMemo(self._make_attribute).__getitem__
        self.traits: Callable[[tuple[tuple[str, ...], tuple[str, ...]]], Traits] = BoundedMemo(
            self._make_traits
        ).__getitem__
        self.thing: Callable[[tuple[str, ...], tuple[str, ...]], Thing] = lru_cache(MAX_REMEMBERED)(self._make_thing)

    def knows(self, word: str) -> bool:
        """Whether a name, in the singular or plural, is in the word lists or aliases."""
        return any(form in self._noun_meaning for form in (word, *_singulars(word)))

    def values(self, kind: str) -> list[str]:
        """The values of an attribute kind, sorted."""
        return sorted({row["value"] for row in self._attributes.values() if row["kind"] == kind})

    def _wording(self, predicate: str) -> str:
        return self.predicate(predicate).wording

    def _make_thing(self, names: tuple[str, ...], synsets: tuple[str, ...]) -> Thing:
        """What an object of these names and synsets ("gym_shoe.n.01") is."""
        lemmas = [synset.split(".", 1)[0].replace("_", " ") for synset in synsets]
        above = [self._listed_above(word, _sense(synset)) for word, synset in zip(lemmas, synsets, strict=True)]
        nouns = [self.noun(word) for word in (*names, *lemmas)]
        name = next((word for word in names if self.knows(word)), names[0])
        listed = [word for word in (*names, *lemmas) if self.knows(word)]
        return Thing(
            name,
            self.noun(listed[0] if listed else name).kind,
            frozenset(noun.meaning for noun in nouns),
            frozenset().union(*(noun.wide for noun in nouns), *above),
            any(noun.kind in _LIVING for noun in nouns),
        )

    def _make_noun(self, word: str) -> Noun:
        """What a name means: as listed, else by its last word ("parking meter" is a meter), singular or plural."""
        meaning = listed = self._meaning_of(word)
        general = {meaning}
        head = english.head(meaning)
        if meaning not in self._broader and head != meaning:
            listed = self.noun(head).meaning
            general |= self.noun(head).general
        todo = list(general)
        while todo:
            for broader in self._broader.get(todo.pop(), ()):
                name = self._noun_meaning.get(broader, broader)
                if name not in general:
                    general.add(name)
                    todo.append(name)
        roots = sorted(name for name in general if name != meaning and not self._broader.get(name))
        wide = frozenset(general).union(self._may_be.get(listed, ()), self._listed_above(word, slice(_SENSES)))
        kind = roots[0] if roots else head
        wholes = self._wholes.get(listed, frozenset()) | self._wholes.get(kind, frozenset())
        return Noun(meaning, frozenset(general), wide, kind, wholes)

    def _listed_above(self, word: str, senses: slice) -> frozenset[str]:
        """WordNet's names for these senses of a word and for all their hypernyms."""
        if self._wordnet is None:
            return frozenset()
        of_forms = (self._wordnet.names(form, senses) for form in (word, *_singulars(word)))
        return next(filter(None, of_forms), frozenset())

    def _meaning_of(self, word: str) -> str:
        forms = [word, *_singulars(word)]
        for form in forms:
            if form in self._noun_meaning:
                return self._noun_meaning[form]
        listed = [form for form in forms[1:] if form.rsplit(" ", 1)[-1] in self._noun_meaning]
        return (listed or forms[1:] or forms)[0]

    def _make_attribute(self, word: str) -> Attribute:
        """What an attribute means; unlisted ones have no kind, so nothing is known to exclude them."""
        row = self._attributes.get(word) or self._attributes.get(word.removeprefix("very "))
        kind, value = (row["kind"], row["value"]) if row else ("", word)
        return Attribute(kind, value, _ADJECTIVES.index(kind.split(".")[0]), (kind, value))

    def _make_traits(self, described: tuple[tuple[str, ...], tuple[str, ...]]) -> Traits:
        """The traits of an object by its names and attributes."""
        names, attributes = described
        recorded = [self.attribute(word) for word in attributes]
        inside = [self.attribute(word) for name in names for word in name.split()[:-1]]
        meanings = frozenset(attribute.meaning for attribute in recorded + inside)
        return Traits(meanings, frozenset(attribute.kind for attribute in recorded))


def _sense(synset: str) -> slice:
    """The sense that a synset's name counts: the second one of "mouse.n.02"."""
    number = synset.rsplit(".", 1)[-1]
    sense = int(number) if number.isdecimal() and len(number) < 4 else 0
    return slice(sense - 1, sense) if sense else slice(_SENSES)


def _singulars(word: str) -> list[str]:
    """The singulars that a plural may come from, the likeliest first; none for a singular."""
    if not english.is_plural(word.rsplit(" ", 1)[-1]):
        return []
    if word.endswith("ies"):
        return [f"{word[:-3]}y", word[:-1]]
    if word.endswith(("ches", "shes", "sses", "xes")):
        return [word[:-2], word[:-1]]
    if word.endswith("ses"):
        return [word[:-1], word[:-2]]  # houses, buses
    return [word[:-1]] if word.endswith("s") else []


def of_corpus(meta: Mapping[str, Any], wordnet: WordNet | None = None) -> Lexicon:
    """The lexicon of a corpus: the word lists with its aliases, which the metadata of its graph table hold."""
    aliases = meta["aliases"]
    return Lexicon(aliases.get("nouns", ()), aliases.get("predicates", ()), wordnet)
