"""Skeletons as plain arrays, `.npy`, `.npz`, `.csv` and `.json`, whose layout a file `layout.yaml` declares.

Every file is compared with what is declared: number of joints, order of the axes, people, and whether a body has the
size of a body in that unit. No pickle is read, and nothing is set aside for more than a file holds.
"""

# Shapes: M people, T frames, V joints, C numbers a joint as the file has them, 3 = x y z (or x y score).
import io
import itertools
import math
import struct
import zipfile
import zlib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.core.joints import LAYOUTS
from pipeline.core.upright import ROTATIONS
from pipeline.formats import npy, segments, skeleton_csv, typed_json
from pipeline.formats.shared import Skeleton
from pipeline.formats.skeleton_layout import FILE, METRES, Layout, declared

ENDINGS = (".npy", ".npz", ".csv", ".json")
MAX_ARRAY_BYTES = 256 << 20
MAX_JSON_BYTES = 32 << 20
MAX_VALUES = 16 << 20  # of an array: two hours of 25 joints
MAX_PEOPLE = 100
_MAX_MEMBERS = 1000
_MEMBER = b"PK\x01\x02"  # what begins each entry of a ZIP's table
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    OverflowError,
    MemoryError,
)
_PERSON_METRES = (0.3, 4.0)  # from the lowest to the highest joint and from side to side, whichever is more
_LARGEST_SHARE = 4.0  # of a picture's side: joints may lie outside of it

Floats = npt.NDArray[np.floating[Any]]


def read(path: Path) -> Skeleton:
    """The people of a file, or of a part of it that its path names, in metres with y up; a score for z in pictures.

    Raises FormatError for a file without a layout or of another one, ParamsError for a layout that is not as it should
    be. Whoever is NaN or zero throughout a frame is absent from it.
    """
    name, part = segments.parse(str(path))
    file = Path(name)
    outside.check_file(file, "an array of joints")
    layout = declared(file)
    if layout is None:
        raise FormatError(
            f"{file}: arrays need a {FILE} beside them, or above them in the folder of the dataset: joints, parents, "
            "unit, axes (docs/formats.md)"
        )
    values_MTVC = _values(file, layout)
    if part is not None:
        values_MTVC = values_MTVC[:, part.frames(values_MTVC.shape[1], layout.frame_rate)]
    return _skeleton(file, values_MTVC, layout)


def _values(file: Path, layout: Layout) -> Floats:
    ending = PurePosixPath(file).suffix.lower()
    if ending == ".csv":
        return _bounded(file, skeleton_csv.read(file, layout))
    if ending not in ENDINGS:
        raise FormatError(f"{file}: no array ends in '{ending}', only {', '.join(ENDINGS)}")
    if ending == ".json":
        return _ordered(file, _from_json(file, layout), layout)
    content = outside.content(file, MAX_ARRAY_BYTES, "an array of joints")
    try:
        found = npy.numbers(_member(content, layout) if ending == ".npz" else content)
    except npy.NotAnArrayError as fault:
        raise FormatError(f"{file}: {fault}") from None
    return _ordered(file, found, layout)


def _member(content: bytes, layout: Layout) -> bytes:
    """The bytes of the array of an archive that the layout's key names, or of the only one."""
    if content.count(_MEMBER) > _MAX_MEMBERS:
        raise npy.NotAnArrayError(f"an archive of more than {_MAX_MEMBERS} arrays, not of one clip; save one alone")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            keys = [name.removesuffix(".npy") for name in archive.namelist()]
            wanted = layout.key if layout.key is not None else keys[0] if len(keys) == 1 else None
            if wanted is None or keys.count(wanted) != 1:
                said = f"names key '{wanted}'" if wanted else "names no key"
                raise npy.NotAnArrayError(f"holds arrays {keys[:8]}, {layout.path} {said}; set `key` to one of them")
            info = archive.infolist()[keys.index(wanted)]
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise npy.NotAnArrayError(f"array '{wanted}' is packed in a way that NumPy does not; save it anew")
            with archive.open(info) as member:
                unpacked = member.read(MAX_ARRAY_BYTES + 1)
    except _ZIP_ERRORS as error:
        raise npy.NotAnArrayError(f"no readable .npz archive ({' '.join(str(error).split())[:200]})") from None
    if len(unpacked) > MAX_ARRAY_BYTES:
        raise npy.NotAnArrayError(f"array '{wanted}' unpacks to more than {MAX_ARRAY_BYTES >> 20} MiB; is it one clip?")
    return unpacked


def _from_json(file: Path, layout: Layout) -> Floats:
    nested = typed_json.read(
        file,
        _decoder(len(_axes(file, layout, None)), layout.key),
        MAX_JSON_BYTES,
        f"lists of numbers along axes '{' '.join(layout.axes or ())}'"
        + (f" at key '{layout.key}'" if layout.key else " (those of an object are found by `key` in the layout)"),
    )
    try:
        return np.array(nested if layout.key is None else nested.array, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise FormatError(f"{file}: its lists differ in length, or are too long ({error}); fill gaps by null") from None


@lru_cache(maxsize=16)
def _decoder(num_axes: int, key: str | None) -> "msgspec.json.Decoder[Any]":
    nested: Any = float | None
    for _ in range(num_axes):
        nested = list[nested]
    if key is not None:
        nested = msgspec.defstruct("_Keyed", [("array", nested)], rename={"array": key}, gc=False)
    return msgspec.json.Decoder(nested)


def _axes(file: Path, layout: Layout, found: tuple[int, ...] | None) -> tuple[str, ...]:
    if layout.axes is None:
        shape = "" if found is None else f" of shape {found}"
        raise FormatError(
            f"{file}: an array{shape}, and {layout.path} does not say its axes; add for example `axes: T V C` (frames, "
            "joints, coordinates; M: people)"
        )
    return layout.axes


def _ordered(file: Path, found: Floats, layout: Layout) -> Floats:
    """values_MTVC of an array as the file has it. Raises FormatError, with both shapes, where axes do not fit."""
    axes = _axes(file, layout, found.shape)
    if found.size > MAX_VALUES:
        raise FormatError(f"{file}: {found.size} numbers, at most {MAX_VALUES} are read; is it one clip?")
    lengths = _lengths(found.shape, axes, layout)
    if lengths is None:
        fitting = [order for order in itertools.permutations(axes) if _lengths(found.shape, order, layout) is not None]
        hint = f"; axes '{' '.join(fitting[0])}' would fit" if fitting else _known_hint(found.shape, axes, layout)
        raise FormatError(
            f"{file}: expected shape {_expected(axes, layout)} of axes '{' '.join(axes)}' ({layout.path}), found "
            f"{found.shape}{hint}"
        )
    letters = "".join(axes).replace("J", "V")
    values = found.reshape([lengths[letter] for letter in letters])
    if "M" not in letters:
        values, letters = values[None], f"M{letters}"
    return _bounded(file, values.transpose([letters.index(letter) for letter in "MTVC"]))


def _lengths(shape: tuple[int, ...], axes: tuple[str, ...], layout: Layout) -> dict[str, int] | None:
    """How long each axis is, or None where the shape cannot be of these axes."""
    known = {"V": layout.joints.num_joints, "C": layout.num_values}
    if len(shape) != len(axes):
        return None
    lengths: dict[str, int] = {}
    for length, axis in zip(shape, axes, strict=True):
        letters = axis.replace("J", "V")
        fixed = math.prod(known.get(letter, 1) for letter in letters)
        free = [letter for letter in letters if letter not in known]
        if len(free) > 1 or length % fixed or (not free and length != fixed):
            return None
        lengths |= {letter: known.get(letter, length // fixed) for letter in letters}
    return lengths


def _known_hint(shape: tuple[int, ...], axes: tuple[str, ...], layout: Layout) -> str:
    """The known layouts whose number of joints the array has."""
    others = [replace(layout, joints=replace(body, planar=layout.joints.planar)) for body in LAYOUTS.values()]
    fitting = [other.joints.name for other in others if _lengths(shape, axes, other) is not None]
    return f"; it has as many joints as {' or '.join(fitting)}" if fitting else ""


def _expected(axes: tuple[str, ...], layout: Layout) -> str:
    known = {"V": layout.joints.num_joints, "C": layout.num_values}
    return f"({', '.join(' x '.join(str(known.get(x, x)) for x in axis.replace('J', 'V')) for axis in axes)})"


def _bounded(file: Path, values_MTVC: Floats) -> Floats:
    num_people, num_frames = values_MTVC.shape[:2]
    if not num_frames:
        raise FormatError(f"{file}: no frame in it; a clip has at least one")
    if not 1 <= num_people <= MAX_PEOPLE:
        raise FormatError(f"{file}: {num_people} people; expected 1 to {MAX_PEOPLE}, are the axes in the right order?")
    return values_MTVC


def _skeleton(file: Path, values_MTVC: Floats, layout: Layout) -> Skeleton:
    with np.errstate(over="ignore", invalid="ignore"):  # beyond float32 becomes infinite, which ingest rejects by name
        xyz_MTV3 = _places(values_MTVC, layout)
        _check_size(file, xyz_MTV3, layout)
        xyz_MTV3 = xyz_MTV3 if layout.up == "y" else xyz_MTV3 @ ROTATIONS[layout.up].T
        if layout.is_left_handed:
            xyz_MTV3[..., 2] *= -1
        return Skeleton(layout.joints.name, xyz_MTV3.astype(np.float32), tuple(range(len(xyz_MTV3))))


def _places(values_MTVC: Floats, layout: Layout) -> npt.NDArray[np.float64]:
    """xyz_MTV3 in metres, or x, y and score in a picture (1 where the file has none); NaN for whoever is absent."""
    num_places = 2 if layout.joints.planar else 3
    num_kept = 3 if layout.has_confidence else num_places  # of places in space the confidence is left out
    xyz_MTV3 = np.ones((*values_MTVC.shape[:3], 3), np.float64)
    xyz_MTV3[..., :num_kept] = values_MTVC[..., :num_kept]
    places = xyz_MTV3[..., :num_places]
    xyz_MTV3[(np.isnan(places) | (places == 0)).all(axis=(2, 3))] = np.nan
    return xyz_MTV3 if layout.metres is None else xyz_MTV3 * layout.metres


def _check_size(file: Path, xyz_MTV3: Floats, layout: Layout) -> None:
    """Refuse a person of an impossible size, which is one in another unit."""
    whole_MT = np.isfinite(xyz_MTV3).all(axis=(2, 3))
    if not whole_MT.any():
        return
    body_BV3 = xyz_MTV3[whole_MT]
    if layout.metres is None:
        _check_picture(file, body_BV3, layout)
        return
    size = float(np.median(np.ptp(body_BV3, axis=1).max(axis=1)))
    low, high = _PERSON_METRES
    if low <= size <= high:
        return
    fitting = [unit for unit, metres in METRES.items() if low <= size / layout.metres * metres <= high]
    hint = f"set `unit: {fitting[0]}`" if fitting else "give `unit` as a number, the metres of one unit"
    raise FormatError(f"{file}: a body of {size:.4g} m, if {layout.unit} is its unit ({layout.path}); {hint}")


def _check_picture(file: Path, body_BV3: Floats, layout: Layout) -> None:
    largest = float(np.median(np.abs(body_BV3[..., :2]).max(axis=(1, 2))))
    other = {"normalised": "pixels", "pixels": "normalised"}[layout.unit]
    if (largest > _LARGEST_SHARE) != (layout.unit == "pixels"):
        raise FormatError(
            f"{file}: places up to {largest:.4g}, which are not {layout.unit} ({layout.path}); set `unit: {other}`"
        )
