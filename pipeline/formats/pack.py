"""Packs: features or weights in one portable file, whose bytes its manifest fixes.

A pack is an uncompressed tar (POSIX ustar): manifest.json, then the files that it lists, sorted by name, with no times,
owners or other kinds of entry. The manifest gives the size and SHA-256 of each, so that a reader knows every header and
the length of the pack before it has read a single file; anything else in it is refused.
"""

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from pipeline.core import outside
from pipeline.core.errors import DataError, FormatError
from pipeline.core.outputs import PARTIAL, whole
from pipeline.core.sizes import size_text
from pipeline.formats.typed_json import ERRORS

VERSION = 1
WHAT = "a pack that `unseen features export` or `unseen weights export` has written"
MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 16 << 20  # some 100,000 files
_MAX_PARTS = 24  # of a path: a store of ours has 16 dimensions at most
_MAX_FILE_BYTES = (8 << 30) - 1  # what a header of ustar can say
_BLOCK = 512
_READ_BYTES = 1 << 20
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=@,~-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_KIND = "unseen pack"

Kind = Literal["features", "weights"]


class PackedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: its path in the checkout (or its name beside the manifest), size and SHA-256."""

    path: str
    size: int
    sha256: str


class Tracked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file or folder as dvc.lock has recorded it; a folder's hash ends with `.dir`."""

    path: str
    md5: str
    size: int
    nfiles: int | None = None


class PackedRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What dvc.lock says of one row: how its outputs were made, of what, and under which settings."""

    name: str  # as `dvc repro` has it: extract@demo-skeleton-stgcn
    cmd: str
    deps: list[Tracked]
    params: dict[str, Any]
    outs: list[Tracked]
    commit: str | None  # in which dvc.lock first named these outputs


class Maker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code that wrote the pack."""

    version: str
    libraries: dict[str, str]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a pack holds, who may use it, and what made it."""

    format: str
    version: int
    kind: Kind
    names: list[str]  # what was asked for
    licence: str
    note: str
    packed_by: Maker
    rows: list[PackedRow]  # whose outputs are in the pack
    upstream: list[PackedRow]  # what those rest on, and what is not in the pack
    evaluates: list[str]  # rows that can be run with the pack alone
    lacking: dict[str, list[str]]  # rows that read the pack, and what else they need
    files: list[PackedFile]


class _Head(msgspec.Struct, frozen=True):
    format: str
    version: int


_HEAD, _MANIFEST = msgspec.json.Decoder(_Head), msgspec.json.Decoder(Manifest)


class Pack:
    """A pack opened for reading, its manifest checked."""

    def __init__(self, path: Path, file: BinaryIO, manifest: Manifest) -> None:
        self.manifest = manifest
        self._path, self._file = path, file

    def extract(self, place: Callable[[PackedFile], Path | None]) -> Iterator[PackedFile]:
        """Write each file to where `place` says, in order; None reads it without writing.

        Yields a file once its hash has been found to fit. Raises FormatError for the first that does not.
        """
        for file in self.manifest.files:
            if self._file.read(_BLOCK) != header(file.path, file.size):
                raise FormatError(f"{self._path}: '{file.path}' does not stand where its manifest says; {_DAMAGED}")
            target = place(file)
            if target is None:
                digest = self._copy(file.size, None)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as out:
                    digest = self._copy(file.size, out)
            if digest != file.sha256:
                raise FormatError(f"{self._path}: '{file.path}' has another SHA-256 than its manifest says; {_DAMAGED}")
            yield file
        if self._file.read(_READ_BYTES) != bytes(2 * _BLOCK):
            raise FormatError(f"{self._path}: does not end as a pack does; {_DAMAGED}")

    def _copy(self, size: int, out: BinaryIO | None) -> str:
        digest, left = hashlib.sha256(), size
        while left:
            block = self._file.read(min(_READ_BYTES, left))
            if not block:
                raise FormatError(f"{self._path}: cut short; {_DAMAGED}")
            digest.update(block)
            left -= len(block)
            if out is not None:
                out.write(block)
        padding = self._file.read(-size % _BLOCK)
        return digest.hexdigest() if padding == bytes(-size % _BLOCK) else "other bytes between files"


_DAMAGED = "the pack is damaged, get it anew"


@contextmanager
def opened(path: Path, max_bytes: int | None = None) -> Iterator[Pack]:
    """Open a pack. Raises FormatError for any other file, another version, and files of over `max_bytes` together.

    None lets in any size.
    """
    num_bytes = outside.check_file(path, WHAT)
    with outside.opened(path, WHAT) as file:
        manifest, content = _read_manifest(path, file)
        _check_names(path, manifest.files)
        _check_rows(path, manifest.rows)
        total = sum(each.size for each in manifest.files)
        if max_bytes is not None and total > max_bytes:
            raise FormatError(
                f"{path}: holds {size_text(total)}, more than the {size_text(max_bytes)} that are let in; "
                "give a larger --max-size to take it all the same"
            )
        expected = _padded(len(content)) + sum(_padded(each.size) for each in manifest.files) + 2 * _BLOCK
        if num_bytes != expected:
            raise FormatError(f"{path}: has {num_bytes} bytes, by its manifest {expected}; {_DAMAGED}")
        yield Pack(path, file, manifest)


def read_manifest(path: Path) -> Manifest:
    """The manifest of a pack. Raises FormatError for any other file."""
    with opened(path) as pack:
        return pack.manifest


def write(path: Path, manifest: Manifest, source: Callable[[PackedFile], Path | bytes]) -> None:
    """Write a pack of the files that a manifest lists, each from a file or bytes.

    Raises DataError for a name or size that no pack can hold, and for a file that is not what the manifest says.
    """
    try:
        _check_names(path, manifest.files)
    except FormatError as error:
        raise DataError(str(error)) from None
    content = msgspec.json.format(msgspec.json.encode(manifest, order="deterministic"), indent=1) + b"\n"
    if len(content) > _MAX_MANIFEST_BYTES:
        raise DataError(f"{path}: {len(manifest.files)} files are more than one pack can list; make several packs")
    with whole(path) as scratch, scratch.open("wb") as out:
        _add(out, MANIFEST, io.BytesIO(content), len(content))
        for file in manifest.files:
            origin = source(file)
            with io.BytesIO(origin) if isinstance(origin, bytes) else origin.open("rb") as content_of:
                if _add(out, file.path, content_of, file.size) != file.sha256 or content_of.read(1):
                    raise DataError(f"{file.path}: has changed while it was packed; run this again")
        out.write(bytes(2 * _BLOCK))


def header(name: str, size: int) -> bytes:
    """The tar header of one file, as this module writes it and takes it."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


def _add(out: BinaryIO, name: str, content: BinaryIO, size: int) -> str:
    """Append one file; its SHA-256."""
    out.write(header(name, size))
    digest, left = hashlib.sha256(), size
    while left and (block := content.read(min(_READ_BYTES, left))):
        digest.update(block)
        out.write(block)
        left -= len(block)
    out.write(bytes(-size % _BLOCK))
    return digest.hexdigest()


def _padded(size: int) -> int:
    """The bytes that a file takes in a pack, its header included."""
    return _BLOCK + size + -size % _BLOCK


def _read_manifest(path: Path, file: BinaryIO) -> tuple[Manifest, bytes]:
    try:
        info = tarfile.TarInfo.frombuf(file.read(_BLOCK), "ascii", "strict")
        size = info.size if 0 <= info.size <= _MAX_MANIFEST_BYTES else -1
        known = size >= 0 and info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict") == header(MANIFEST, size)
    except (tarfile.HeaderError, ValueError):  # ValueError: text that is no ASCII
        known = False
    if not known:
        raise FormatError(f"{path}: does not begin with {MANIFEST}; expected {WHAT}")
    content = file.read(size)
    if file.read(-size % _BLOCK) != bytes(-size % _BLOCK):
        raise FormatError(f"{path}: other bytes behind {MANIFEST}; {_DAMAGED}")
    try:
        head = _HEAD.decode(content)
        if (head.format, head.version) != (_KIND, VERSION):
            raise FormatError(
                f"{path}: '{head.format[:40]}' version {head.version}, this code reads '{_KIND}' version {VERSION}; "
                "use the version of unseen that wrote it, or have it exported anew"
            )
        return _MANIFEST.decode(content), content
    except ERRORS as error:
        raise FormatError(
            f"{path}: {MANIFEST} is not as packs have it ({' '.join(str(error).split())}); {_DAMAGED}"
        ) from None


def _check_names(path: Path, files: Sequence[PackedFile]) -> None:
    """Raise FormatError for names that a reader could mistake: out of the folder, twice, or alike but for case."""
    spelt: dict[str, str] = {}
    folders: set[str] = set()
    for file, before in zip(files, ["", *(each.path for each in files)], strict=False):
        parts = file.path.split("/")
        if not is_path(file.path) or file.path == MANIFEST or not _fits(file.path):
            raise FormatError(
                f"{path}: '{file.path[:200]}' is no name that a pack may hold (letters, digits, ._+=@,~-)"
            )
        if file.path <= before:
            raise FormatError(f"{path}: '{file.path}' stands twice in the manifest, or out of order")
        if not 0 <= file.size <= _MAX_FILE_BYTES or not _SHA256.fullmatch(file.sha256):
            raise FormatError(f"{path}: '{file.path}': a size from 0 to 8 GiB and a SHA-256 are needed")
        for place in ("/".join(parts[: end + 1]) for end in range(len(parts))):
            if spelt.setdefault(place.casefold(), place) != place:
                raise FormatError(f"{path}: '{place}' and '{spelt[place.casefold()]}' differ in case alone")
        folders.update("/".join(parts[:end]) for end in range(1, len(parts)))
    if both := folders & {file.path for file in files}:
        raise FormatError(f"{path}: '{min(both)}' is a file and a folder")


def _check_rows(path: Path, rows: Sequence[PackedRow]) -> None:
    """Raise FormatError for rows that dvc.lock could not have: one twice, an output of two, a hash that is none."""
    names = [row.name for row in rows]
    outs = [out.path for row in rows for out in row.outs]
    for what in (names, outs):
        if len(set(what)) < len(what):
            twice = next(one for one, before in pairwise(sorted(what)) if one == before)
            raise FormatError(f"{path}: '{twice[:200]}' stands twice among the rows of the manifest")
    for each in (each for row in rows for each in (*row.deps, *row.outs)):
        if not _MD5.fullmatch(each.md5) or each.size < 0 or (each.nfiles is not None and each.nfiles < 0):
            raise FormatError(f"{path}: '{each.path[:200]}': an MD5 as in dvc.lock and a size are needed")


def is_path(path: str) -> bool:
    """Whether a path is one that a pack may hold: relative, plain, of no folder above."""
    parts = path.split("/", _MAX_PARTS)
    return len(parts) <= _MAX_PARTS and all(map(_is_name, parts))


def _is_name(part: str) -> bool:
    """Whether a file or folder may be called so: DVC leaves out what is called unfinished."""
    return bool(_PART.fullmatch(part)) and not part.endswith(PARTIAL)


def _fits(name: str) -> bool:
    """Whether a header of ustar can hold a name."""
    try:
        header(name, 0)
    except ValueError:
        return False
    return True


def listed(files: Iterable[tuple[str, Path | bytes]]) -> list[PackedFile]:
    """The entries of a manifest for files or bytes, sorted by name."""
    return sorted((_entry(name, content) for name, content in files), key=lambda file: file.path)


def _entry(name: str, content: Path | bytes) -> PackedFile:
    if isinstance(content, bytes):
        return PackedFile(name, len(content), hashlib.sha256(content).hexdigest())
    with content.open("rb") as file:
        return PackedFile(name, content.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def manifest(**fields: Any) -> Manifest:
    """A manifest of this version."""
    return Manifest(format=_KIND, version=VERSION, **fields)
