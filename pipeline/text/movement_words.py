"""The lexicon of movement: the words and phrases of words/movement.csv in all their forms."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pipeline.text import english, wordlists

NAME = "movement"
_TOKEN = re.compile(r"[a-z]+(?:['’-][a-z]+)*|[,;:.()]")
_VOWELS = "aeiou"

Form = Literal["base", "other", "participle", "plural"]
Phrase = tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """What a word means; `kind` is that of the table, "mark" for punctuation, or "" for a word that is not listed.

    `value` is the class of a verb, the relation of a preposition, or the side of a side word. `part` is the part of the
    body that a noun names, or that a verb moves unless the sentence names another. `place` is the height of a noun.
    """

    text: str
    kind: str
    form: Form = "base"
    value: str = ""
    part: str = ""
    directions: tuple[str, ...] = ()
    manners: tuple[str, ...] = ()
    place: str = ""


def read(text: str) -> Iterator[Entry]:
    """The words of a text, the longest listed phrase first.

    >>> [entry.text for entry in read("He sits down, and waves.") if entry.kind == "verb"]
    ['sits down', 'waves']
    """
    known, longest = _entries()
    tokens = _TOKEN.findall(text.lower())
    start = 0
    while start < len(tokens):
        sizes = range(min(longest, len(tokens) - start), 0, -1)
        size = next((size for size in sizes if tuple(tokens[start : start + size]) in known), 1)
        phrase = tuple(tokens[start : start + size])
        kind = "" if phrase[0][0].isalpha() else "mark"
        yield known.get(phrase, Entry(phrase[0], kind))
        start += size


def values(kind: str, column: str) -> list[str]:
    """All values that a column has for the words of a kind, sorted."""
    return sorted({value for row in wordlists.rows(NAME) if row["kind"] == kind for value in row[column].split()})


@cache
def _entries() -> tuple[dict[Phrase, Entry], int]:
    """The entries by phrase, and the number of words of the longest. Of two rows for a phrase the first counts."""
    entries: dict[Phrase, Entry] = {}
    for row in wordlists.rows(NAME):
        for text, form in _forms(row).items():
            entry = Entry(
                text,
                row["kind"],
                form,
                row["value"],
                row["part"],
                tuple(row["direction"].split()),
                tuple(row["manner"].split()),
                row["place"],
            )
            entries.setdefault(tuple(text.split(" ")), entry)
    return entries, max(map(len, entries))


def _forms(row: dict[str, str]) -> dict[str, Form]:
    """Every form of a row's word."""
    listed = [form for form in row["forms"].split(";") if form]
    word = row["word"]
    if row["kind"] == "part":
        return {word: "base", **{form: "plural" if _is_plural(form) else "base" for form in listed}}
    if row["kind"] != "verb":
        return dict.fromkeys([word, *listed], "base")
    regular: dict[str, Form] = {} if " " in word or "-" in word else _inflected(word)
    return {word: "base", **regular, **dict.fromkeys(listed, "participle")}


def _is_plural(form: str) -> bool:
    return english.is_plural(form.split(" ")[-1]) or form.endswith("feet")


def _inflected(verb: str) -> dict[str, Form]:
    """The regular forms of a verb: -s, -ing, -ed.

    >>> list(_inflected("carry")), list(_inflected("clap"))
    (['carries', 'carrying', 'carried'], ['claps', 'clapping', 'clapped'])
    """
    going = english.participle(verb)
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        third, past = f"{verb[:-1]}ies", f"{verb[:-1]}ied"
    else:
        third = f"{verb}es" if verb.endswith(("ch", "sh", "s", "x", "z", "o")) else f"{verb}s"
        past = f"{verb}d" if verb.endswith("e") else f"{going.removesuffix('ing')}ed"
    return {third: "other", going: "other", past: "participle"}
