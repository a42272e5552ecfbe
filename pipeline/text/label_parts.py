"""Verb and noun of class names: "drink water" is to "drink", "water".

A rule reads them off the name, with the words of words/label_words.csv; words/labels.csv says them of names that the
rule cannot read, or reads wrongly, and of such as have no noun ("jump up": the body).

The rule: what stands in brackets goes, and "/", "and", "or" and commas part the name. A part's verb is its first word
where that is one, else its last ("hand waving"), with the particle of a phrasal verb; its noun is what follows up to a
preposition, else what follows that one, else what precedes the verb. Articles, sides and pronouns are left out.

SynSE's released tables (skelemoa/synse-zsl) hold one verb and one noun for every class of NTU; how labels without a
noun came by theirs is not said there. Here it is what the action is done with: a part of the body, or a thing.
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
    """The verbs and the nouns of one name, each once, as they come."""

    verb: tuple[str, ...]
    noun: tuple[str, ...]


def read(name: str) -> Parts:
    """What the rule reads off a class name; a part may be empty.

    >>> read("drink water"), read("hand waving").verb, read("put on a hat/cap").noun
    (Parts(verb=('drink',), noun=('water',)), ('wave',), ('hat', 'cap'))
    """
    verbs, nouns = [], []
    for clause in _BETWEEN.split(_BRACKETS.sub(" ", normalised(name))):
        verb, noun = _clause(clause.split())
        verbs += [verb] if verb else []
        nouns += [noun] if noun else []
    return Parts(tuple(dict.fromkeys(verbs)), tuple(dict.fromkeys(nouns)) if verbs else ())


def texts(type_: str, names: Sequence[str], given: Sequence[Text], where: str, written: str) -> list[Text]:
    """The `verb` or `noun` texts of every class: those given, else what ships for its name, else what the rule reads.

    Raises DataError for a class without; `where` begins the message and `written` says where one is to be written.
    """
    found = list(given)
    told = {text.class_id for text in given}
    for class_id, name in enumerate(names):
        if class_id in told:
            continue
        ours = _shipped().get(normalised(name), {}).get(type_, ())
        words = ours or getattr(read(name), type_)
        if not words:
            raise DataError(f"{where}: no {type_} is known for class {class_id} '{name}'; write it {written}")
        origin = OURS if ours else NAME
        found += [Text(class_id, type_, index, word, origin) for index, word in enumerate(words)]
    return found


def base(word: str) -> str | None:
    """The base form of a verb that the list knows, as it stands in labels: "waving", "kicks", "kick"; else None."""
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
    """What words/labels.csv says of names, by name and type."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in wordlists.rows("labels"):
        of_name = found.setdefault(row["name"], {})
        for type_ in sorted(PARTS_OF_LABELS):
            of_name[type_] = (*of_name.get(type_, ()), *([row[type_]] if row[type_] else []))
    return found


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
    """The first words between prepositions that say something."""
    found: list[str] = []
    for word in words:
        if word in _words("preposition"):
            if found:
                break
        elif word not in _words("filler") and not word.endswith(_POSSESSIVE):
            found.append(word)
    return " ".join(found)
