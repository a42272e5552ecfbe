"""The clip cache: decoded clips by a key of all that decides them, packed into 256 files outside DVC.

Entries are only ever appended, each with a checksum; a torn or damaged one is as if it had never been written.

<folder>/<first two digits of the key>.pack = entries of
  key (32 bytes), header length (4), data length (8), CRC-32 of header and data (4), header (JSON), data
"""

import fcntl
import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_PREFIX = struct.Struct("<32sIQI")


class ClipCache:
    """Arrays and their headers by key (64 hexadecimal digits); several processes may use one folder at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[str, dict[str, int]] = {}  # bucket -> key -> where its entry begins
        self._ends: dict[str, int] = {}  # bucket -> end of its last whole entry

    def load(self, key: str) -> tuple[dict[str, Any], npt.NDArray[np.float32]] | None:
        """Header and array (flat if the header has no `shape`), or None."""
        place = self._find(key)
        if place is None:
            return None
        with self._path(key).open("rb") as file:
            file.seek(place)
            _, header_bytes, data_bytes, checksum = _PREFIX.unpack(file.read(_PREFIX.size))
            header, data = file.read(header_bytes), file.read(data_bytes)
        if zlib.crc32(data, zlib.crc32(header)) != checksum:
            return None
        attrs: dict[str, Any] = json.loads(header)
        return attrs, np.frombuffer(data, np.float32).reshape(attrs.get("shape", -1))

    def header(self, key: str) -> dict[str, Any] | None:
        """The header alone, or None. Its checksum covers the array too, so that only `load` checks it."""
        place = self._find(key)
        if place is None:
            return None
        with self._path(key).open("rb") as file:
            file.seek(place)
            header_bytes = _PREFIX.unpack(file.read(_PREFIX.size))[1]
            try:
                attrs: dict[str, Any] = json.loads(file.read(header_bytes))
            except ValueError:
                return None
        return attrs

    def keep(self, key: str, attrs: Mapping[str, Any], array: npt.NDArray[np.float32]) -> None:
        """Add an entry; of two with one key the later counts."""
        header = json.dumps({**attrs, "shape": array.shape}, sort_keys=True).encode()
        data = np.ascontiguousarray(array, np.float32).tobytes()
        checksum = zlib.crc32(data, zlib.crc32(header))
        entry = _PREFIX.pack(bytes.fromhex(key), len(header), len(data), checksum) + header + data
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._scan(key)
            file.truncate(self._ends.get(key[:2], 0))  # what a killed writer left
            file.write(entry)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key[:2]}.pack"

    def _find(self, key: str) -> int | None:
        self._scan(key)
        return self._places.get(key[:2], {}).get(key)

    def _scan(self, key: str) -> None:
        """Take in the entries that were added to a bucket since it was last looked at."""
        bucket, path = key[:2], self._path(key)
        num_bytes = path.stat().st_size if path.is_file() else 0
        end = self._ends.get(bucket, 0)
        if num_bytes <= end:
            return
        with path.open("rb") as file:
            while end + _PREFIX.size <= num_bytes:
                file.seek(end)
                entry_key, header_bytes, data_bytes, _ = _PREFIX.unpack(file.read(_PREFIX.size))
                stop = end + _PREFIX.size + header_bytes + data_bytes
                if stop > num_bytes:
                    break
                self._places.setdefault(bucket, {})[entry_key.hex()] = end
                end = stop
        self._ends[bucket] = end
