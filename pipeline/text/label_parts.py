"""Verb and noun of class names: "drink water" is "drink" and "water".

A rule reads them off the name, with the words of words/label_words.csv. The table words/labels.csv gives them for names
that the rule cannot read or reads wrongly, and for names without a noun ("jump up": the body).

The rule: brackets are dropped, and "/", "and", "or" and commas split the name into parts. A part's verb is its first
word if that is a verb, else its last ("hand waving"), with the particle of a phrasal verb. Its noun is what follows up
to a preposition, else what follows the preposition, else what precedes the verb. Articles, sides and pronouns are left
out.

SynSE's released tables (skelemoa/synse-zsl) hold one verb and one noun for every class of NTU, and do not say where the
nouns of labels without one come from. Here such a noun is what the action is done with: a part of the body, or a thing.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from pipeline.core.errors import DataError
from pipeline.datasets.shared import normalised
from pipeline.text import english, wordlists
from pipeline.text.prompts import NAME, OURS, PARTS_OF_LABELS, Text

_BRACKETS = re.compile(r"\([^)]*\)")
_BETWEEN = re.compile(r"\s*[/,;&]\s*|\s+and\s+|\s+or\s+")
_POSSESSIVE = ("'s", "’s")


class Parts(NamedTuple):
    """The verbs and the nouns of one name, each once, in order."""

    verb: tuple[str, ...]
    noun: tuple[str, ...]


def read(name: str) -> Parts:
    """The verbs and nouns that the rule reads off a class name; either may be empty.

    >>> read("drink water"), read("hand waving").verb, read("put on a hat/cap").noun
    (Parts(verb=('drink',), noun=('water',)), ('wave',), ('hat', 'cap'))
    """
    verbs, nouns = [], []
    for clause in _BETWEEN.split(_BRACKETS.sub(" ", normalised(name))):
        verb, noun = _clause(clause.split())
        verbs += [verb] if verb else []
        nouns += [noun] if noun else []
    return Parts(tuple(dict.fromkeys(verbs)), tuple(dict.fromkeys(nouns)) if verbs else ())


def texts(type_: str, names: Sequence[str], written: Sequence[Text], where: str, remedy: str) -> list[Text]:
    """The `verb` or `noun` texts of every class: those `written`, else those shipped for its name, else the rule's.

    Raises DataError for a class without any: `where` begins the message, `remedy` says where to write one.
    """
    all_texts = list(written)
    described = {text.class_id for text in written}
    for class_id, name in enumerate(names):
        if class_id in described:
            continue
        ours = _shipped().get(normalised(name), {}).get(type_, ())
        words = ours or getattr(read(name), type_)
        if not words:
            raise DataError(f"{where}: no {type_} is known for class {class_id} '{name}'; write it {remedy}")
        origin = OURS if ours else NAME
        all_texts += [Text(class_id, type_, index, word, origin) for index, word in enumerate(words)]
    return all_texts


def base(word: str) -> str | None:
    """The base form of a listed verb as labels have it ("waving", "kicks", "kick"); None for any other word."""
    return _forms().get(word)


@cache
def _words(kind: str) -> frozenset[str]:
    return wordlists.groups("label_words", "word", by="kind")[kind]


@cache
def _forms() -> dict[str, str]:
    """The base form of every form."""
    bases = sorted(_words("verb"))
    ends = {f"{verb}es" if verb.endswith(("s", "sh", "ch", "x")) else f"{verb}s": verb for verb in bases}
    return ends | {english.participle(verb): verb for verb in bases} | {verb: verb for verb in bases}


@cache
def _shipped() -> dict[str, dict[str, tuple[str, ...]]]:
    """The rows of words/labels.csv, by name and type."""
    by_name: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in wordlists.rows("labels"):
        of_name = by_name.setdefault(row["name"], {})
        for type_ in sorted(PARTS_OF_LABELS):
            of_name[type_] = (*of_name.get(type_, ()), *([row[type_]] if row[type_] else []))
    return by_name


def _is_participle(verb: str) -> bool:
    return verb.endswith("ing") and base(verb) != verb


def _clause(words: list[str]) -> tuple[str | None, str]:
    """Verb and noun of a part of a name; a part without a verb is a noun."""
    if not words:
        return None, ""
    first, last = base(words[0]), base(words[-1])
    if first and not (last and _is_participle(words[-1]) and not _is_participle(words[0])):
        phrasal = " ".join([first, *words[1:2]])
        return (phrasal, _noun(words[2:])) if phrasal in _words("phrasal") else (first, _noun(words[1:]))
    return (last, _noun(words[:-1])) if last else (None, _noun(words))


def _noun(words: list[str]) -> str:
    """The first words between prepositions that are no fillers."""
    nouns: list[str] = []
    for word in words:
        if word in _words("preposition"):
            if nouns:
                break
        elif word not in _words("filler") and not word.endswith(_POSSESSIVE):
            nouns.append(word)
    return " ".join(nouns)
