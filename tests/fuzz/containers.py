"""Damage to containers that keeps their sums and lengths right, so that it reaches what lies behind the first check."""

import gzip
import io
import pickle
import pickletools
import struct
import zipfile
import zlib
from collections import OrderedDict
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.formats.plain_pickle import ADMITTED, Array
from pipeline.formats.unpickling import load
from tests.fuzz import evil
from tests.fuzz.evil import Damage

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KINDS = (
    b"IHDR",
    b"IDAT",
    b"IEND",
    b"PLTE",
    b"tRNS",
    b"iCCP",
    b"zTXt",
    b"iTXt",
    b"tEXt",
    b"gAMA",
    b"eXIf",
    b"acTL",
    b"fdAT",
)


_TAR_FIELDS = ((0, 100), (124, 136), (156, 157), (257, 265), (345, 500))  # name, bytes, type, magic, prefix


def tar(rng: Random, data: bytes) -> bytes:
    """Change fields of a member's header, or a record of a pax header; the header's sum stays right."""
    content = bytearray(data)
    heads = [at for at in range(0, len(data) - 511, 512) if data[at + 257 : at + 262] == b"ustar"]
    at = rng.choice(heads)
    if rng.random() < 0.3:  # what stands behind the header
        odd = (b"30 path=../../x\n", b"19 size=99999999999", b"0 a=b\n", b"9" * 30, b"12 size=-1\n", rng.randbytes(16))
        part = rng.choice(odd)
        content[at + 512 : at + 512 + len(part)] = part
        return bytes(content)
    first, stop = rng.choice(_TAR_FIELDS)
    size = stop - first
    values = (
        rng.randbytes(size),
        bytes(size),
        b"7" * size,
        b"\x80" + rng.randbytes(size),
        b"../" * size,
        b"x.jpg" + bytes(size),
        bytes([rng.choice(b"0125LKxgSV7")]) * size,
    )
    content[at + first : at + stop] = rng.choice(values)[:size]
    content[at + 148 : at + 156] = b" " * 8
    content[at + 148 : at + 156] = b"%06o\0 " % sum(content[at : at + 512])
    return bytes(content)


def png(rng: Random, data: bytes) -> bytes:
    """Change the chunks of a PNG; their sums stay right, save now and then."""
    chunks = _chunks(data)
    place = rng.randrange(len(chunks))
    kind, body = chunks[place]
    what = rng.randrange(8)
    if what == 0:
        del chunks[place]
    elif what == 1:
        chunks.insert(place, rng.choice(chunks))
    elif what == 2:
        rng.shuffle(chunks)
    elif what == 3:
        odd = (b"", b"x", b"a\0\0" + zlib.compress(bytes(1 << 16)), rng.randbytes(20), struct.pack(">II", 2**31, 1))
        chunks.insert(place, (rng.choice(_KINDS), rng.choice(odd)))
    elif what == 4:
        chunks[place] = (rng.choice(_KINDS), body)
    elif what == 5 and kind == b"IDAT":
        chunks[place] = (kind, zlib.compress(rng.choice(evil.BYTES)(rng, zlib.decompress(body))))
    else:
        chunks[place] = (kind, rng.choice(evil.BYTES)(rng, body))
    stored = _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)
    return evil.length(rng, stored) if rng.random() < 0.1 else stored


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], len(_SIGNATURE)
    while at + 12 <= len(data):
        num_bytes = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + num_bytes]))
        at += 12 + num_bytes
    return found


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def packed(*inside: Damage) -> Damage:
    """Damage behind gzip; the packed bytes themselves are damaged now and then."""

    def damage(rng: Random, data: bytes) -> bytes:
        changed = gzip.compress(rng.choice(inside)(rng, gzip.decompress(data)), mtime=0)
        return rng.choice(evil.BYTES)(rng, changed) if rng.random() < 0.5 else changed

    return damage


_DESCRS = (
    "',i8'",
    "'f4',",
    "'i8,i8'",
    "(2,)",
    "'M8[s]'",
    "[('a','<f4')]",
    "'\\N{x}'",
    "'f4'*999",
    "'O'",
    "'<f8'",
    "'>f2'",
    "'|S4'",
    "'<u8'",
    "'<i1'",
    "None",
    "'<f16'",
    "'<c8'",
    "'|V0'",
    "'|U0'",
    "{}",
    "'(2,)f4'",
    "'f4\\0'",
    "1e999",
    "[" * 200,
    "-" * 300,
)
_SHAPES = (
    "()",
    "(0,)",
    "(3,)",
    "(3, 0)",
    "(-1, 4)",
    "(2**62, 4)",
    "(9223372036854775807, 4)",
    "(1.0, 2)",
    "(True, 2)",
    "3",
    "'a'",
)


def npy(rng: Random, data: bytes) -> bytes:
    """A NumPy file whose header says something else; or an archive of one."""
    if rng.random() < 0.05:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(zipfile.ZipInfo(rng.choice(("a.npy", "../a.npy"))), data)
        return file.getvalue()
    array = np.load(io.BytesIO(data), allow_pickle=False)
    said = {"descr": repr(array.dtype.str), "fortran_order": "False", "shape": str(array.shape)}
    key = rng.choice(sorted(said))
    odd = {"descr": _DESCRS, "shape": _SHAPES, "fortran_order": ("True", "1", "None", "'a'")}
    said[key] = rng.choice(odd[key])
    if rng.random() < 0.1:
        del said[rng.choice(sorted(said))]
    header = ("{" + ", ".join(f"{key!r}: {value}" for key, value in said.items()) + ", }").encode()
    version = rng.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\4\0"))
    width = struct.Struct("<H" if version == b"\1\0" else "<I")
    body = rng.choice((array.tobytes(), b"", array.tobytes()[:-1], array.tobytes() * 2))
    return b"\x93NUMPY" + version + width.pack(len(header) + 1) + header + b"\n" + body


def parquet(rng: Random, data: bytes) -> bytes:
    """A table whose columns are of other types, or missing, or there twice."""
    table = pq.read_table(io.BytesIO(data))
    place = rng.randrange(table.num_columns)
    count = table.num_rows
    odd = rng.choice(
        (
            pa.array([float("nan")] * count),
            pa.array([1.5] * count),
            pa.array([2**63] * count, pa.uint64()),
            pa.array([True] * count),
            pa.array([None] * count),
            pa.array([b"\xff\xfe"] * count, pa.binary()),
            pa.array([["a"]] * count),
            pa.array([{"a": 1}] * count),
            pa.array(["x" * 70000] * count),
            pa.array([0] * count, pa.timestamp("ns")),
            pa.array(["a"] * count).dictionary_encode(),
            pa.array([b"\xff\xfe"] * count, pa.binary()).view(pa.string()),
            pa.array([-1] * count),
            pa.array([""] * count),
        )
    )
    name = table.column_names[place] if rng.random() < 0.9 else rng.choice((table.column_names[0], "other", ""))
    file = io.BytesIO()
    pq.write_table(table.set_column(place, name, odd), file)
    return file.getvalue()


def _doubled(rng: Random) -> list:
    value: list = [1.0, 2.0]
    for _ in range(rng.choice((3, 20, 60))):
        value = [value, value]
    return value


def _nested(rng: Random) -> Any:
    value: Any = ()
    for _ in range(rng.choice((3, 50, 300))):
        value = rng.choice(((value,), [value], {"a": value}))
    return value


def pickled_value(rng: Random) -> Any:
    """A value that has no business in the pickle, or one that has, in a form of its own."""
    array = np.arange(6).astype(rng.choice(("f2", "f4", ">f8", "i8", "u1", "?"))).reshape(2, 3)
    with np.errstate(divide="ignore"):
        odd = (
            None,
            True,
            -1,
            10**400,
            1.5,
            float("nan"),
            float("inf"),
            -0.0,
            "",
            "\ud800",
            "a\nb",
            "a#b",
            "x" * 70000,
            b"\xff",
            [],
            {},
            (),
            [1, 2],
            {"a": 1},
            {1: 2},
            {(1, 2): 3},
            {1},
            frozenset([1]),
            OrderedDict(a=1),
            bytearray(b"a"),
            array,
            array.T,
            array[:0],
            np.float32("nan"),
            np.int64(3),
            np.array(["a"]),
            np.array([None]),
            1j,
            np.dtype("f4"),
            np.full((1, 4), np.nan, np.float32),
            np.ones((1, 4)) * 1e300,
            np.zeros((2, 5, 25, 3)),
            len,
            _doubled(rng),
            _nested(rng),
        )
    return rng.choice(odd)


def _value(data: bytes) -> Any:
    """The value of a pickle, read by the project's own machine: a damaged one could run anything in another."""
    return _unwrapped(load(io.BytesIO(data), len(data), ADMITTED))


def _unwrapped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unwrapped(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_unwrapped, value))
    return value.value if isinstance(value, Array) else value


def pickle_value(rng: Random, data: bytes) -> bytes:
    """Put an odd value anywhere into the value of a pickle of ours, and write it under any protocol."""
    tree = _value(data)
    places = evil._places(tree) if isinstance(tree, dict | list) else []
    if places:
        holder, key = rng.choice(places)
        if isinstance(holder, dict) and rng.random() < 0.15:
            holder[rng.choice((1, "", "\ud800", (1, (2, 3)), None, "a\nb"))] = holder.pop(key)
        else:
            holder[key] = pickled_value(rng)
    return pickle.dumps(tree if places else pickled_value(rng), rng.randrange(6))


_SIMPLE = b"N\x88\x89)]}\x8f(0122\x86\x86\x85\x87tlduseab\x90\x91\x94Rb\x93\x81\x92Q."


def pickle_operations(rng: Random, data: bytes) -> bytes:
    """Operations of a pickle left out, said again, moved, or mixed with those that no pickler would write there."""
    starts = [place for _, _, place in pickletools.genops(data)]
    steps = [data[start:end] for start, end in zip(starts, [*starts[1:], len(data)], strict=True)]
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(steps))
        what = rng.randrange(6)
        if what == 0:
            del steps[place : place + size_of(rng)]
        elif what == 1:
            steps[place:place] = steps[place : place + size_of(rng)] * rng.choice((1, 2, 45))
        elif what == 2:
            other = rng.randrange(len(steps))
            steps[place], steps[other] = steps[other], steps[place]
        elif what == 3:
            steps.insert(place, bytes([rng.choice(_SIMPLE)]) * rng.choice((1, 1, 2, 45)))
        elif what == 4:
            steps.insert(place, rng.choice((b"2\x86" * 45, b"h\0", b"h" + rng.randbytes(1), b"K" + rng.randbytes(1))))
        else:
            steps[place] = rng.choice(evil.BYTES)(rng, steps[place])
        if not steps:
            break
    return b"".join(steps)


def size_of(rng: Random) -> int:
    """How many operations at once: mostly few."""
    return evil.size(rng, 40)


YAML_TEXTS = (
    "&a [*a]",
    "&b [1, 2]\nx1: &c [*b, *b]\nx2: &d [*c, *c]",
    "!!int ''",
    "!!python/object:os.system x",
    "2026-99-99",
    "!!binary a",
    "!!set {a, b}",
    "? [1]\n: 2",
    "<<: {a: 1}",
    ".nan",
    "-.inf",
    "0o777",
    "1:30:00",
    "1_000",
    "~",
    "[" * 500,
    "{a: " * 500,
    "|\n  x",
    "\t",
    "'",
    "%TAG",
    "---\na: 1",
    "*missing",
    "1" * 5000,
    '"\\ud800"',
    "!!float x",
    "!!timestamp x",
    "!!bool x",
    "yes",
    "=",
)


def yaml(rng: Random, data: bytes) -> bytes:
    """Put what only YAML knows where a value stands."""
    parts = data.split(b": ")
    place = rng.randrange(len(parts))
    rest = parts[place].partition(b"\n")
    parts[place] = rng.choice(YAML_TEXTS).encode() + b"\n" + rest[2]
    return b": ".join(parts)


PNG: tuple[Damage, ...] = (png, png, png, png, *evil.BYTES)
TAR: tuple[Damage, ...] = (tar, tar, *evil.BYTES)
NPY: tuple[Damage, ...] = (npy, npy, npy, *evil.BYTES)
PARQUET: tuple[Damage, ...] = (parquet, *evil.BYTES)
PICKLE: tuple[Damage, ...] = (
    pickle_value,
    pickle_value,
    pickle_operations,
    pickle_operations,
    evil.flip,
    evil.cut,
    evil.length,
)
GZIP: tuple[Damage, ...] = (packed(*evil.TEXT),)
YAML: tuple[Damage, ...] = (yaml, yaml, *evil.TEXT)
