"""Annotation pickles of pyskl and mmaction2 (`ntu60_3danno.pkl`), read without running any of their code.

{"split": {"xsub_train": [names]}, "annotations": [{"frame_dir", "label", "total_frames", "keypoint" (M, T, V, C)}]}.
A pickle is a program: formats.plain_pickle reads it as data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.core.joints import COCO17, NTU25
from pipeline.formats import plain_pickle, segments
from pipeline.formats.plain_pickle import Array
from pipeline.formats.shared import LabelledClip, Skeleton
from pipeline.formats.unpickling import Constructor, RefusedError

_MEMORY_PER_BYTE = 8  # nearly all of such a file is arrays, which take what they take in the file
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
    tree = plain_pickle.read(path, memory_per_byte=_MEMORY_PER_BYTE, admitted=_ADMITTED)
    try:
        splits = {name: [_text(clip) for clip in _list(clips)] for name, clips in tree["split"].items()}
        clips = [_annotation(entry) for entry in _list(tree["annotations"])]
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
    """The clips of a file, whose skeletons are in the same file; each has the name of NTU RGB+D's skeleton file."""
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
    """A file's clips; the last file stays in memory, because its clips are read one by one."""
    outside.check_file(path, "an annotation pickle")
    state = path.stat()
    return _read_once(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1)
def _read_once(path: Path, _num_bytes: int, _changed_ns: int) -> Annotations:
    return read(path)


def _mapping(*arguments: object) -> dict[str, Any]:
    if arguments:
        raise RefusedError("a mapping made of other values is refused")
    return {}


_ADMITTED = {**plain_pickle.ADMITTED, ("collections", "OrderedDict"): Constructor(_mapping)}


def _annotation(entry: Mapping[str, Any]) -> Annotation:
    name, joints_MTVC = _text(entry["frame_dir"]), _numbers(entry["keypoint"])
    num_frames = _whole(entry["total_frames"])
    if joints_MTVC.ndim != 4 or joints_MTVC.shape[1] != num_frames:
        raise ValueError(f"{name}: keypoint has shape {joints_MTVC.shape}, expected (M, {num_frames}, V, C)")
    layout = _LAYOUTS.get((joints_MTVC.shape[2], joints_MTVC.shape[3]))
    if layout is None:
        raise ValueError(
            f"{name}: {joints_MTVC.shape[2]} joints of {joints_MTVC.shape[3]} values; known {list(_LAYOUTS)}"
        )
    if joints_MTVC.shape[3] == 2:
        joints_MTVC = np.concatenate([joints_MTVC, _score(name, entry, joints_MTVC.shape[:3])], axis=-1)
    if not np.isfinite(joints_MTVC).all():
        raise ValueError(f"{name}: a joint is not a finite number")
    joints_MTVC[~joints_MTVC.any(axis=(2, 3))] = np.nan  # zeros stand for a body that is not there
    return Annotation(name, _whole(entry["label"]), Skeleton(layout, joints_MTVC, tuple(range(len(joints_MTVC)))))


def _text(value: object) -> str:
    """A name that can be told apart in a path (formats.segments)."""
    if not isinstance(value, str):
        raise TypeError(f"a name should be text, found {type(value).__name__}")
    if not value.isprintable() or "#" in value or "/" in value or not value:
        raise ValueError(f"a name should be printable, without '#' and '/', found {value[:40]!r}")
    return value


def _list(value: object) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, found {type(value).__name__}")
    return value


def _numbers(value: object) -> npt.NDArray[np.float32]:
    """An array in float32, where what is beyond it is infinite."""
    if not isinstance(value, Array):
        raise TypeError(f"expected an array, found {type(value).__name__}")
    with np.errstate(over="ignore"):
        return value.value.astype(np.float32)


def _score(name: str, entry: Mapping[str, Any], shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    score_MTV = _numbers(entry["keypoint_score"])
    if score_MTV.shape != shape:
        raise ValueError(f"{name}: keypoint_score should be {shape} finite numbers, found shape {score_MTV.shape}")
    return score_MTV[..., None]
