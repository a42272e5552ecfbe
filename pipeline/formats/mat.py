"""MATLAB 5 files of UTD-MHAD: `d_skel` (20 joints, x y z, frames) in metres, `d_depth` (rows, columns, frames) in mm.

Only what such a file needs is read: one named array of real numbers, of an expected class and shape, from plain or
compressed elements. SciPy reads far more and can be brought to crash by a damaged file (tried with 1.17.1); here every
length is checked before it is used, and nothing is unpacked beyond a limit.

Format: MathWorks, "MAT-File Format", level 5: a header of 128 bytes, then elements, each with a tag (type, bytes).
A matrix element holds elements itself: flags, dimensions, name, real part.
"""

# Shapes: M bodies, T frames, V joints, 3 = x y z, H x W pixels.
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.core.joints import KINECT20
from pipeline.formats.shared import Footage, Indices, Skeleton

MAX_SKELETON_BYTES = 16 << 20  # nearly twenty minutes at 30 frames a second; the longest recording has 125 frames
MAX_DEPTH_BYTES = 256 << 20  # 1,700 frames; the longest recording is 125
DEPTH_SIZE = (240, 320)
_MAX_VARIABLES = 1000
_MAX_SHOWN = 40  # letters of a name, in a message

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_CLASSES = {
    1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "double", 7: "single", 8: "int8", 9: "uint8",
    10: "int16", 11: "uint16", 12: "int32", 13: "uint32", 14: "int64", 15: "uint64", 16: "function", 17: "opaque",
}  # fmt: skip
_COMPLEX = 0x0800
# How the numbers of a class are stored may be narrower: MATLAB writes whole doubles as bytes.
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}


def read_skeleton(path: Path) -> Skeleton:
    """One body of 20 Kinect-v1 joints from a UTD-MHAD skeleton file; FormatError if it is anything else."""
    shape = (KINECT20.num_joints, 3, None)
    xyz_V3T = read_array(path, "d_skel", "double", shape, max_bytes=MAX_SKELETON_BYTES)
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 becomes infinite, which ingest rejects by name
        xyz_MTV3 = np.ascontiguousarray(xyz_V3T.transpose(2, 0, 1)[None], dtype=np.float32)
    return Skeleton(layout=KINECT20.name, xyz_MTV3=xyz_MTV3, body_ids=(0,))


def depth_footage(path: Path) -> Footage:
    """The depth of a UTD-MHAD recording: 240 x 320 pixels, millimetres, 0 = no reading; read when needed."""

    @cache
    def recorded() -> npt.NDArray[np.uint16]:
        # The released files call the numbers doubles and store whole millimetres; as doubles they would fill gigabytes.
        shape = (*DEPTH_SIZE, None)
        stored_HWT = read_array(path, "d_depth", "double", shape, max_bytes=MAX_DEPTH_BYTES, as_stored=True)
        if stored_HWT.shape[2] < 2:
            raise FormatError(f"{path}: {stored_HWT.shape[2]} frames, a clip needs at least 2")
        with np.errstate(invalid="ignore"):
            depth_mm_HWT = stored_HWT.astype(np.uint16)
        if not np.array_equal(depth_mm_HWT, stored_HWT):
            raise FormatError(f"{path}: 'd_depth' should hold whole millimetres from 0 to 65535")
        return depth_mm_HWT

    def frames(indices: Indices) -> npt.NDArray[np.uint16]:
        return np.ascontiguousarray(recorded()[:, :, list(indices)].transpose(2, 0, 1))

    return Footage("depth_mm", lambda: recorded().shape[2], frames)


def read_array(
    path: Path,
    name: str,
    kind: Literal["double", "uint16"],
    shape: tuple[int | None, ...],
    *,
    max_bytes: int,
    as_stored: bool = False,
) -> npt.NDArray[Any]:
    """The array of a name, class and shape (None = any length); `max_bytes` bounds the file, and what it unpacks to.

    With `as_stored` the numbers keep the type that they are stored in, which may be up to eight times narrower.
    Raises FormatError if the file is no MATLAB 5 file, is cut short or does not hold just such an array.
    """
    content, order = _content(path, max_bytes)
    try:
        held = list(_matrices(content, order, max_bytes))
        matches = [matrix for matrix in held if matrix.name == name.encode()]
        if len(matches) != 1:
            raise _MatError(f"expected one variable '{name}', found {len(matches)}{_others(held, matches)}")
        _check(matches[0], name, kind, shape)
        dtype = np.dtype({"double": "f8", "uint16": "u2"}[kind])
        numbers = _numbers(matches[0], order, dtype)
        return numbers if as_stored else numbers.astype(dtype)
    except _MatError as fault:
        raise FormatError(f"{path}: {fault}") from None


class _MatError(Exception):
    """What is wrong with the bytes; the path is put before it."""


_Order = Literal["little", "big"]


@dataclass(frozen=True)
class _Matrix:
    """A variable, its numbers not yet looked at."""

    name: bytes
    kind: str
    is_complex: bool
    shape: tuple[int, ...]
    rest: memoryview  # from the real part on


def _content(path: Path, max_bytes: int) -> tuple[memoryview, _Order]:
    content = outside.content(path, max_bytes, "a MATLAB file of one clip")
    if content.startswith(b"MATLAB 7.3"):
        raise FormatError(f"{path}: MATLAB 7.3 (HDF5), expected MATLAB 5; save it again with '-v7'")
    mark = content[_HEADER_BYTES - 2 : _HEADER_BYTES]
    if not content.startswith(b"MATLAB 5.0 MAT-file") or mark not in (b"IM", b"MI"):
        raise FormatError(f"{path}: not a MATLAB 5 file")
    return memoryview(content)[_HEADER_BYTES:], "little" if mark == b"IM" else "big"


def _matrices(content: memoryview, order: _Order, max_bytes: int) -> Iterator[_Matrix]:
    """The variables of a file; those without a name of their own, as MATLAB's objects have, are passed over."""
    num_elements = 0
    while content:
        num_elements += 1
        if num_elements > _MAX_VARIABLES:
            raise _MatError(f"more than {_MAX_VARIABLES} variables; a clip is one")
        kind, body, content = _element(content, order, padded=False)
        if kind == _COMPRESSED:
            unpacked = _unpacked(body, max_bytes)
            max_bytes -= len(unpacked)
            kind, body, _ = _element(unpacked, order, padded=False)
        if kind == _MATRIX:
            matrix = _matrix(body, order)
            if matrix is not None:
                yield matrix


def _others(held: list[_Matrix], matches: list[_Matrix]) -> str:
    """What a file holds instead: a recording of another sense, say."""
    names = [ascii(matrix.name[:_MAX_SHOWN].decode("ascii", "replace")) for matrix in held]
    return "" if matches or not held else f"; the file holds {', '.join(names[:3])}" + ", ..." * (len(names) > 3)


def _element(content: memoryview, order: _Order, *, padded: bool = True) -> tuple[int, memoryview, memoryview]:
    """Type and body of the first element, and what follows it; elements inside a matrix are padded to 8 bytes."""
    if len(content) < 8:
        raise _MatError("truncated: ends inside the tag of an element")
    word = int.from_bytes(content[:4], order)
    if word >> 16:  # up to 4 bytes stand in the tag itself
        kind, start, num_bytes, end = word & 0xFFFF, 4, word >> 16, 8
    else:
        kind, start, num_bytes = word, 8, int.from_bytes(content[4:8], order)
        end = start + (-(-num_bytes // 8) * 8 if padded else num_bytes)
    if start == 4 and num_bytes > 4:
        raise _MatError(f"damaged: a short element of {num_bytes} bytes")
    if start + num_bytes > len(content):
        raise _MatError(f"truncated: an element of {num_bytes} bytes has {len(content) - start} left")
    return kind, content[start : start + num_bytes], content[end:]


def _unpacked(packed: memoryview, max_bytes: int) -> memoryview:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(packed, max(1, max_bytes))
    except zlib.error as error:
        raise _MatError(f"damaged compressed element ({error})") from None
    if inflater.unconsumed_tail:
        raise _MatError("unpacks to more than one clip can hold")
    if not inflater.eof:
        raise _MatError("truncated: a compressed element has no end")
    return memoryview(content)


def _matrix(body: memoryview, order: _Order) -> _Matrix | None:
    _, flags, body = _element(body, order)
    word = int.from_bytes(flags[:4], order)
    kind = _CLASSES.get(word & 0xFF, "unknown")
    if kind in ("opaque", "unknown"):  # these have no dimensions
        return None
    _, lengths, body = _element(body, order)
    _, name, body = _element(body, order)
    shape = tuple(np.frombuffer(lengths[: len(lengths) // 4 * 4], _stored("i4", order)).tolist())
    return _Matrix(bytes(name), kind, bool(word & _COMPLEX), shape, body)


def _check(matrix: _Matrix, name: str, kind: str, shape: tuple[int | None, ...]) -> None:
    fits = len(matrix.shape) == len(shape) and all(
        length >= 0 and wanted in (None, length) for length, wanted in zip(matrix.shape, shape, strict=True)
    )
    if matrix.kind != kind or matrix.is_complex or not fits:
        wanted_shape = "x".join("T" if length is None else str(length) for length in shape)
        found_shape = "x".join(map(str, matrix.shape[:8]))
        found_kind = f"complex {matrix.kind}" if matrix.is_complex else matrix.kind
        raise _MatError(f"'{name}' should be {kind} {wanted_shape}, found {found_kind} {found_shape}")


def _numbers(matrix: _Matrix, order: _Order, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """The real part as stored, fit for a type. Nothing is allocated that the file does not hold: lengths must agree."""
    stored, body, _ = _element(matrix.rest, order)
    if stored not in _STORED:
        raise _MatError(f"damaged: numbers of the unknown type {stored}")
    held = _stored(_STORED[stored], order)
    if not np.can_cast(held, dtype):
        raise _MatError(f"damaged: numbers of type {held} in an array of {dtype}")
    if len(body) != math.prod(matrix.shape) * held.itemsize:
        raise _MatError(f"damaged: {len(body)} bytes of {held} cannot be an array {'x'.join(map(str, matrix.shape))}")
    return np.frombuffer(body, held).reshape(matrix.shape, order="F")


def _stored(code: str, order: _Order) -> np.dtype[Any]:
    return np.dtype(("<" if order == "little" else ">") + code)
