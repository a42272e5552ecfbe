"""Files of others that ask: a picture, what is true of it, and what is not.

  aro           ARO's visual_genome_relation.json and visual_genome_attribution.json: a list of {"image_path",
                "true_caption", "false_caption", "bbox_x", "bbox_y", "bbox_w", "bbox_h", "relation_name" | "attributes"}
  sugarcrepe    SugarCrepe's <rule>.json: {"0": {"filename", "caption", "negative_caption"}}, or a list of such
  vl_checklist  VL-CheckList's files: a list of [picture, {"POS": [texts], "NEG": [texts]}]
  csv, jsonl    a row or line each: image, caption, false_caption (in JSON one or a list), and `rule` if there is one

(mertyg/vision-language-models-are-bows, RAIVNLab/sugar-crepe, om-ai-lab/VL-CheckList.) A question without a rule has
the file's name as its rule.
"""

import codecs
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.formats import rows, typed_json

_MAX_BYTES = 256 << 20
_MAX_QUESTIONS = 1_000_000
_MAX_CHARACTERS = 10_000  # of a text; CLIP reads some 300
_MAX_OF_RULE = 200  # characters
_MAX_PIXELS = 1 << 20  # a side
_WHAT = "pictures with a true and a false caption"
_EVERY = "every question needs a true and a false text"

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class CaptionPair:
    """One question: which of two texts is true of a picture, or of a part of it?"""

    image: str  # relative to the folder of pictures, "/" as separator, never out of it
    crop_xywh: Box | None  # pixels; None = the whole picture
    caption: str
    false: str
    rule: str


class _Aro(msgspec.Struct, gc=False):
    image_path: str
    true_caption: str
    false_caption: str
    bbox_x: float | None = None
    bbox_y: float | None = None
    bbox_w: float | None = None
    bbox_h: float | None = None
    relation_name: str | None = None
    attributes: list[str] | None = None


class _SugarCrepe(msgspec.Struct, gc=False):
    filename: str
    caption: str
    negative_caption: str


class _Texts(msgspec.Struct, gc=False):
    POS: list[str]
    NEG: list[str]


class _Line(msgspec.Struct, gc=False):
    image: str
    caption: str
    false_caption: str | list[str]
    rule: str | None = None


_ARO = msgspec.json.Decoder(list[_Aro])
_SUGAR_CREPE = msgspec.json.Decoder(dict[str, _SugarCrepe] | list[_SugarCrepe])
_VL_CHECKLIST = msgspec.json.Decoder(list[tuple[str, _Texts]])
_LINES = msgspec.json.Decoder(_Line)

_Question = tuple[str, Box | None, str, str, str | None]  # as CaptionPair, the rule unknown


def read(path: Path, kind: str = "auto") -> list[CaptionPair]:
    """The questions of a file, in its order; `kind` is one of `KINDS`, or auto: told by the file's ending and start.

    Raises FormatError for a file that is none, an empty text, two that are the same, and the name of a picture that
    leads out of its folder.
    """
    chosen = _kind_of(path) if kind == "auto" else kind
    pairs: list[CaptionPair] = []
    for number, (image, crop_xywh, caption, false, rule) in enumerate(_READERS[chosen](path), 1):
        where = f"{path}: question {number}"
        if number > _MAX_QUESTIONS:
            raise FormatError(f"{path}: more than {_MAX_QUESTIONS} questions; part the file")
        named = _rule(where, (rule or "").strip() or path.stem)
        if caption.split() == false.split():
            raise FormatError(f"{where}: the true and the false caption are the same: {caption[:80]!r}")
        pairs.append(CaptionPair(_name(where, image), crop_xywh, _text(where, caption), _text(where, false), named))
    if not pairs:
        raise FormatError(f"{path}: no question in it; expected {_WHAT}")
    return pairs


def _kind_of(path: Path) -> str:
    """A list of objects is ARO's unless they name a file as SugarCrepe does."""
    if path.suffix in (".csv", ".jsonl"):
        return path.suffix[1:]
    with outside.opened(path, _WHAT) as file:
        start = file.read(4096).removeprefix(codecs.BOM_UTF8).decode("utf-8", "ignore").lstrip()
    inner = start[1:].lstrip()
    if start.startswith("["):
        is_crepe = inner.startswith("{") and '"negative_caption"' in start and '"true_caption"' not in start
        return "vl_checklist" if inner.startswith("[") else "sugarcrepe" if is_crepe else "aro"
    if start.startswith("{"):
        return "sugarcrepe"
    raise FormatError(f"{path}: neither JSON nor .csv nor .jsonl; expected {_WHAT}, and --kind says which of {KINDS}")


def _read_aro(path: Path) -> Iterator[_Question]:
    entries = typed_json.read(path, _ARO, _MAX_BYTES, f"ARO's {_WHAT}")
    for number, entry in enumerate(entries, 1):
        sides = (entry.bbox_x, entry.bbox_y, entry.bbox_w, entry.bbox_h)
        rule = entry.relation_name or " / ".join(entry.attributes or ())
        yield entry.image_path, _box(f"{path}: question {number}", sides), entry.true_caption, entry.false_caption, rule


def _read_sugarcrepe(path: Path) -> Iterator[_Question]:
    entries = typed_json.read(path, _SUGAR_CREPE, _MAX_BYTES, f"SugarCrepe's {_WHAT}")
    for entry in entries.values() if isinstance(entries, dict) else entries:
        yield entry.filename, None, entry.caption, entry.negative_caption, None


def _read_vl_checklist(path: Path) -> Iterator[_Question]:
    """Each true text against each false one."""
    entries = typed_json.read(path, _VL_CHECKLIST, _MAX_BYTES, f"VL-CheckList's {_WHAT}")
    for number, (image, texts) in enumerate(entries, 1):
        if not texts.POS or not texts.NEG:
            raise FormatError(f"{path}: entry {number}: no {'NEG' if texts.POS else 'POS'} text; {_EVERY}")
        yield from ((image, None, true, false, None) for true in texts.POS for false in texts.NEG)


def _read_csv(path: Path) -> Iterator[_Question]:
    for row in rows.read_csv(path, ("image", "caption", "false_caption"), _WHAT):
        yield row["image"], None, row["caption"], row["false_caption"], row.get("rule")


def _read_jsonl(path: Path) -> Iterator[_Question]:
    for number, entry in enumerate(typed_json.read_lines(path, _LINES, _MAX_BYTES, f"lines of {_WHAT}"), 1):
        if not entry.false_caption:
            raise FormatError(f"{path}: entry {number}: no false_caption; {_EVERY}")
        every = [entry.false_caption] if isinstance(entry.false_caption, str) else entry.false_caption
        yield from ((entry.image, None, entry.caption, false, entry.rule) for false in every)


_READERS: dict[str, Callable[[Path], Iterator[_Question]]] = {
    "aro": _read_aro,
    "sugarcrepe": _read_sugarcrepe,
    "vl_checklist": _read_vl_checklist,
    "csv": _read_csv,
    "jsonl": _read_jsonl,
}
KINDS = tuple(_READERS)


def _box(where: str, sides: tuple[Any, ...]) -> Box | None:
    if all(side is None for side in sides):
        return None
    if not all(side is not None and math.isfinite(side) and abs(side) <= _MAX_PIXELS for side in sides):
        raise FormatError(f"{where}: box {sides}, expected x, y, width and height in pixels")
    x, y, w, h = (int(side) for side in sides)
    x, y, w, h = max(x, 0), max(y, 0), w + min(x, 0), h + min(y, 0)  # what of it lies in the picture
    if w < 1 or h < 1:
        raise FormatError(f"{where}: box {sides} has no pixel in it")
    return x, y, w, h


def _name(where: str, image: str) -> str:
    parts = image.split("/")
    if not image.isprintable() or "\\" in image or any(part in ("", "..") for part in parts):
        raise FormatError(f"{where}: picture {image[:80]!r}, expected a path below the folder of pictures")
    return image


def _rule(where: str, rule: str) -> str:
    if not rule.isprintable() or len(rule) > _MAX_OF_RULE:
        raise FormatError(f"{where}: rule {rule[:80]!r}, expected a name of at most {_MAX_OF_RULE} characters")
    return rule


def _text(where: str, text: str) -> str:
    if not text.strip():
        raise FormatError(f"{where}: an empty caption; {_EVERY}")
    if len(text) > _MAX_CHARACTERS:
        raise FormatError(f"{where}: a caption of {len(text)} characters, at most {_MAX_CHARACTERS} are read")
    return text
