"""Grey PNG pictures of 8 or 16 bit, exactly as recorded; anything else is refused before its pixels are unpacked."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.core import outside
from pipeline.core.errors import FormatError

_MAX_PIXELS = 1 << 26
_MAX_BYTES = 256 << 20  # of the largest picture that is read, uncompressed, twice
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")  # width, height, bits, colour, compression, filter, interlace
_COLOURS = {0: "grey", 2: "RGB", 3: "a palette", 4: "grey with transparency", 6: "RGB with transparency"}
# Of an interlaced picture: where the columns and rows of each of the seven passes begin, and how far apart they are.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def read_grey(path: Path) -> npt.NDArray[Any]:
    """(H, W) uint8 or uint16, by the file's own depth. Raises FormatError for colour, palettes and broken files."""
    try:
        header, rows = _unpacked(path, outside.content(path, _MAX_BYTES, "a PNG picture"))
        # Only the pixels go to the decoder, stored and not packed: what else is in the file can do no harm.
        chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", zlib.compress(rows, 0)), _chunk(b"IEND", b""))
        with Image.open(io.BytesIO(_SIGNATURE + b"".join(chunks)), formats=["PNG"]) as image:
            return np.asarray(image).astype(np.uint8 if image.mode == "L" else np.uint16)
    except (_PngError, zlib.error, OSError, SyntaxError, ValueError) as error:
        raise FormatError(f"{path}: not a readable PNG ({' '.join(str(error).split())}); replace the file") from None


def write_grey(path: Path, picture_HW: npt.NDArray[Any]) -> None:
    """Write (H, W) uint8 or uint16 as a grey PNG."""
    if picture_HW.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a grey PNG holds uint8 or uint16, found {picture_HW.dtype}")
    Image.fromarray(np.ascontiguousarray(picture_HW)).save(path, format="PNG", compress_level=1)


class _PngError(Exception):
    """What is wrong with the bytes; the path is put before it."""


def _unpacked(path: Path, content: bytes) -> tuple[bytes, bytes]:
    """The header of a grey picture and its rows, each with its filter, all there."""
    if not content.startswith(_SIGNATURE):
        raise _PngError("the file does not begin as one")
    header, pixels = b"", []
    for kind, body in _chunks(memoryview(content)[len(_SIGNATURE) :]):
        if not header and kind != b"IHDR":
            raise _PngError("the header is not the first chunk")
        if kind == b"IHDR":
            header = bytes(body)
            num_bytes = _num_bytes(path, header)
        elif kind == b"IDAT":
            pixels.append(body)
    if not header:
        raise _PngError("no header in it")
    inflater = zlib.decompressobj()
    rows = inflater.decompress(b"".join(pixels), num_bytes + 1)
    if len(rows) != num_bytes or not inflater.eof:
        size = "more" if len(rows) > num_bytes else f"{len(rows)}"
        raise _PngError(f"its rows should unpack to {num_bytes} bytes, found {size}: it is cut short or damaged")
    return header, rows


def _chunks(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Type and body of every chunk up to the last, checked against its sum."""
    kind = b""
    while kind != b"IEND":
        if len(content) < 12:
            raise _PngError("truncated: no end in it")
        num_bytes, kind = int.from_bytes(content[:4], "big"), bytes(content[4:8])
        if num_bytes + 12 > len(content):
            raise _PngError(f"truncated: a chunk of {num_bytes} bytes has {len(content) - 12} left")
        if zlib.crc32(content[4 : 8 + num_bytes]) != int.from_bytes(content[8 + num_bytes : 12 + num_bytes], "big"):
            raise _PngError(f"a chunk {kind!r} is damaged")
        yield kind, content[8 : 8 + num_bytes]
        content = content[12 + num_bytes :]


def _num_bytes(path: Path, header: bytes) -> int:
    """What the rows of a picture unpack to. FormatError for one that is not grey of 8 or 16 bit, or too large."""
    if len(header) != _HEADER.size:
        raise _PngError(f"a header of {len(header)} bytes")
    width, height, bits, colour, compression, filtering, interlace = _HEADER.unpack(header)
    if width * height > _MAX_PIXELS:
        raise FormatError(f"{path}: {width} x {height} pixels is more than this code reads")
    if colour != 0 or bits not in (8, 16):
        mode = _COLOURS.get(colour, f"colour type {colour}")
        raise FormatError(f"{path}: a grey PNG of 8 or 16 bit was expected, found mode {mode!r} of {bits} bit")
    if not (width and height) or compression or filtering or interlace > 1:
        raise _PngError(f"{width} x {height} pixels, compression {compression}, {filtering}, {interlace}")
    passes = _PASSES if interlace else ((0, 0, 1, 1),)
    sizes = [(-((left - width) // across), -((top - height) // down)) for left, top, across, down in passes]
    return sum((columns * bits // 8 + 1) * rows for columns, rows in sizes if columns > 0 and rows > 0)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
