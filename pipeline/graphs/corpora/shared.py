"""What both corpora need: a graph with its origin and what was left out of it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.core.bounded_memo import BoundedMemo
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
    phrase: str | None = None  # what the annotators said of a region
    coco_id: int | None = None
    video: str | None = None
    frame: int | None = None


def clean(text: str) -> str:
    """Lower case, single spaces, no stop at the end.

    >>> clean(' Lit  "WALK" sign. ')
    'lit "walk" sign'
    """
    return _CLEANED[text]


def clean_all(words: Sequence[str]) -> tuple[str, ...]:
    """The words, cleaned, without duplicates and empty ones, in their order."""
    if len(words) == 1:
        return _ALONE[words[0]]
    if not words:
        return ()
    plain = dict.fromkeys(map(clean, words))
    plain.pop("", None)
    return tuple(plain)


_END = re.compile(r"[.,;:!? ]+$")


def _clean(text: str) -> str:
    return _END.sub("", " ".join(text.replace("\x00", " ").lower().split()))


def _alone(text: str) -> tuple[str, ...]:
    plain = clean(text)
    return (plain,) if plain else ()


_CLEANED = BoundedMemo(_clean)
_ALONE = BoundedMemo(_alone)  # most names and attributes stand alone
