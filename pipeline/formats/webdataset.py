"""img2dataset's WebDataset layout: `00000.tar` with `<key>.jpg`, `<key>.txt` and `<key>.json` of every sample.

A shard is never unpacked. Its headers are walked once; after that the parts of any sample are read by their offsets.
Names are keys and never paths, links and devices are skipped, and every length is checked against a bound.
"""

import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.core.outputs import whole
from pipeline.core.rejects import counted

PICTURES = ("jpg", "jpeg", "png", "webp")
_WHAT = "a tar of image-text samples"
_BLOCK = 512
_FILES = b"0\0"
_LONG_NAME, _PAX = b"L", b"x"
_MAX_PICTURE_BYTES = 64 << 20
_MAX_TEXT_BYTES = 1 << 16
_MAX_HEADER_BYTES = 1 << 16  # of a long name or of pax records; real ones have some hundred
_MAX_KEY = 255


@dataclass(frozen=True)
class Sample:
    """What `write` packs: the encoded picture with the ending of its name, a text, and facts as JSON."""

    key: str
    ending: str
    picture: bytes
    text: str | None
    facts: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Shard:
    """Where the N samples of one tar lie: offset and bytes of the picture and of the text."""

    path: Path
    keys_N: npt.NDArray[np.bytes_]
    spans_N4: npt.NDArray[np.int64]
    left_out: Mapping[str, int]  # reason -> samples and other members that are no use

    def key(self, number: int) -> str:
        """The key of a sample."""
        return bytes(self.keys_N[number]).decode()

    def picture(self, number: int) -> bytes:
        """The encoded picture of a sample."""
        return self._part(number, 0)

    def texts(self) -> Iterator[str]:
        """The text of every sample, with single spaces; "" where it is not UTF-8 or blank."""
        with outside.opened(self.path, _WHAT) as file:
            for _, _, start, size in self.spans_N4.tolist():
                file.seek(start)
                yield _single_spaced(file.read(size))

    def text(self, number: int) -> str:
        """The text of one sample; as `texts`."""
        return _single_spaced(self._part(number, 2))

    def _part(self, number: int, place: int) -> bytes:
        start, size = (int(value) for value in self.spans_N4[number, place : place + 2])
        with outside.opened(self.path, _WHAT) as file:
            file.seek(start)
            content = file.read(size)
        if len(content) != size:
            raise FormatError(f"{self.path}: cut short since it was indexed; fetch it again")
        return content


def shard_paths(folder: Path) -> list[Path]:
    """The shards of a folder, by name; FormatError where there is none. Other files (`*_stats.json`) are ignored."""
    paths = sorted(path for path in folder.glob("*.tar")) if folder.is_dir() else []
    if not paths:
        raise FormatError(f"{folder}: no *.tar in it; expected image-text shards as img2dataset writes them")
    return paths


def index(path: Path) -> Shard:
    """Walk the headers of a shard once.

    A sample has a picture and a text; incomplete ones and other members are counted in `left_out`. Raises FormatError
    for a file that is no tar, is cut short, or has no sample.
    """
    num_bytes = outside.check_file(path, _WHAT)
    walk = _Walk()
    with outside.opened(path, _WHAT) as file:
        for name, kind, start, size in _members(path, file, num_bytes):
            walk.add(name, kind, start, size)
    walk.end_sample()
    if not walk.keys:
        why = f" (left out: {counted(dict(sorted(walk.left_out.items())))})" if walk.left_out else ""
        raise FormatError(
            f"{path}: an empty shard: no sample with a picture and a text{why}; remove it or fetch it again"
        )
    spans_N4 = np.array(walk.spans, np.int64).reshape(-1, 4)
    return Shard(path, np.array(walk.keys), spans_N4, dict(sorted(walk.left_out.items())))


def write(path: Path, samples: Iterable[Sample]) -> None:
    """Write a shard, members in the order given, without times and owners: the same samples are the same bytes."""
    with whole(path) as scratch, tarfile.open(scratch, "w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            facts = json.dumps(dict(sample.facts), sort_keys=True, ensure_ascii=False).encode()
            parts = {sample.ending: sample.picture, "json": facts}
            if sample.text is not None:
                parts["txt"] = sample.text.encode()
            for ending, content in sorted(parts.items()):
                member = tarfile.TarInfo(f"{sample.key}.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


class _Walk:
    """Gathers members that follow each other under one key into samples."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.spans: list[tuple[int, int, int, int]] = []
        self.left_out: Counter[str] = Counter()
        self._seen: set[bytes] = set()
        self._key: bytes | None = None
        self._parts: dict[str, tuple[int, int]] = {}

    def add(self, name: str, kind: bytes, start: int, size: int) -> None:
        """One member of the tar."""
        key, ending = _key_and_ending(name)
        if kind not in _FILES:
            self.left_out["no file"] += kind != b"5"  # folders are no surprise
            return
        if key is None:
            self.left_out["name that is no key"] += 1
            return
        if key != self._key:
            self.end_sample()
            self._key = key
        part = "picture" if ending in PICTURES else "text" if ending == "txt" else ""
        if part:
            self._parts.setdefault(part, (start, size))

    def end_sample(self) -> None:
        """The members of a key have ended."""
        key, parts = self._key, self._parts
        self._key, self._parts = None, {}
        if key is None:
            return
        if fault := self._fault(key, parts):
            self.left_out[fault] += 1
            return
        self._seen.add(key)
        self.keys.append(key)
        self.spans.append((*parts["picture"], *parts["text"]))

    def _fault(self, key: bytes, parts: Mapping[str, tuple[int, int]]) -> str | None:
        if "picture" not in parts:
            return "no picture"
        if "text" not in parts or parts["text"][1] == 0:
            return "no text"
        if parts["text"][1] > _MAX_TEXT_BYTES:
            return "text too long"
        if not 0 < parts["picture"][1] <= _MAX_PICTURE_BYTES:
            return "picture too large or empty"
        return "key given twice" if key in self._seen else None


def _single_spaced(content: bytes) -> str:
    try:
        return " ".join(content.decode().split())
    except UnicodeDecodeError:
        return ""


def _key_and_ending(name: str) -> tuple[bytes | None, str]:
    """The key (with folders) and the ending of a member's name; None for an unsafe name or one without an ending."""
    plain = name.removeprefix("./")
    folder, slash, base = plain.rpartition("/")
    stem, dot, ending = base.partition(".")
    unsafe = plain.startswith("/") or ".." in folder.split("/") or "\\" in plain or not plain.isprintable()
    key = f"{folder}{slash}{stem}".encode()
    if unsafe or not stem or not dot or len(key) > _MAX_KEY:
        return None, ""
    return key, ending.lower()


def _members(path: Path, file: BinaryIO, num_bytes: int) -> Iterator[tuple[str, bytes, int, int]]:
    """Name, type, first byte and size of every member; long names and pax records replace the short ones."""
    place, extended = 0, dict[str, str]()
    while True:
        file.seek(place)
        header = file.read(_BLOCK)
        if len(header) < _BLOCK:
            raise FormatError(f"{path}: cut short: no end of the tar in it; fetch it again")
        if not any(header):
            return
        kind, size = header[156:157], _size(path, header, place)
        start = place + _BLOCK
        if "size" in extended and kind not in (_LONG_NAME, _PAX):
            size = int(extended["size"]) if extended["size"].isdecimal() and len(extended["size"]) < 16 else num_bytes
        place = start + -(-size // _BLOCK) * _BLOCK
        if start + size > num_bytes:
            raise FormatError(
                f"{path}: cut short: a member of {size} bytes has {num_bytes - start} left; fetch it again"
            )
        if kind in (_LONG_NAME, _PAX):
            if size > _MAX_HEADER_BYTES:
                raise FormatError(f"{path}: a member name of {size} bytes; is it the right file?")
            content = file.read(size)
            extended |= _records(content) if kind == _PAX else {"path": _text(content)}
            continue
        yield extended.get("path", _plain_name(header)), kind, start, size
        extended = {}


def _size(path: Path, header: bytes, place: int) -> int:
    """The bytes of a member. FormatError where the header's own sum does not fit."""
    if sum(header) - sum(header[148:156]) + 8 * ord(" ") != _number(header[148:156]):
        packed = " (gzip: unpack it first)" if header.startswith(b"\x1f\x8b") else ""
        raise FormatError(f"{path}: not {_WHAT}: no header at byte {place}{packed}; fetch it again")
    size = _number(header[124:136])
    if size is None:
        raise FormatError(f"{path}: a member without a size at byte {place}; fetch it again")
    return size


def _number(field: bytes) -> int | None:
    """A number as tar writes it: octal digits, or binary with the first bit set."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.strip(b"\0 ")
    return int(digits, 8) if digits and digits.isdigit() and not set(digits) & set(b"89") else None


def _plain_name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    return f"{prefix}/{name}" if prefix and header[257:263] == b"ustar\0" else name


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _records(content: bytes) -> dict[str, str]:
    """The pax records that matter, each `<bytes> <name>=<value>\\n`; reading stops at the first malformed one."""
    records: dict[str, str] = {}
    while content:
        digits, space, _ = content[:20].partition(b" ")
        if not space or not digits.isdigit():
            break
        size = int(digits)
        name, _, value = content[len(digits) + 1 : size].rstrip(b"\n").partition(b"=")
        if size <= len(digits) + 1:
            break
        if name in (b"path", b"size"):
            records[name.decode()] = _text(value)
        content = content[size:]
    return records
