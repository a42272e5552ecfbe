"""Arrays by key in a folder outside DVC: decoded clips, encoded clips, vectors of texts.

<folder>/<time>-<host>-<process>-<random>.sqlite = a pack: entries of key, header and array, with checksums.

A pack is written whole by one writer under a name that ends in `.partial`, renamed into place and never changed. So a
kill loses one pack at most, no file is ever locked, and the folder may lie on the network file system of a cluster.
What is damaged or foreign is as if it were not there.
"""

import json
import os
import re
import secrets
import socket
import sqlite3
import threading
import time
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.outputs import PARTIAL
from pipeline.core.progress import say

T = TypeVar("T")
Entry = tuple[dict[str, Any], npt.NDArray[np.float32]]
Header = tuple[bytes, int, int]  # JSON, its checksum with the key, the checksum of all

ENDING = ".sqlite"
BUSY_SECONDS = 3600  # so long may a stage need what another machine has written
LEFT_SECONDS = 86_400  # a writer that has written nothing for so long is dead, on whatever machine it was
_NAME = re.compile(r"\d{20}-(?P<host>[\w.-]+)-(?P<process>\d+)-[0-9a-f]{8}\.sqlite(\.partial)?", re.ASCII)
_FORMAT = 0x554E5331  # stands in the head of every pack: a file of ours, of this layout
_HEADER_BYTES = 64 << 20  # of headers in memory
_OPEN_PACKS = 8
_ENTRY_BYTES = 200  # of Python objects around a header
_KEY_DIGITS = 64
_LASTING = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)  # ERROR: it has not our tables
# Entries apart from arrays: keys and headers lie side by side in the file, and are read without the arrays.
_TABLES = f"""
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA application_id={_FORMAT};
CREATE TABLE arrays (number INTEGER PRIMARY KEY, array BLOB);
CREATE TABLE entries (number INTEGER PRIMARY KEY, key BLOB, header BLOB, header_crc INTEGER, crc INTEGER);
"""


class _ForeignError(sqlite3.DatabaseError):
    """A database that is no pack of this layout."""


class Pack:
    """A pack while it is written; it will appear as `path`."""

    def __init__(self, path: Path, file: sqlite3.Connection) -> None:
        self.path = path
        self._file = file
        self.rows: list[tuple[int, bytes, bytes, int, int]] = []  # of the table of entries

    def keep(self, key: str, attrs: Mapping[str, Any], array: npt.NDArray[np.float32]) -> None:
        """Add an entry: a header of JSON values, and an array below 1 GB. Of two with one key the later counts."""
        number, name = len(self.rows), _bytes_of(key)
        header = json.dumps({**attrs, "shape": array.shape}, sort_keys=True).encode()
        data = np.ascontiguousarray(array, "<f4").tobytes()
        header_crc = zlib.crc32(header, zlib.crc32(name))
        self._file.execute("INSERT INTO arrays VALUES (?, ?)", (number, data))
        self.rows.append((number, name, header, header_crc, zlib.crc32(data, header_crc)))


class ArrayCache:
    """The packs of a folder. Any number of processes and threads may read and write one folder at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._is_read = False
        self._damaged: set[str] = set()
        self._used: set[str] = set()
        self._open: OrderedDict[str, sqlite3.Connection] = OrderedDict()
        weakref.finalize(self, _close, self._open)
        self._forget()

    def load(self, key: str) -> Entry | None:
        """Header, `shape` among it, and array; None where there is no such entry, or none that is whole."""
        return self._found(key, self._entry)

    def header(self, key: str) -> dict[str, Any] | None:
        """The header alone; None where there is none that is whole. Only `load` checks the array."""
        return self._found(key, self._attrs)

    def __contains__(self, key: str) -> bool:
        """Whether there is an entry, whole or damaged: of the disk nothing but names and keys is read."""
        with self._lock:
            self._read_once()
            return _bytes_of(key) in self._index

    def pack_of(self, key: str) -> str | None:
        """The name of the pack whose entry of a key counts, whole or damaged; None where there is no entry."""
        with self._lock:
            self._read_once()
            place = self._index.get(_bytes_of(key))
            return None if place is None else self._names[place >> 32]

    @contextmanager
    def writing(self) -> Iterator[Pack]:
        """A new pack, which appears when the block ends; an error in the block leaves nothing of it.

        Raises DataError where SQLite cannot write.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        _clean(self.folder.absolute())
        name = f"{time.time_ns():020d}-{_host()}-{os.getpid()}-{secrets.token_hex(4)}{ENDING}"
        scratch = self.folder / (name + PARTIAL)
        try:
            with _written(scratch, self.folder / name) as pack:
                yield pack
            if pack.rows:
                scratch.replace(pack.path)
        except sqlite3.Error as error:
            raise DataError(f"{self.folder}: a pack cannot be written: {error}; see whether the disk is full") from None
        finally:
            scratch.unlink(missing_ok=True)
        if self._is_read:
            self.refresh()

    def refresh(self) -> None:
        """Take in the packs that were written since, by whatever process, and forget those that are gone."""
        with self._lock:
            found = {path.name for path in packs(self.folder)}
            if not found.issuperset(self._names):
                self._forget()
            for name in sorted(found.difference(self._names, self._damaged)):
                self._take(name)
            self._is_read = True

    def _forget(self) -> None:
        self._names: list[str] = []
        self._index: dict[bytes, int] = {}  # key -> place: which of the names, and which entry of it, in one number
        self._older: dict[bytes, list[int]] = {}  # places of entries that a later pack has replaced
        self._headers: OrderedDict[str, list[Header]] = OrderedDict()
        self._header_bytes = 0
        _close(self._open)

    def _read_once(self) -> None:
        if not self._is_read:
            self.refresh()

    def _take(self, name: str) -> None:
        """Read the keys of a pack."""
        try:
            rows = self._select(name, "SELECT key FROM entries ORDER BY number")
        except FileNotFoundError:  # removed since the folder was listed
            return
        finally:
            _close(self._open)
        base = len(self._names) << 32
        self._names.append(name)
        for number, (key,) in enumerate(rows):
            place, known = base | number, self._index.get(key)
            if known is not None:
                if self._names[known >> 32] > name:  # of a writer whose clock is ahead
                    known, place = place, known
                self._older.setdefault(key, []).append(known)
            self._index[key] = place

    def _found(self, key: str, read: Callable[[str, int, bytes], T | None]) -> T | None:
        """What `read` makes of the latest entry of a key of which it makes something."""
        name = _bytes_of(key)
        with self._lock:
            self._read_once()
            for _ in range(2):
                places = [self._index[name], *reversed(self._older.get(name, ()))] if name in self._index else []
                try:
                    tried = (read(self._names[place >> 32], place & 0xFFFFFFFF, name) for place in places)
                    return next((found for found in tried if found is not None), None)
                except FileNotFoundError:  # another process has joined the pack with others, or removed it
                    self.refresh()
        return None

    def _entry(self, pack: str, number: int, key: bytes) -> Entry | None:
        attrs = self._attrs(pack, number, key)
        rows = self._select(pack, "SELECT array FROM arrays WHERE number=?", number)
        return _whole(attrs, rows[0][0], self._header(pack, number)) if attrs is not None and rows else None

    def _attrs(self, pack: str, number: int, key: bytes) -> dict[str, Any] | None:
        return _checked(key, self._header(pack, number))

    def _header(self, pack: str, number: int) -> Header:
        """A header, unchecked. Those of a pack are read together: clips that were made together are used together."""
        if pack not in self._headers:
            rows = self._select(pack, "SELECT header, header_crc, crc FROM entries ORDER BY number")
            self._mark_used(pack)
            self._headers[pack] = [row if isinstance(row[0], bytes) else (b"", 0, 0) for row in rows]
            self._header_bytes += _memory(self._headers[pack])
            while self._header_bytes > _HEADER_BYTES and len(self._headers) > 1:
                self._header_bytes -= _memory(self._headers.popitem(last=False)[1])
        self._headers.move_to_end(pack)
        headers = self._headers[pack]
        return headers[number] if number < len(headers) else (b"", 0, 0)

    def _mark_used(self, pack: str) -> None:
        """Say by the time of the file that the pack is in use, once a process: what is not may be pruned."""
        if pack not in self._used:
            self._used.add(pack)
            try:
                os.utime(self.folder / pack)
            except OSError:  # a cache that this user may only read
                return

    def _select(self, pack: str, question: str, *values: int) -> list[Any]:
        """Rows of a pack; none of one that is damaged, which is said once. FileNotFoundError if it is gone."""
        path = self.folder / pack
        try:
            if pack not in self._open:
                self._open[pack] = _opened(path)
                while len(self._open) > _OPEN_PACKS:
                    self._open.popitem(last=False)[1].close()
            self._open.move_to_end(pack)
            return self._open[pack].execute(question, values).fetchall()
        except sqlite3.Error as error:
            if not path.exists():
                raise FileNotFoundError(path) from None
            if pack not in self._damaged:
                self._damaged.add(pack)
                say(str(DataError(f"{path}: not read: {error}; what it held is made again")))  # as errors: printable
            return []


def packs(folder: Path) -> list[Path]:
    """The finished packs of a folder, the earliest first."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as found:
        names = [entry.name for entry in found if entry.name.endswith(ENDING) and entry.is_file()]
    return [folder / name for name in sorted(names)]


def num_entries(pack: Path) -> int | None:
    """How many entries a pack holds, damaged ones among them; None of a file that cannot be read as a pack."""
    counted = _counted(pack)
    return counted if isinstance(counted, int) else None


def is_lost(pack: Path) -> bool:
    """Whether a file is no pack or damaged as such; not if it only cannot be read now, as another user may read it."""
    counted = _counted(pack)
    return isinstance(counted, sqlite3.Error) and _is_for_good(counted)


def _counted(pack: Path) -> int | sqlite3.Error:
    try:
        with closing(_opened(pack)) as file:
            return int(file.execute("SELECT count(*) FROM entries").fetchone()[0])
    except sqlite3.Error as error:
        return error


def _is_for_good(error: sqlite3.Error) -> bool:
    """Whether a pack will fail like this ever again."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # of an extended code the primary one
    return isinstance(error, _ForeignError) or code in _LASTING


def entries(pack: Path) -> Iterator[tuple[str, Entry]]:
    """All whole entries of a pack by key, one after the other. Raises DataError if it cannot be read now."""
    question = "SELECT key, header, header_crc, crc, array FROM entries JOIN arrays USING (number) ORDER BY number"
    try:
        with closing(_opened(pack)) as file:
            for key, header, header_crc, crc, data in file.execute(question):
                if isinstance(key, bytes) and isinstance(header, bytes):
                    attrs = _checked(key, (header, header_crc, crc))
                    entry = None if attrs is None else _whole(attrs, data, (header, header_crc, crc))
                    if entry is not None:
                        yield key.hex(), entry
    except sqlite3.Error as error:  # of a damaged pack, what could be read was given
        if not _is_for_good(error):
            raise DataError(f"{pack}: cannot be read: {error}; it stays as it is") from None


def leftovers(folder: Path) -> list[Path]:
    """What killed writers have left in a folder. One of another machine is dead when it has been still for long."""
    return [path for path in sorted(folder.glob(f"*{ENDING}{PARTIAL}")) if not _is_growing(path)]


@cache
def _clean(folder: Path) -> None:
    """Remove leftovers, once in a process: to list a large folder for each pack would take minutes."""
    for path in leftovers(folder):
        path.unlink(missing_ok=True)


def is_name(name: str) -> bool:
    """Whether a file has a name that a pack gets: whatever else lies in a folder is not ours to remove."""
    return _NAME.fullmatch(name) is not None


def may_be_in_use(path: Path) -> bool:
    """Whether the stage that has written a finished pack may still run, and want it.

    Of other machines nothing but the time is known.
    """
    name = _NAME.fullmatch(path.name)
    return name is not None and (_lives(name) if name["host"] == _host() else _is_younger(path, BUSY_SECONDS))


def _is_growing(path: Path) -> bool:
    name = _NAME.fullmatch(path.name)
    return name is not None and _is_younger(path, LEFT_SECONDS) and (name["host"] != _host() or _lives(name))


def _is_younger(path: Path, seconds: float) -> bool:
    """Whether a file was written or used in the last seconds, or is gone and so of nobody's concern."""
    try:
        return time.time() - path.stat().st_mtime < seconds
    except FileNotFoundError:
        return True


def _lives(name: re.Match[str]) -> bool:
    """Whether the process of this machine that a name tells runs."""
    try:
        os.kill(int(name["process"]), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's; no number of a process
        return True
    return True


def _checked(key: bytes, header: Header) -> dict[str, Any] | None:
    """What a header says, if it is whole and of this key."""
    text, header_crc, _ = header
    if zlib.crc32(text, zlib.crc32(key)) != header_crc:
        return None
    attrs: dict[str, Any] = json.loads(text)
    return attrs


def _whole(attrs: dict[str, Any], data: object, header: Header) -> Entry | None:
    """The entry of a checked header, if its array is whole."""
    _, header_crc, crc = header
    if not isinstance(data, bytes) or zlib.crc32(data, header_crc) != crc:
        return None
    return attrs, np.frombuffer(data, "<f4").reshape(attrs["shape"])


def _opened(path: Path) -> sqlite3.Connection:
    """A pack to read from. Raises sqlite3.Error for what is none."""
    file = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    try:
        if file.execute("PRAGMA application_id").fetchone() != (_FORMAT,):
            raise _ForeignError("not a pack of this version")
    except sqlite3.Error:
        file.close()
        raise
    return file


@contextmanager
def _written(scratch: Path, path: Path) -> Iterator[Pack]:
    file = sqlite3.connect(f"file:{quote(str(scratch))}?mode=rwc&nolock=1", uri=True, isolation_level=None)
    with closing(file):
        file.executescript(_TABLES)
        file.execute("BEGIN")
        pack = Pack(path, file)
        yield pack
        file.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", pack.rows)
        file.execute("COMMIT")


def _close(connections: OrderedDict[str, sqlite3.Connection]) -> None:
    while connections:
        connections.popitem()[1].close()


def _bytes_of(key: str) -> bytes:
    if len(key) != _KEY_DIGITS:
        raise ValueError(f"a key of {_KEY_DIGITS} hexadecimal digits was expected, not {key!r}")
    return bytes.fromhex(key)


def _host() -> str:
    """The name of this machine, as it may stand in the name of a file."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", socket.gethostname()) or "_"


def _memory(headers: list[Header]) -> int:
    """About how many bytes headers take."""
    return sum(len(header) + _ENTRY_BYTES for header, _, _ in headers)
