"""Class names as datasets spell them ("ApplyEyeMakeup", "brush_hair", "hurling (sport)") -> lower-case words."""

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.core import outside
from pipeline.core.errors import DataError

# What carries no action; the list of the E2E protocol (Brattoli et al., 2020).
STOP_WORDS = frozenset(["a", "the", "of", "and", "at", "on", "in", "an", "or", "do", "using", "with"])

_MAX_BYTES = 1 << 20
_EXCEPTION = re.compile(r"\(not\b.*", re.IGNORECASE | re.DOTALL)  # "(not on bike)" names what the class is not
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_LETTERS = re.compile(r"[^\W_]+")


def words(name: str) -> tuple[str, ...]:
    """The words of a class name, lower-cased, in order; text from "(not" on is dropped.

    >>> words("ApplyEyeMakeup"), words("changing wheel (not on bike)"), words("BMX")
    (('apply', 'eye', 'makeup'), ('changing', 'wheel'), ('bmx',))
    """
    return tuple(_WORD.findall(_HUMP.sub(" ", _EXCEPTION.sub("", name)).lower()))


def content_words(name: str) -> tuple[str, ...]:
    """The words without stop words; all of them if nothing else were left."""
    every = words(name)
    return tuple(word for word in every if word not in STOP_WORDS) or every


def stem(word: str) -> str:
    """A word without its inflection, good enough to compare names (the first step of Porter's rules, 1980).

    >>> [stem(word) for word in ("riding", "ride", "rides", "swimming", "baby", "babies", "sing")]
    ['rid', 'rid', 'rid', 'swim', 'babi', 'babi', 'sing']
    """
    if word.endswith("ies"):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us")) and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and re.search("[aeiouy]", word[: -len(ending)]):
            word = word[: -len(ending)]
            if len(word) > 2 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    if word.endswith("y") and len(word) > 2:
        word = word[:-1] + "i"
    return word[:-1] if word.endswith("e") and len(word) > 2 else word


def read_names(path: Path) -> list[str]:
    """The names of a text file, one a line. Raises for an unreadable file, an empty line, a name given twice."""
    if not path.exists():
        raise DataError(f"{path}: no such file; expected a list of class names, one a line")
    names = outside.text(path, _MAX_BYTES, "a list of class names, one a line", "utf-8-sig").splitlines()
    check_names(names, str(path))
    return names


def check_names(names: Sequence[str], where: str) -> None:
    """Raise DataError for no names, one without words, or two that are the same apart from their spelling."""
    if not names:
        raise DataError(f"{where}: no class names in it")
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        plain = " ".join(_WORD.findall(_HUMP.sub(" ", name).lower()))  # with "(not ...)", which tells classes apart
        if not plain:
            raise DataError(f"{where}: line {number}: {name!r} is no class name")
        if plain in first:
            raise DataError(f"{where}: lines {first[plain]} and {number} name the same class {name!r}")
        first[plain] = number


def spelling(name: str) -> str:
    """What all spellings of a class name share: its letters and digits.

    >>> spelling("ApplyEyeMakeup") == spelling("apply eye_makeup")
    True
    """
    return "".join(_LETTERS.findall(name.casefold()))
