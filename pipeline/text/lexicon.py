"""What the words of scene graphs mean: which say the same, which exclude each other, which may both be true.

Built from the word lists in words/ and from the alias files of a corpus. Everything is a function of one word, so
results are kept: corpora repeat a few thousand words a million times.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import msgspec

from pipeline.core.kept import MOST_KEPT, Kept
from pipeline.text import english, wordlists


class Noun(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A name of things. `meaning` is the same for synonyms; `general` holds it and all it is a kind of."""

    meaning: str
    general: frozenset[str]
    kind: str  # the most general of them: "person", "clothing"; for an unlisted word its meaning


class Predicate(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A relation word. `also` holds the meanings that may be true of the same pair together with it."""

    meaning: str
    said: str  # "" where nothing can be said with it
    also: frozenset[str]
    inverse_also: frozenset[str]  # the same for its inverse, read from object to subject
    mirrored: bool  # true both ways round, or may be
    placing: bool  # says only where: true of many pairs of which no annotator says it


class Attribute(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An attribute. Two of one `kind` ("colour") exclude each other unless their `value` is the same; "" = unlisted."""

    kind: str
    value: str
    order: int  # place among adjectives: "tall brick building", not "brick tall building"
    meaning: tuple[str, str]  # kind and value: the same for attributes that say the same


class Thing(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What an object is by all its names and synsets."""

    name: str  # what it is called: the first name, or the first that is listed ("outlets", not "pluged")
    kind: str  # the most general name, by its synset where its own name is in no list
    meanings: frozenset[str]
    general: frozenset[str]  # the meanings and all they are a kind of
    sorts: frozenset[str]  # what other names may refer to it by: its meanings; for people any is "a person"


_ADJECTIVES = ("size", "age", "hardness", "shape", "state", "pattern", "", "colour", "material")


class Lexicon:
    """Words of one corpus; `noun_aliases` and `predicate_aliases` are its groups of names that mean the same."""

    def __init__(
        self, noun_aliases: Iterable[Sequence[str]] = (), predicate_aliases: Iterable[Sequence[str]] = ()
    ) -> None:
        nouns = wordlists.rows("nouns")
        self._broader = {row["word"]: row["broader"].split(";") if row["broader"] else [] for row in nouns}
        self._noun_meaning = _merged({row["word"]: row["same_as"] or row["word"] for row in nouns}, noun_aliases)
        predicates = wordlists.rows("predicates")
        self._predicate_meaning = _merged({row["word"]: row["meaning"] for row in predicates}, predicate_aliases)
        self._said_as = {row["word"]: row["said_as"] for row in predicates if row["said_as"]}
        self._facts = _PredicateFacts([row for row in predicates if row["word"] == row["meaning"]])
        self._attributes = {row["word"]: row for row in wordlists.rows("attributes")}
        # What a word means; kept for words met before.
        self.noun: Callable[[str], Noun] = Kept(self._make_noun).__getitem__
        self.predicate: Callable[[str], Predicate] = Kept(self._make_predicate).__getitem__
        self.attribute: Callable[[str], Attribute] = Kept(self._make_attribute).__getitem__
        self.thing: Callable[[tuple[str, ...], tuple[str, ...]], Thing] = lru_cache(MOST_KEPT)(self._make_thing)

    def knows(self, word: str) -> bool:
        """Whether a name, in the singular or plural, is in the word lists or aliases."""
        return any(form in self._noun_meaning for form in (word, *_singulars(word)))

    def values(self, kind: str) -> list[str]:
        """One word for every value of an attribute kind, sorted."""
        return sorted({row["value"] for row in self._attributes.values() if row["kind"] == kind})

    def _make_thing(self, names: tuple[str, ...], synsets: tuple[str, ...]) -> Thing:
        """What an object of these names and synsets ("gym_shoe.n.01") is."""
        lemmas = [synset.split(".", 1)[0].replace("_", " ") for synset in synsets]
        nouns = [self.noun(word) for word in (*names, *lemmas)]
        name = next((word for word in names if self.knows(word)), names[0])
        listed = [word for word in (*names, *lemmas) if self.knows(word)]
        return Thing(
            name,
            self.noun(listed[0] if listed else name).kind,
            frozenset(noun.meaning for noun in nouns),
            frozenset().union(*(noun.general for noun in nouns)),
            frozenset("person" if noun.kind == "person" else noun.meaning for noun in nouns),
        )

    def _make_noun(self, word: str) -> Noun:
        """What a name means: as listed, else by its last word ("parking meter" is a meter), singular or plural."""
        meaning = self._meaning_of(word)
        general = {meaning}
        if meaning not in self._broader:
            head = english.head(meaning)
            general |= set() if head == meaning else self.noun(head).general
        todo = list(general)
        while todo:
            for broader in self._broader.get(todo.pop(), ()):
                wide = self._noun_meaning.get(broader, broader)
                if wide not in general:
                    general.add(wide)
                    todo.append(wide)
        roots = sorted(name for name in general if name != meaning and not self._broader.get(name))
        return Noun(meaning, frozenset(general), roots[0] if roots else english.head(meaning))

    def _meaning_of(self, word: str) -> str:
        forms = [word, *_singulars(word)]
        for form in forms:
            if form in self._noun_meaning:
                return self._noun_meaning[form]
        listed = [form for form in forms[1:] if form.rsplit(" ", 1)[-1] in self._noun_meaning]
        return (listed or forms[1:] or forms)[0]

    def _make_predicate(self, word: str) -> Predicate:
        """What a predicate means: as listed, else by how it is said and by the preposition it ends in."""
        said = self._said_as.get(word) or english.said(word)
        known = self._predicate_meaning.get(word) or self._predicate_meaning.get(said)
        meaning = known or said or word
        tail = "" if known else next((t for t in _tails(meaning) if t in self._predicate_meaning), "")
        ending = self._predicate_meaning.get(tail)
        also = self._facts.also(meaning) | (self._facts.also(ending) if ending else frozenset())
        inverse = self._facts.inverse.get(meaning) or (self._facts.inverse.get(ending) if ending else None)
        inverse_also = self._facts.also(inverse) if inverse else frozenset[str]()
        mirrored = meaning in self._facts.mirrored or (ending in self._facts.mirrored)
        placing = meaning in self._facts.placing or (ending in self._facts.placing)
        return Predicate(meaning, said, also | {meaning}, inverse_also, mirrored, placing)

    def _make_attribute(self, word: str) -> Attribute:
        """What an attribute means; unlisted ones have no kind, so nothing is known to exclude them."""
        row = self._attributes.get(word) or self._attributes.get(word.removeprefix("very "))
        kind, value = (row["kind"], row["value"]) if row else ("", word)
        return Attribute(kind, value, _ADJECTIVES.index(kind.split(".")[0]), (kind, value))


class _PredicateFacts:
    """The listed facts by meaning, closed: what may hold together does so both ways."""

    def __init__(self, rows: Sequence[dict[str, str]]) -> None:
        self.inverse = {row["meaning"]: row["inverse"] for row in rows if row["inverse"]}
        self.mirrored = {row["meaning"] for row in rows if row["mirrored"] == "yes"}
        self.placing = {row["meaning"] for row in rows if row["placing"] == "yes"}
        self._also: dict[str, set[str]] = {row["meaning"]: {row["meaning"]} for row in rows}
        for row in rows:
            for other in filter(None, row["may_also"].split(";")):
                self._also[row["meaning"]].add(other)
                self._also[other].add(row["meaning"])
        postures = [row["meaning"] for row in rows if row["posture"] == "yes"]
        for meaning in postures:  # one cannot sit and stand at once; standing on and standing at go together
            verb = meaning.split()[0]
            self._also[meaning] -= {other for other in postures if other.split()[0] != verb}
            self._also[meaning] |= {other for other in postures if other.split()[0] == verb}

    def also(self, meaning: str) -> frozenset[str]:
        return frozenset(self._also.get(meaning, ()))


def _merged(meanings: dict[str, str], aliases: Iterable[Sequence[str]]) -> dict[str, str]:
    """The word lists with a corpus's aliases: a group means what its first listed member means, else its first."""
    merged = dict(meanings)
    for group in aliases:
        words = [word.strip().lower() for word in group]
        meaning = next((merged[word] for word in words if word in merged), words[0])
        for word in words:
            merged.setdefault(word, meaning)
    return merged


def _singulars(word: str) -> list[str]:
    """The forms a plural may come from, the likeliest first; none for a singular."""
    if not english.is_plural(word.rsplit(" ", 1)[-1]):
        return []
    if word.endswith("ies"):
        return [f"{word[:-3]}y", word[:-1]]
    if word.endswith(("ches", "shes", "sses", "xes")):
        return [word[:-2], word[:-1]]
    if word.endswith("ses"):
        return [word[:-1], word[:-2]]  # houses, buses
    return [word[:-1]] if word.endswith("s") else []


def _tails(phrase: str) -> list[str]:
    words = phrase.split()
    return [" ".join(words[start:]) for start in range(1, len(words))]
