"""The feature store: groups of arrays over clip ids, in zarr 3, checked, complete and alike on every run.

<path>.zarr/
  manifest.json             format, version, every file with its size: a missing shard would read as fill value
  zarr.json                 attributes of the store (provenance)
  <group>/zarr.json         attributes of the group
  <group>/ids               UTF-8 ids joined by newlines, sorted; row i of every array belongs to id i
  <group>/<array>           dense rows (N, ...), chunks of 256 rows in shards, crc32c on each chunk
  <group>/<array>.offsets   ragged rows: row i is <array>[offsets[i]:offsets[i + 1]]
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import Crc32cCodec

from pipeline.core import store_check
from pipeline.core.errors import DataError, FormatError
from pipeline.core.outputs import whole
from pipeline.core.rows import RowReader

VERSION = 1
CHUNK_ROWS = 256
SHARD_BYTES = 64 << 20
_MANIFEST = "manifest"
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)  # of zarr, for a damaged zarr.json

Array = npt.NDArray[Any]


class DenseWriter:
    """One array of N rows, written shard by shard; different shards may be written by different processes."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.num_rows = int(array.shape[0])
        self.shard_rows = int(array.shards[0])

    @property
    def num_shards(self) -> int:
        """Number of shards; shard i holds rows [i * shard_rows, (i + 1) * shard_rows)."""
        return -(-self.num_rows // self.shard_rows)

    def write_shard(self, shard: int, rows: Array) -> None:
        """Write all rows of one shard. Raises DataError if their number is not the shard's."""
        start = shard * self.shard_rows
        stop = min(start + self.shard_rows, self.num_rows)
        if len(rows) != stop - start:
            raise DataError(f"shard {shard} holds {stop - start} rows, got {len(rows)}")
        self._array[start:stop] = rows

    def write(self, rows: Array) -> None:
        """Write all rows at once."""
        self.fill([rows])

    def fill(self, parts: Iterable[Array]) -> None:
        """Write all rows, given in their order in parts of any length; memory holds one shard."""
        num_rows = 0
        for shard, rows in enumerate(_in_shards(parts, self.shard_rows)):
            num_rows += len(rows)
            if num_rows > self.num_rows:
                raise DataError(f"array {self._array.path}: expected {self.num_rows} rows, got more")
            self.write_shard(shard, rows)
        if num_rows != self.num_rows:
            raise DataError(f"array {self._array.path}: expected {self.num_rows} rows, got {num_rows}")


def _in_shards(parts: Iterable[Array], shard_rows: int) -> Iterator[Array]:
    """The same rows, `shard_rows` at a time and the rest at last."""
    waiting: list[Array] = []
    num_waiting = 0
    for part in parts:
        rest = part
        while num_waiting + len(rest) >= shard_rows:
            taken = shard_rows - num_waiting
            yield _joined([*waiting, rest[:taken]])
            waiting, num_waiting, rest = [], 0, rest[taken:]
        waiting.append(rest)
        num_waiting += len(rest)
    if num_waiting:
        yield _joined(waiting)


def _joined(parts: list[Array]) -> Array:
    """Parts end to end, without a copy where there is one."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


class GroupWriter:
    """The arrays of one group; every array has a row for each id, in the order of the sorted ids."""

    def __init__(self, group: zarr.Group, ids: Sequence[str]) -> None:
        self._group = group
        self.num_rows = len(ids)
        text = np.frombuffer("\n".join(ids).encode(), dtype=np.uint8)
        self._create("ids", text.shape, np.dtype(np.uint8)).write(text)

    def dense(self, name: str, row_shape: Sequence[int], dtype: npt.DTypeLike) -> DenseWriter:
        """Make an array of shape (N, *row_shape), NaN (or 0 for integers) until written."""
        return self._create(name, (self.num_rows, *row_shape), np.dtype(dtype))

    def put(self, name: str, rows: Array) -> None:
        """Write a dense array that fits in memory."""
        self.dense(name, rows.shape[1:], rows.dtype).write(rows)

    def ragged(self, name: str, lengths: Sequence[int], shape: Sequence[int], dtype: npt.DTypeLike) -> DenseWriter:
        """Make an array whose row i has the shape (lengths[i], *shape); its writer takes the rows end to end."""
        if len(lengths) != self.num_rows:
            raise DataError(f"ragged array '{name}': expected {self.num_rows} rows, got {len(lengths)}")
        offsets = np.cumsum(np.array([0, *lengths], dtype=np.int64))
        self._create(f"{name}.offsets", offsets.shape, offsets.dtype).write(offsets)
        return self._create(name, (int(offsets[-1]), *shape), np.dtype(dtype))

    def put_ragged(self, name: str, rows: Sequence[Array]) -> None:
        """Write one array of any length a row, which fits in memory; all share trailing shape and type."""
        first = rows[0] if rows else np.empty(0, np.float32)
        self.ragged(name, [len(row) for row in rows], first.shape[1:], first.dtype).fill(rows)

    def _create(self, name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> DenseWriter:
        row_bytes = max(1, int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize)
        chunk_rows = CHUNK_ROWS if len(shape) > 1 else (1 << 20) // row_bytes
        chunk_rows = max(1, min(chunk_rows, shape[0]))  # a chunk is stored whole, so a short array gets a short one
        chunks_in_shard = max(1, min(SHARD_BYTES // (row_bytes * chunk_rows), -(-shape[0] // chunk_rows)))
        array = self._group.create_array(
            name,
            shape=tuple(shape),
            dtype=dtype,
            chunks=(chunk_rows, *(max(1, n) for n in shape[1:])),
            shards=(chunk_rows * chunks_in_shard, *(max(1, n) for n in shape[1:])),
            compressors=[Crc32cCodec()],
            fill_value=np.nan if dtype.kind == "f" else 0,
            config={"write_empty_chunks": True},
        )
        return DenseWriter(array)


class StoreWriter:
    """A store in the making; see `create`."""

    def __init__(self, path: Path, attrs: Mapping[str, Any]) -> None:
        self._path = path
        self._root = zarr.open_group(path, mode="w", zarr_format=3, attributes=dict(attrs))

    def group(self, name: str, ids: Sequence[str], attrs: Mapping[str, Any] | None = None) -> GroupWriter:
        """Add a group over sorted, unique ids."""
        if list(ids) != sorted(set(ids)) or any("\n" in id_ for id_ in ids):
            raise DataError(f"store group '{name}': ids must be sorted, unique and without line breaks")
        return GroupWriter(self._root.create_group(name, attributes=dict(attrs or {})), ids)

    def finish(self) -> None:
        """Write the manifest; called once, when all groups are there."""
        files = sorted(p for p in self._path.glob("*/**/*") if p.is_file())
        sizes = {p.relative_to(self._path).as_posix(): p.stat().st_size for p in files}
        self._root.attrs[_MANIFEST] = {"version": VERSION, "files": sizes}


@contextmanager
def create(path: Path, attrs: Mapping[str, Any]) -> Iterator[StoreWriter]:
    """Write a store; it appears at `path` whole when the block ends. `attrs` is its provenance (JSON)."""
    with whole(path) as scratch:
        writer = StoreWriter(scratch, attrs)
        yield writer
        writer.finish()


@dataclass(frozen=True)
class _Loaded:
    """What `rows` has read of one group."""

    group: str
    places: dict[str, int]  # the row of each id
    arrays: dict[str, Array]


def verify(path: Path) -> list[str]:
    """What is wrong with a store, one line each: files, checksums, shapes; empty where it is sound.

    Reads all of it, in bounded memory and several threads.
    """
    return list(store_check.faults(path, VERSION))


class Store:
    """A finished store, opened for reading. `stage` is named in errors as the one to rerun."""

    def __init__(self, path: Path, stage: str) -> None:
        self.path = path
        self._loaded: _Loaded | None = None
        self._remedy = f"run `dvc repro {stage}`"
        try:
            self._root = zarr.open_group(path, mode="r")
        except FileNotFoundError:
            raise FormatError(f"{path}: no readable store there; {self._remedy}") from None
        except _UNREADABLE:
            told = "its manifest 'zarr.json' is cut short or changed"
            raise FormatError(f"{path}: no readable store there: {told}; {self._remedy}") from None
        self._check_complete()

    @property
    def attrs(self) -> dict[str, Any]:
        """Provenance of the whole store."""
        return {name: value for name, value in self._root.attrs.items() if name != _MANIFEST}

    def groups(self) -> list[str]:
        """Names of the groups, sorted."""
        with self._described("*"):
            return sorted(self._root.group_keys())

    def group_attrs(self, group: str) -> dict[str, Any]:
        """Provenance of one group."""
        return dict(self._group(group).attrs)

    def arrays(self, group: str) -> list[str]:
        """Names of a group's arrays, sorted."""
        with self._described(f"{group}/*"):
            return sorted(self._group(group).array_keys())

    def shapes(self, group: str) -> dict[str, tuple[tuple[int, ...], str]]:
        """Shape and type of a group's arrays but the ids, by name; nothing of them is read."""
        found = self._group(group)
        with self._described(f"{group}/*"):
            arrays = {name: array for name, array in found.arrays() if name != "ids"}
        return {name: (tuple(array.shape), str(array.dtype)) for name, array in sorted(arrays.items())}

    def ids(self, group: str) -> list[str]:
        """The sorted ids of a group; row i of every array belongs to id i."""
        text = self.read(group, "ids").tobytes().decode()
        return text.split("\n") if text else []

    def read(self, group: str, name: str) -> Array:
        """A whole array, in memory. A flipped byte raises FormatError."""
        array = self._array(group, name)
        try:
            return np.asarray(array[...])
        except ValueError as error:  # zarr's checksum error, which does not say where
            self._say_where(group, name)
            raise FormatError(f"{self.path}: group '{group}', array '{name}': {error}; {self._remedy}") from None

    def read_ragged(self, group: str, name: str) -> list[Array]:
        """The rows of a ragged array as views of one buffer."""
        offsets = self.read(group, f"{name}.offsets")
        values = self.read(group, name) if len(offsets) > 1 else np.empty(0)
        return [values[start:stop] for start, stop in pairwise(offsets)]

    def reader(self, group: str, name: str) -> RowReader:
        """An array whose rows are read from disk when they are needed."""
        self._array(group, name)
        return RowReader(self.path / group / name, self._remedy)

    def places(self, group: str) -> Mapping[str, int]:
        """The row of each id of a group, kept in memory until another group is asked for."""
        return self._load(group).places

    def rows(self, group: str, name: str, ids: Sequence[str]) -> Array:
        """Rows of a dense array by id, in the order asked for; an id that is not there is a DataError.

        The array is read once: it stays in memory until rows of another group are asked for.
        """
        loaded = self._load(group)
        missing = [id_ for id_ in ids if id_ not in loaded.places]
        if missing:
            raise DataError(
                f"{self.path}: group '{group}' lacks {len(missing)} of {len(ids)} ids, first {missing[0]!r}; "
                f"{self._remedy}"
            )
        if name not in loaded.arrays:
            loaded.arrays[name] = self.read(group, name)
        rows: Array = loaded.arrays[name][[loaded.places[id_] for id_ in ids]]
        return rows

    def _load(self, group: str) -> _Loaded:
        if self._loaded is None or self._loaded.group != group:
            self._loaded = _Loaded(group, {id_: row for row, id_ in enumerate(self.ids(group))}, {})
        return self._loaded

    def _say_where(self, group: str, name: str) -> None:
        """Raise FormatError, naming the file, for the first chunk of an array whose checksum does not fit."""
        reader = self.reader(group, name)
        num_rows = int(reader.shape[0])
        for start in range(0, num_rows, CHUNK_ROWS):
            reader.read([(start, np.empty((min(CHUNK_ROWS, num_rows - start), *reader.shape[1:]), reader.dtype))])

    def _array(self, group: str, name: str) -> Any:
        arrays = self._group(group)
        with self._described(f"{group}/{name}"):
            if name in arrays:
                return arrays[name]
        raise FormatError(f"{self.path}: group '{group}' has no array '{name}'; {self._remedy}")

    @contextmanager
    def _described(self, what: str) -> Iterator[None]:
        """What zarr raises where the file that describes a group or an array is damaged becomes one line.

        `what` is its folder in the store, or a pattern of several of which one is damaged.
        """
        try:
            yield
        except _UNREADABLE:
            file = next(filter(_is_no_json, sorted(self.path.glob(f"{what}/zarr.json"))), Path(f"{what}/zarr.json"))
            name = file.relative_to(self.path) if file.is_relative_to(self.path) else file
            raise FormatError(f"{self.path}: file '{name}' is cut short or changed; {self._remedy}") from None

    def _group(self, name: str) -> zarr.Group:
        with self._described(name):
            group = self._root.get(name)
        if not isinstance(group, zarr.Group):
            raise FormatError(f"{self.path}: no group '{name}', found {self.groups()}; {self._remedy}")
        return group

    def _check_complete(self) -> None:
        manifest: dict[str, Any] = dict(self._root.attrs).get(_MANIFEST, {})  # type: ignore[assignment]
        if manifest.get("version") != VERSION:
            raise FormatError(
                f"{self.path}: store version {manifest.get('version')}, this code reads {VERSION}; {self._remedy}"
            )
        for name, size in manifest["files"].items():
            file = self.path / name
            if not file.is_file() or file.stat().st_size != size:
                raise FormatError(f"{self.path}: file '{name}' is missing or cut short; {self._remedy}")


def _is_no_json(file: Path) -> bool:
    try:
        json.loads(file.read_bytes())
    except ValueError:
        return True
    return False
