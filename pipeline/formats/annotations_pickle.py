"""Annotation pickles of pyskl and mmaction2 (`ntu60_3danno.pkl`), read without running anything that is in them.

{"split": {"xsub_train": [names]}, "annotations": [{"frame_dir", "label", "total_frames", "keypoint" (M, T, V, C)}]}.
A pickle is a program. This reader lets it build containers, strings, numbers and plain numeric arrays; arrays are made
by our own code from the raw bytes, never by NumPy's unpickling hooks, and every other global is refused.
"""

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import FormatError
from pipeline.core.joints import COCO17, NTU25
from pipeline.formats import segments
from pipeline.formats.plain_pickle import MEMORY_BYTES, bounded_memory
from pipeline.formats.shared import LabelledClip, Skeleton

_MAX_BYTES = 8 << 30
_MEMORY_PER_BYTE = 8  # nearly all of such a file is arrays, which take what they take in the file
_KINDS = "biuf"
_LAYOUTS = {(NTU25.num_joints, 3): NTU25.name, (COCO17.num_joints, 2): COCO17.name}  # by (V, C)


@dataclass(frozen=True)
class Annotation:
    """One clip: its name, class from 0, and skeleton; of a 2-D estimate the third coordinate is the score."""

    name: str
    class_id: int
    skeleton: Skeleton


@dataclass(frozen=True)
class Annotations:
    """All clips of a file by name, and its published splits."""

    clips: dict[str, Annotation]
    splits: dict[str, list[str]]


def read(path: Path) -> Annotations:
    """Parse a file. Raises FormatError for foreign objects, missing fields, odd shapes and names that occur twice."""
    tree = load_restricted(path)
    try:
        splits = {_text(name): [_text(clip) for clip in clips] for name, clips in dict(tree["split"]).items()}
        clips = [_annotation(entry) for entry in tree["annotations"]]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FormatError(f"{path}: not an annotation pickle ({type(error).__name__}: {error})") from None
    by_name = {clip.name: clip for clip in clips}
    if len(by_name) != len(clips):
        raise FormatError(f"{path}: two annotations have one name; names must be unique")
    unknown = sorted({name for names in splits.values() for name in names} - set(by_name))
    if unknown:
        raise FormatError(f"{path}: a split names {unknown[0]!r}, which has no annotation ({len(unknown)} such names)")
    return Annotations(by_name, splits)


def read_clips(path: Path) -> list[LabelledClip]:
    """The clips of a file, which holds them as well; each is called as the skeleton file of NTU RGB+D would be."""
    return [
        LabelledClip(name, f"{name}.skeleton", clip.class_id, segments.named("", name), inside=True)
        for name, clip in _kept(path).clips.items()
    ]


def beside(read_file: Callable[[Path], Skeleton]) -> Callable[[Path], Skeleton]:
    """A reader of skeleton files that reads the clips of annotation pickles as well."""
    return lambda path: read_skeleton(path) if segments.file_of(str(path)).endswith(".pkl") else read_file(path)


def read_skeleton(path: Path) -> Skeleton:
    """The skeleton of a path such as `ntu60_3danno.pkl#clip=S001C001P001R001A001`."""
    file, name = segments.clip_of(str(path))
    clips = _kept(Path(file)).clips
    if name not in clips:
        raise FormatError(f"{file}: holds no clip '{name}'; run `dvc repro ingest`")
    return clips[name].skeleton


def _kept(path: Path) -> Annotations:
    """A file's clips; the last file is kept, since its clips are asked for one by one."""
    state = path.stat()
    return _read_once(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1)
def _read_once(path: Path, _num_bytes: int, _changed_ns: int) -> Annotations:
    return read(path)


def load_restricted(path: Path) -> Any:
    """The object tree of a pickle of plain values and arrays. Nothing in the file is executed."""
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise FormatError(f"{path}: larger than {_MAX_BYTES >> 30} GiB")
        with path.open("rb") as file, bounded_memory(size * _MEMORY_PER_BYTE + MEMORY_BYTES):
            return _Unpickler(_Bounded(file, size)).load()
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
    except Exception as error:  # a hostile pickle can raise anything
        raise FormatError(f"{path}: not a readable pickle ({type(error).__name__})") from None


class _Bounded:
    """A file that refuses to promise more bytes than it has, before anyone allocates them."""

    def __init__(self, file: io.BufferedReader, size: int) -> None:
        self._file, self._left = file, size

    def read(self, num_bytes: int) -> bytes:
        if not 0 <= num_bytes <= self._left:
            raise FormatError("the file ends early")
        self._left -= num_bytes
        return self._file.read(num_bytes)

    def readline(self) -> bytes:
        line = self._file.readline(1 << 20)
        self._left -= len(line)
        return line

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[:] = data
        return len(data)


class _Dtype:
    """Stands in for numpy.dtype: remembers the code and byte order of a plain number."""

    def __init__(self, code: object, *_flags: object) -> None:
        if not isinstance(code, str) or np.dtype(code[:8]).kind not in _KINDS:
            what = repr(code[:20]) if isinstance(code, str) else type(code).__name__
            raise FormatError(f"arrays of type {what} are refused, only plain numbers are read")
        self.dtype = np.dtype(code[:8])

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stands in for numpy.ndarray: takes the pickled state and makes the array from its bytes."""

    value: npt.NDArray[Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, dtype, fortran, raw = state
        self.value = _from_bytes(raw, dtype, shape, "F" if fortran else "C")


def _reconstruct(*_args: object) -> _Array:
    return _Array()


def _frombuffer(raw: Any, dtype: Any, shape: Any, order: str) -> _Array:
    array = _Array()
    array.value = _from_bytes(raw, dtype, shape, order)
    return array


def _scalar(dtype: _Dtype, raw: Any) -> float | int:
    value: float | int = _from_bytes(raw, dtype, (1,), "C")[0].item()
    return value


def _from_bytes(raw: Any, dtype: Any, shape: Any, order: str) -> npt.NDArray[Any]:
    if not isinstance(raw, bytes | bytearray) or not isinstance(dtype, _Dtype):
        raise FormatError("an array without plain bytes")
    return np.frombuffer(bytes(raw), dtype=dtype.dtype).reshape(tuple(shape), order="F" if order == "F" else "C")


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":  # protocol 2 hides bytes in a latin-1 string
        raise FormatError("bytes in an unexpected encoding")
    return text.encode("latin-1")


_ALLOWED: Mapping[tuple[str, str], Callable[..., Any]] = {
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
}


class _Unpickler(pickle._Unpickler):  # the C one sizes its memo by the file's word
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) not in _ALLOWED:
            raise FormatError(f"the pickle asks for {module}.{name}, which is refused; only plain arrays are read")
        return _ALLOWED[module, name]


def _annotation(entry: Mapping[str, Any]) -> Annotation:
    name, joints_MTVC = _text(entry["frame_dir"]), np.asarray(entry["keypoint"].value)
    if joints_MTVC.ndim != 4 or joints_MTVC.shape[1] != int(entry["total_frames"]):
        raise ValueError(
            f"{name}: keypoint has shape {joints_MTVC.shape}, expected (M, {int(entry['total_frames'])}, V, C)"
        )
    if not np.isfinite(joints_MTVC).all():
        raise ValueError(f"{name}: a joint is not a finite number")
    layout = _LAYOUTS.get((joints_MTVC.shape[2], joints_MTVC.shape[3]))
    if layout is None:
        raise ValueError(
            f"{name}: {joints_MTVC.shape[2]} joints of {joints_MTVC.shape[3]} values; known {list(_LAYOUTS)}"
        )
    if joints_MTVC.shape[3] == 2:
        joints_MTVC = np.concatenate([joints_MTVC, _score(name, entry, joints_MTVC.shape[:3])], axis=-1)
    xyz_MTV3 = joints_MTVC.astype(np.float32)
    xyz_MTV3[~xyz_MTV3.any(axis=(2, 3))] = np.nan  # zeros stand for a body that is not there
    return Annotation(name, int(entry["label"]), Skeleton(layout, xyz_MTV3, tuple(range(len(xyz_MTV3)))))


def _text(value: object) -> str:
    """A name. Lists of lists of lists in some hundred bytes would make a text that fills the memory."""
    if not isinstance(value, str):
        raise TypeError(f"a name should be text, found {type(value).__name__}")
    return value


def _score(name: str, entry: Mapping[str, Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    score_MTV = np.asarray(entry["keypoint_score"].value)
    if score_MTV.shape != shape or not np.isfinite(score_MTV).all():
        raise ValueError(f"{name}: keypoint_score should be {shape} finite numbers, found shape {score_MTV.shape}")
    return score_MTV[..., None]
