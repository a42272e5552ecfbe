"""What both corpora need: a graph with its origin and what was left out of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.graphs.scene import SceneGraph


@dataclass
class Reading:
    """One image or frame of a corpus. `graph` is None where `reason` says why the whole of it is rejected."""

    image_id: str
    graph: SceneGraph | None
    reason: str | None = None
    faults: list[str] = field(default_factory=list)  # "reason: detail" of everything left out of the graph
    image: str | None = None  # picture file, relative to the source folder
    subset: str | None = None  # train | test
    crop_xywh: tuple[int, int, int, int] | None = None


def clean(text: str) -> str:
    """Lower case, single spaces, no stop at the end.

    >>> clean(' Lit  "WALK" sign. ')
    'lit "walk" sign'
    """
    return _CLEANED.get(text) or _clean(text)


def clean_all(words: Sequence[str]) -> tuple[str, ...]:
    """The words that are left of some, cleaned, each once, in their order."""
    if len(words) == 1:
        return _ALONE.get(words[0]) or _alone(words[0])
    if not words:
        return ()
    plain = dict.fromkeys(map(clean, words))
    plain.pop("", None)
    return tuple(plain)


_END = re.compile(r"[.,;:!? ]+$")
_CLEANED: dict[str, str] = {}
_ALONE: dict[str, tuple[str, ...]] = {}  # most names and attributes stand alone
_MOST_CLEANED = 1 << 18  # words repeat; a file of ever new ones must not fill the memory


def _clean(text: str) -> str:
    plain = _END.sub("", " ".join(text.replace("\x00", " ").lower().split()))
    if len(_CLEANED) < _MOST_CLEANED:
        _CLEANED[text] = plain
    return plain


def _alone(text: str) -> tuple[str, ...]:
    plain = clean(text)
    words = (plain,) if plain else ()
    if len(_ALONE) < _MOST_CLEANED:
        _ALONE[text] = words
    return words
