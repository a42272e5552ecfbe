"""What the paths of recordings tell: the class, whoever performs, and whether a clip trains or tests.

A path stands here without its ending, and words that name a sense ("_depth", "Skeleton/") do not count.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.core.errors import ParamsError

EXAMPLE = "a{class}_s{subject}_t{take}_skeleton"
FIELDS = ("class", "subject", "take", "any")

SENSES = {
    "skeleton": ("skeleton", "skeletons", "skel", "joints", "pose", "poses"),
    "depth": ("depth", "depths"),
    "thermal": ("thermal", "ir", "infrared"),
    "video": ("video", "videos", "rgb", "color", "colour"),
}
_SENSE_WORDS = frozenset(word for words in SENSES.values() for word in words) | {"data", "nturgb+d", "inertial"}
_SIDES = {"train": "train", "training": "train", "test": "test", "testing": "test", "val": "test", "validation": "test"}
_WORD = re.compile(r"[^_\-. ]+")
_SUBJECT = re.compile(
    r"(?:^|(?<=[_\-. ]))(?:subject|subj|person|actor|user|participant|s|p)[_-]?(\d{1,6})(?=$|[_\-. ])", re.IGNORECASE
)
_SUBJECT_FOLDER = re.compile(r"(?:subject|subj|person|actor|user|participant|s|p)[_-]?(\d{1,6})", re.IGNORECASE)
_NTU = re.compile(r"S\d{3}C\d{3}P(?P<subject>\d{3})R\d{3}A(?P<label>\d{3})")
_UTD = re.compile(r"a(?P<label>\d{1,3})_s(?P<subject>\d{1,3})_t\d{1,3}")
_THREE = re.compile(r"(?P<label>.+?)_(?P<subject>[^_]+)_(?:take|rep|trial|t|r|e)?\d+", re.IGNORECASE)
_TWO = re.compile(r"(?P<label>.*?[^\W\d_])[_\-. ]*\d+")
_NUMBER = re.compile(r"(?:a|action|act|class|c|label)?[_-]?(\d{1,6})", re.IGNORECASE)
_MOST = 0.9  # of the recordings must be named in a way for it to be theirs


@dataclass(frozen=True)
class Named:
    """What a path says of a clip; what it does not say is empty."""

    label: str
    subject: str = ""
    side: str = ""


@dataclass(frozen=True)
class Naming:
    """A way of naming, and what it says of every path that follows it."""

    title: str
    named: dict[str, Named]


def by_pattern(pattern: str, paths: Sequence[str]) -> Naming:
    """The paths that a pattern with fields in braces fits.

    A pattern without a '/' is of the file's name, any other of the end of the path. Raises ParamsError for a pattern
    that cannot be read, and for one that fits no path.
    """
    expression = _compiled(pattern)
    depth = pattern.count("/") + 1
    named = {}
    for path in paths:
        ends = ("/".join(tried.split("/")[-depth:]) for tried in (path, clip_name(path)))
        match = next(filter(None, map(expression.fullmatch, ends)), None)
        if match:
            groups = match.groupdict()
            named[path] = Named(groups["label"], groups.get("subject") or "", _side(path))
    if not named:
        raise ParamsError(
            f"--pattern {pattern!r} fits none of {len(paths)} recordings, first '{paths[0]}'; leave out the ending of "
            f"files, and write as in '{EXAMPLE}'"
        )
    return Naming(f"pattern {pattern}", named)


def detected(paths: Sequence[str]) -> Naming | None:
    """The first known way in which nearly all paths are named; None if they are named in no such way."""
    for title, reading in KNOWN.items():
        found = {path: named for path in paths if (named := reading(path))}
        labels = {named.label for named in found.values()}
        if len(found) >= _MOST * len(paths) and len(labels) > 1:
            codes = {path: _code(path) for path in found}
            if title != _FOLDERS or _is_one_to_one({path: found[path].label for path in found}, codes):
                return Naming(title, found)
    return None


def clip_name(path: str) -> str:
    """A path without the words that name a sense, so that a clip has one name in all of them.

    >>> clip_name("Depth/a1_s1_t1_depth"), clip_name("wave/anna-skeleton/2"), clip_name("rgb")
    ('a1_s1_t1', 'wave/anna/2', 'rgb')
    """
    parts = []
    for part in path.split("/"):
        words = [match for match in _WORD.finditer(part) if match[0].casefold() not in _SENSE_WORDS]
        if len(words) == len(_WORD.findall(part)):
            parts.append(part)
        elif words:
            parts.append("_".join(match[0] for match in words))
    return "/".join(parts) or path


def sense_word(path: str) -> str | None:
    """The sense that a path names, by the word nearest to its end."""
    for word in reversed(_WORD.findall(path.replace("/", " ").casefold())):
        for sense, words in SENSES.items():
            if word in words:
                return sense
    return None


def number(label: str) -> int | None:
    """The number that a class has in place of a name, as a3 or A003; None for a name."""
    match = _NUMBER.fullmatch(label)
    return int(match[1]) if match else None


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"\{([^{}]*)\}", pattern)
    literals, fields = parts[::2], parts[1::2]
    fault = None
    if any("{" in text or "}" in text for text in literals):
        fault = "a brace is open"
    elif unknown := [field for field in fields if field not in FIELDS]:
        fault = f"there is no field {{{unknown[0]}}}, only {', '.join(f'{{{field}}}' for field in FIELDS)}"
    elif fields.count("class") != 1 or any(fields.count(field) > 1 for field in ("subject", "take")):
        fault = "it needs {class} once, and may say {subject} and {take} once"
    elif "" in literals[1:-1]:
        fault = "two fields touch, so that nothing says where one ends"
    elif ".." in pattern.split("/") or pattern.startswith("/"):
        fault = "it leads out of the folder"
    if fault:
        raise ParamsError(f"--pattern {pattern!r}: {fault}; expected a name without its ending, as '{EXAMPLE}'")
    groups = {"class": "(?P<label>[^/]+?)", "subject": "(?P<subject>[^/]+?)"}
    text = re.escape(literals[0])
    for field, literal in zip(fields, literals[1:], strict=True):
        text += groups.get(field, "[^/]+?") + re.escape(literal)
    return re.compile(text)


def _by_folder(path: str) -> Named | None:
    """The innermost folder that names neither a sense, nor a subject, nor who trains."""
    *folders, stem = clip_name(path).split("/")
    label = next((name for name in reversed(folders) if not _is_about(name)), None)
    return Named(label, _subject(folders, stem), _side(path)) if label else None


def _is_about(folder: str) -> bool:
    word = folder.casefold()
    return word in _SIDES or word in _SENSE_WORDS or bool(_SUBJECT_FOLDER.fullmatch(folder))


def _subject(folders: Sequence[str], stem: str) -> str:
    """The number of whoever performs, as file names or folders tell it; empty if neither does."""
    match = _NTU.match(stem) or _UTD.match(stem)
    if match:
        return str(int(match["subject"]))
    numbers = [_SUBJECT_FOLDER.fullmatch(folder) for folder in reversed(folders)]
    known = _SUBJECT.search(stem) or next(filter(None, numbers), None)
    return str(int(known[1])) if known else ""


def _side(path: str) -> str:
    """Whether a clip trains or tests, where a folder says it."""
    words = [_SIDES.get(folder.casefold(), "") for folder in path.split("/")[:-1]]
    return next(filter(None, reversed(words)), "")


def _by_name(expression: re.Pattern[str]) -> Callable[[str], Named | None]:
    def reading(path: str) -> Named | None:
        *folders, stem = clip_name(path).split("/")
        match = expression.match(stem) if expression is _NTU else expression.fullmatch(stem)
        if not match:
            return None
        subject = match.groupdict().get("subject") or _subject(folders, stem)
        return Named(match["label"], _plain(subject), _side(path))

    return reading


def _plain(subject: str) -> str:
    """The number of a subject such as s1, or the word as it is."""
    match = _SUBJECT_FOLDER.fullmatch(subject)
    number = match[1] if match else subject
    return str(int(number)) if number.isascii() and number.isdecimal() else subject


def _code(path: str) -> str | None:
    """The number of a class that NTU's or UTD's names tell."""
    stem = clip_name(path).split("/")[-1]
    match = _NTU.match(stem) or _UTD.fullmatch(stem)
    return match["label"] if match else None


def _is_one_to_one(labels: dict[str, str], codes: dict[str, str | None]) -> bool:
    """Whether folders are classes: where file names tell classes too, each folder holds one of these."""
    held: dict[str, set[str | None]] = defaultdict(set)
    for path, label in labels.items():
        held[label].add(codes[path])
    return all(len(known) == 1 or known == {None} for known in held.values()) or None in set(codes.values())


_FOLDERS = "folder per class"
# In this order: a folder's name says more than a number.
KNOWN: dict[str, Callable[[str], Named | None]] = {
    _FOLDERS: _by_folder,
    "NTU's names, SsssCcccPpppRrrrAaaa": _by_name(_NTU),
    "UTD's names, aA_sS_tT": _by_name(_UTD),
    "class_subject_take": _by_name(_THREE),
    "class and number": _by_name(_TWO),
}
