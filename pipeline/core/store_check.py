"""What is wrong with a feature store: its files, checksums and shapes, told without trusting any of its bytes.

Nothing is built before the bytes that it claims have been found. Memory holds one file of metadata, of
at most 16 MiB, and of each shard that is being read its index and a block.
"""

import json
import math
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.core.progress import track

_CRC_BYTES = 4
_BLOCK_BYTES = 1 << 20
_MAX_JSON_BYTES = 16 << 20  # lists 200,000 files: 12 TB of full shards, and more files than a pack can hold
_MAX_CHUNKS = 1 << 20  # in one shard: four times what a store of rows of one byte has
_MAX_ID_BYTES = 1 << 16
_MAX_TOLD = 1000  # missing files, or chunks of one shard
_MAX_DIMENSIONS = 16
_NUM_THREADS = 4
_MANY_SHARDS = 32  # about 2 GiB: who checks so many may wait
_ABSENT = 2**64 - 1  # offset and length of a chunk that was never written
_OFFSETS = ".offsets"
_NUMBERS = {
    "bool",
    "float16",
    "float32",
    "float64",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
}
_LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}


@dataclass(frozen=True)
class _Array:
    """One array as its metadata describe it. Chunks and shards cut the first axis alone."""

    place: str  # <group>/<array>
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunk_rows: int
    shard_rows: int

    @property
    def num_shards(self) -> int:
        return -(-self.shape[0] // self.shard_rows) if 0 not in self.shape else 0

    @property
    def chunk_bytes(self) -> int:
        return self.chunk_rows * math.prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def chunks_in_shard(self) -> int:
        return self.shard_rows // self.chunk_rows

    def num_chunks(self, shard: int) -> int:
        """How many chunks of a shard hold rows; the last shard has room for more."""
        return -(-min(self.shard_rows, self.shape[0] - shard * self.shard_rows) // self.chunk_rows)

    def file(self, shard: int) -> str:
        """The name of a shard's file, from the store's folder."""
        return "/".join([self.place, "c", str(shard), *["0"] * (len(self.shape) - 1)])


def faults(path: Path, version: int) -> Iterator[str]:
    """What is wrong with the store at `path`, one line each; nothing where it is sound."""
    try:
        listed = _listed(path, version)
    except FormatError as error:
        yield str(error)
        return
    there = {file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir()}
    if (num_missing := len(listed.keys() - there)) > _MAX_TOLD:
        yield f"{path}: {num_missing} of the {len(listed)} files of its manifest are missing"
        return
    damaged = dict(_files(path, listed, there))
    yield from (f"{path}: {fault}" for fault in damaged.values())
    arrays = []
    for name in sorted(listed):
        if name.endswith("/zarr.json") and name not in damaged:
            try:
                arrays += _described(path, name)
            except FormatError as error:
                damaged[name] = str(error)
                yield str(error)
    yield from _unexpected(path, arrays, listed, damaged)
    yield from _checked(path, arrays, listed, damaged)


def _listed(path: Path, version: int) -> dict[str, int]:
    """The manifest: every file with its size. Raises FormatError where there is none that can be read."""
    attrs = _json(path / "zarr.json", "the manifest of a store").get("attributes")
    manifest = attrs.get("manifest") if isinstance(attrs, dict) else None
    if not isinstance(manifest, dict):
        raise FormatError(f"{path}: zarr.json holds no manifest: the store is not finished")
    if manifest.get("version") != version:
        raise FormatError(f"{path}: store version {str(manifest.get('version'))[:40]}, this code reads {version}")
    files = manifest.get("files")
    if not isinstance(files, dict) or not all(type(size) is int for size in files.values()):
        raise FormatError(f"{path}: the manifest in zarr.json does not give every file with its size")
    return files


def _json(file: Path, what: str) -> dict[str, Any]:
    try:
        tree = json.loads(outside.content(file, _MAX_JSON_BYTES, what))
    except (ValueError, RecursionError):
        raise FormatError(f"{file}: not readable as JSON, not {what}: it is cut short or changed") from None
    if not isinstance(tree, dict):
        raise FormatError(f"{file}: not {what}")
    return tree


def _files(path: Path, listed: dict[str, int], there: set[str]) -> Iterator[tuple[str, str]]:
    """Files that are missing, of another size or too many, each with what is wrong."""
    for name in sorted(there | set(listed)):
        if name not in there:
            yield name, f"file '{name}' is missing"
        elif name in listed and (size := (path / name).stat().st_size) != listed[name]:
            yield name, f"file '{name}' has {size} bytes, its manifest says {listed[name]}"
        elif name not in listed and name != "zarr.json":
            yield name, f"file '{name}' is not in its manifest"


def _described(path: Path, name: str) -> list[_Array]:
    """The array that a zarr.json describes; none for a group's. Raises FormatError for one this store never writes."""
    tree = _json(path / name, "metadata of zarr 3")
    *place, _ = name.split("/")
    kind = {1: "group", 2: "array"}.get(len(place))  # stores are no deeper
    if kind is None or tree.get("zarr_format") != 3 or tree.get("node_type") != kind:
        raise FormatError(f"{path}: file '{name}' does not describe {'an array' if kind == 'array' else 'a group'}")
    if kind == "group":
        return []
    try:
        return [_array("/".join(place), tree)]
    except (LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:100]
        raise FormatError(
            f"{path}: file '{name}' does not describe an array of this kind of store ({reason})"
        ) from None


def _array(place: str, tree: dict[str, Any]) -> _Array:
    shape = _counts(tree["shape"])
    (codec,) = tree["codecs"]
    inner = codec["configuration"]
    expected = {
        "chunk_shape": inner["chunk_shape"],
        "codecs": [_LITTLE, {"name": "crc32c"}],
        "index_codecs": [_LITTLE, {"name": "crc32c"}],
        "index_location": "end",
    }
    if tree["data_type"] not in _NUMBERS:
        raise ValueError(f"data type {tree['data_type']!r:.40}")
    dtype = np.dtype(tree["data_type"])
    plain = {**expected, "codecs": [{"name": "bytes"}, {"name": "crc32c"}]}  # of one byte a number: no order of bytes
    if codec["name"] != "sharding_indexed" or inner != (plain if dtype.itemsize == 1 else expected):
        raise ValueError("other codecs")
    shards, chunks = _counts(tree["chunk_grid"]["configuration"]["chunk_shape"]), _counts(inner["chunk_shape"])
    whole_rows = tuple(max(1, length) for length in shape[1:])
    if 0 in (*shards, *chunks) or shards[0] % chunks[0] or not shards[1:] == chunks[1:] == whole_rows:
        raise ValueError("other chunks")
    if shards[0] // chunks[0] > _MAX_CHUNKS:
        raise ValueError(f"more than {_MAX_CHUNKS} chunks in a shard")
    return _Array(place, shape, dtype.newbyteorder("<"), chunks[0], shards[0])


def _counts(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not 0 < len(values) <= _MAX_DIMENSIONS:
        raise ValueError("no shape")
    if not all(type(value) is int and 0 <= value < 1 << 48 for value in values):
        raise ValueError("a shape that is none")
    return tuple(values)


def _unexpected(path: Path, arrays: Iterable[_Array], listed: dict[str, int], damaged: dict[str, str]) -> Iterator[str]:
    """Shards that the manifest lacks, and files in it that are of no group and no array."""
    known = {"zarr.json"} | {name for name in listed if name.endswith("/zarr.json")}
    left = len(listed)
    for array in arrays:
        if array.num_shards > left:
            yield f"{path}: array '{array.place}' has {array.num_shards} shards, the manifest lists fewer files"
            damaged[f"{array.place}/zarr.json"] = "its shards"
            continue
        left -= array.num_shards
        shards = [array.file(shard) for shard in range(array.num_shards)]
        known.update(shards)
        for name in shards:
            if name not in listed:
                yield f"{path}: file '{name}', a shard of array '{array.place}', is not in the manifest"
                damaged[name] = "not listed"
    undescribed = {name.rpartition("/")[0] for name in damaged if name.endswith("/zarr.json")}
    for name in sorted(set(listed) - known - set(damaged)):
        if not any(name.startswith(f"{place}/") for place in undescribed):
            yield f"{path}: file '{name}' belongs to no array"


def _checked(path: Path, arrays: list[_Array], listed: dict[str, int], damaged: dict[str, str]) -> Iterator[str]:
    """Checksums of all chunks, then ids, offsets and lengths of the groups whose arrays are sound."""
    arrays = [array for array in arrays if f"{array.place}/zarr.json" not in damaged]
    shards = [(array, shard) for array in arrays for shard in range(array.num_shards)]
    sound = [(array, shard) for array, shard in shards if array.file(shard) not in damaged]
    unsound = {array.place for array, shard in set(shards) - set(sound)}
    with ThreadPoolExecutor(_NUM_THREADS) as threads:
        results: Iterable[list[str]] = threads.map(
            lambda each: list(islice(_shard_faults(path, *each), _MAX_TOLD)), sound
        )
        if len(sound) > _MANY_SHARDS:
            results = track(results, total=len(sound), what=f"{path.name}: shards")
        for (array, _), found in zip(sound, results, strict=True):
            unsound.update([array.place] if found else [])
            yield from found
    by_group: dict[str, dict[str, _Array]] = {name.split("/")[0]: {} for name in listed}
    for array in arrays:
        group, _, name = array.place.partition("/")
        by_group[group][name] = array
    for group, members in sorted(by_group.items()):
        if f"{group}/zarr.json" not in listed:
            yield f"{path}: group '{group}' has no zarr.json"
        yield from (f"{path}: group '{group}': {fault}" for fault in _group_faults(path, members, unsound))


def _shard_faults(path: Path, array: _Array, shard: int) -> Iterator[str]:
    """Chunks of one shard whose checksum does not fit, read a block at a time."""
    name = array.file(shard)
    where = f"{path}: array '{array.place}', shard '{name.removeprefix(array.place + '/')}'"
    with (path / name).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        num_bytes = 16 * array.chunks_in_shard
        first = size - num_bytes - _CRC_BYTES
        if first < 0 or not _fits(file.fileno(), first, num_bytes):
            yield f"{where}: the checksum of its index does not fit"
            return
        index = np.frombuffer(os.pread(file.fileno(), num_bytes, first), "<u8").reshape(-1, 2)
        claimed = 0
        for chunk in range(array.num_chunks(shard)):
            start, length = (int(value) for value in index[chunk])
            if start == length == _ABSENT:
                yield f"{where}: chunk {chunk} is missing"
            elif length != array.chunk_bytes + _CRC_BYTES or start + length > first:
                yield f"{where}: chunk {chunk} lies outside of it"
            elif (claimed := claimed + length) > first:  # a small file would stand for any number of bytes
                yield f"{where}: chunk {chunk} shares bytes with others"
                return
            elif not _fits(file.fileno(), start, array.chunk_bytes):
                yield f"{where}: the checksum of chunk {chunk} does not fit"


def _fits(file: int, start: int, num_bytes: int) -> bool:
    """Whether the checksum behind a stretch of a file is that of its bytes."""
    checksum, done = 0, 0
    while done < num_bytes:
        block = os.pread(file, min(_BLOCK_BYTES, num_bytes - done), start + done)
        if not block:
            return False
        checksum, done = google_crc32c.extend(checksum, block), done + len(block)
    return os.pread(file, _CRC_BYTES, start + num_bytes) == checksum.to_bytes(_CRC_BYTES, "little")


def _group_faults(path: Path, arrays: dict[str, _Array], unsound: set[str]) -> Iterator[str]:
    """Ids that are not sorted, and arrays whose rows are not those of the ids."""
    ids = arrays.get("ids")
    if ids is None:
        yield "it has no array 'ids'"
        return
    if ids.place in unsound:
        return  # told before
    if (ids.dtype, len(ids.shape)) != (np.dtype(np.uint8), 1):
        yield f"'ids' is no text: {ids.dtype} of shape {ids.shape}"
        return
    num_ids, fault = _ids(_blocks(path, ids))
    if fault:
        yield fault
        return
    for name, array in sorted(arrays.items()):
        if name.endswith(_OFFSETS):
            values = arrays.get(name.removesuffix(_OFFSETS))
            if array.place not in unsound and (fault := _offsets(path, array, values, num_ids)):
                yield fault
        elif name != "ids" and f"{name}{_OFFSETS}" not in arrays and array.shape[0] != num_ids:
            yield f"array '{name}' has {array.shape[0]} rows for {num_ids} ids"


def _ids(blocks: Iterable[npt.NDArray[Any]]) -> tuple[int, str]:
    """The number of ids and what is wrong with them, from the bytes of their text a block at a time."""
    num_ids, last, rest = 0, "", b""
    for block in blocks:
        *ended, rest = (rest + block.tobytes()).split(b"\n")
        if len(rest) > _MAX_ID_BYTES:
            return num_ids, f"an id is longer than {_MAX_ID_BYTES >> 10} KiB"
        num_ids, last, fault = _rising(ended, num_ids, last)
        if fault:
            return num_ids, fault
    if not rest and not num_ids:
        return 0, ""
    num_ids, _, fault = _rising([rest], num_ids, last)
    return num_ids, fault


def _rising(ids: Iterable[bytes], num_ids: int, last: str) -> tuple[int, str, str]:
    """The number of ids with those before, the last, and what is wrong: ids are sorted and none stands twice."""
    for content in ids:
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return num_ids, last, "'ids' is not UTF-8 text"
        if num_ids and text <= last:
            return num_ids, last, f"ids are not sorted and unique: {text[:80]!r} is out of place"
        num_ids, last = num_ids + 1, text
    return num_ids, last, ""


def _offsets(path: Path, array: _Array, values: _Array | None, num_ids: int) -> str:
    """What is wrong with the offsets of a ragged array."""
    name = array.place.rpartition("/")[2]
    if (array.dtype, array.shape) != (np.dtype(np.int64), (num_ids + 1,)):
        return f"'{name}' has {array.shape} of {array.dtype}, expected {num_ids + 1} offsets of int64"
    if values is None:
        return f"'{name}' is of no array"
    last = 0
    for number, block in enumerate(_blocks(path, array)):
        if (number == 0 and block[0] != 0) or block[0] < last or (block[1:] < block[:-1]).any():
            last = -1
            break
        last = int(block[-1])
    if last != values.shape[0]:
        return f"'{name}' does not rise from 0 to the {values.shape[0]} rows of its array"
    return ""


def _blocks(path: Path, array: _Array) -> Iterator[npt.NDArray[Any]]:
    """The values of an array of one dimension whose checksums fit, a block at a time; no block is empty."""
    left = array.shape[0]
    for shard in range(array.num_shards):
        with (path / array.file(shard)).open("rb") as file:
            num_bytes = 16 * array.chunks_in_shard
            file.seek(-num_bytes - _CRC_BYTES, os.SEEK_END)
            index = np.frombuffer(file.read(num_bytes), "<u8").reshape(-1, 2)
            for start in index[: array.num_chunks(shard), 0].tolist():
                for place in range(0, array.chunk_bytes, _BLOCK_BYTES):
                    content = os.pread(file.fileno(), min(_BLOCK_BYTES, array.chunk_bytes - place), start + place)
                    values = np.frombuffer(content, array.dtype)[:left]
                    left -= len(values)
                    if len(values):
                        yield values
