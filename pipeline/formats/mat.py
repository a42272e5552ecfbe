"""MATLAB 5 files of UTD-MHAD: `d_skel` (20 joints, x y z, frames) in metres.

A file is inflated here, under a limit, before SciPy parses it: a few kilobytes can otherwise ask for gigabytes.
"""

# Shapes: M bodies, T frames, V joints, 3 = x y z.
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import FormatError
from pipeline.core.joints import KINECT20
from pipeline.formats.shared import Skeleton

MAX_SKELETON_BYTES = 16 << 20  # over nine minutes at 60 frames a second; the longest recording is 125 frames

_HEADER_BYTES = 128
_COMPRESSED = 15  # type number of an element that holds another one, deflated


def read_skeleton(path: Path) -> Skeleton:
    """One body of 20 Kinect-v1 joints from a UTD-MHAD skeleton file; FormatError if it is anything else."""
    shape = (KINECT20.num_joints, 3, None)
    xyz_V3T = _variable(path, "d_skel", "double", shape, max_bytes=MAX_SKELETON_BYTES)
    with np.errstate(over="ignore"):  # beyond float32 becomes infinite, which ingest rejects by name
        xyz_MTV3 = np.ascontiguousarray(xyz_V3T.transpose(2, 0, 1)[None], dtype=np.float32)
    return Skeleton(layout=KINECT20.name, xyz_MTV3=xyz_MTV3, body_ids=(0,))


def _variable(
    path: Path, name: str, kind: str, shape: tuple[int | None, ...], *, max_bytes: int
) -> npt.NDArray[np.float64]:
    """One numeric array of a file, after its declared name, class and shape were found right (None = any length)."""
    from scipy.io import loadmat, whosmat

    content = _inflated(path, max_bytes)
    try:
        found = [(shape_, kind_) for name_, shape_, kind_ in whosmat(io.BytesIO(content)) if name_ == name]
        _check_declared(path, name, found, kind, shape, max_bytes)
        array = loadmat(io.BytesIO(content), variable_names=[name])[name]
    except FormatError:
        raise
    except Exception as error:  # SciPy raises whatever the bytes lead it to, from KeyError to OverflowError
        raise FormatError(f"{path}: not a readable MATLAB 5 file ({type(error).__name__}: {error})") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise FormatError(f"{path}: '{name}' should hold real numbers, found {getattr(array, 'dtype', type(array))}")
    return array.astype(np.float64, copy=False)


def _check_declared(
    path: Path,
    name: str,
    found: list[tuple[tuple[int, ...], str]],
    kind: str,
    shape: tuple[int | None, ...],
    max_bytes: int,
) -> None:
    if len(found) != 1:
        raise FormatError(f"{path}: expected one variable '{name}', found {len(found)}")
    found_shape, found_kind = found[0]
    fits = len(found_shape) == len(shape) and all(b in (None, a) for a, b in zip(found_shape, shape, strict=True))
    if found_kind != kind or not fits:
        wanted = "x".join("T" if length is None else str(length) for length in shape)
        raise FormatError(
            f"{path}: '{name}' should be {kind} {wanted}, found {found_kind} {'x'.join(map(str, found_shape))}"
        )
    if any(length < 0 for length in found_shape) or np.prod(found_shape, dtype=object) * 8 > max_bytes:
        raise FormatError(
            f"{path}: '{name}' declares {'x'.join(map(str, found_shape))} values, too many to be one clip"
        )


def _inflated(path: Path, max_bytes: int) -> bytes:
    """The file with its compressed elements unpacked, never more than `max_bytes` of them."""
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read ({error.strerror})") from None
    order = _byte_order(path, content)
    parts = [content[:_HEADER_BYTES]]
    num_bytes = 0
    for kind, element in _elements(path, content, order, max_bytes):
        part = _unpacked(path, element[8:], max_bytes - num_bytes) if kind == _COMPRESSED else element
        num_bytes += len(part)
        parts.append(part)
    return b"".join(parts)


def _byte_order(path: Path, content: bytes) -> Any:
    if content.startswith(b"MATLAB 7.3"):
        raise FormatError(f"{path}: MATLAB 7.3 (HDF5), expected MATLAB 5; save it again with '-v7'")
    mark = content[126:_HEADER_BYTES]
    if not content.startswith(b"MATLAB 5.0 MAT-file") or mark not in (b"IM", b"MI"):
        raise FormatError(f"{path}: not a MATLAB 5 file")
    return "little" if mark == b"IM" else "big"


def _elements(path: Path, content: bytes, order: Any, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    """The top-level elements of a file: type number, and the bytes with their 8-byte tag."""
    if len(content) > max_bytes:
        raise FormatError(f"{path}: larger than {max_bytes} bytes, too large to be one clip")
    start = _HEADER_BYTES
    while start < len(content):
        kind = int.from_bytes(content[start : start + 4], order)
        stop = start + 8 + int.from_bytes(content[start + 4 : start + 8], order)
        if stop > len(content) or start + 8 > len(content):
            raise FormatError(f"{path}: truncated: ends inside an element that starts at byte {start}")
        yield kind, content[start:stop]
        start = stop


def _unpacked(path: Path, packed: bytes, max_bytes: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        part = inflater.decompress(packed, max(1, max_bytes))
    except zlib.error as error:
        raise FormatError(f"{path}: damaged compressed element ({error})") from None
    if inflater.unconsumed_tail:
        raise FormatError(f"{path}: unpacks to more than {max_bytes} bytes, too large to be one clip")
    if not inflater.eof:
        raise FormatError(f"{path}: truncated: a compressed element has no end")
    return part
