"""Files that a user names -> recordings. The ending of a file, or that it is a folder, chooses the reader."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import modalities
from pipeline.core.errors import DataError, FormatError
from pipeline.datasets import shared, utd_mhad
from pipeline.formats import annotations_pickle, depth_png, mat, segments, skeletons, thermal_png, video

Reader = Callable[[Path], Any]  # -> Skeleton or Footage

_read_skeleton = annotations_pickle.beside(skeletons.read)
_VIDEOS = (".avi", ".mkv", ".mov", ".mp4", ".webm")
_FRAME = ".png"  # a folder that holds one is a clip


@dataclass(frozen=True)
class Forms:
    """The forms of a sense's clips: readers by file ending, and the reader of folders that hold a clip's frames.

    Files with `unlisted` endings are read where they are named, not in folders: other files have these endings too.
    """

    files: Mapping[str, Reader]
    folder: Reader | None = None
    unlisted: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """The forms as a message lists them."""
        return ", ".join([*self.files, *(["a folder of its PNG frames"] if self.folder else [])])


FORMS = {
    "skeleton": Forms(
        dict.fromkeys((*skeletons.FORMATS, ".pkl"), _read_skeleton),
        unlisted=frozenset((".csv", ".pkl", ".txt")),
    ),
    "depth": Forms({".mat": mat.depth_footage}, depth_png.footage),
    "thermal": Forms(dict.fromkeys(_VIDEOS, video.grey_footage), thermal_png.footage),
    "video": Forms(dict.fromkeys(_VIDEOS, video.footage)),
}


def reader(path: Path, modality: str, dataset: str) -> Reader:
    """The reader of a clip of a modality. A modality without forms is read as the training `dataset` is.

    FormatError, naming the forms, for a file of another form or one that does not exist.
    """
    file = Path(segments.file_of(str(path)))
    if not file.exists():
        raise FormatError(f"{path}: no such file or folder; expected a clip of {modality}")
    if modality not in FORMS:
        of_dataset: Reader = modalities.sense(modality).read(dataset)
        return of_dataset
    forms = FORMS[modality]
    chosen = forms.folder if file.is_dir() else forms.files.get(file.suffix.lower())
    if chosen is None:
        what = "a folder" if file.is_dir() else f"ends in '{file.suffix}'"
        raise FormatError(f"{path}: {what}; a clip of {modality} is one of {forms}")
    return chosen


def existing(text: str) -> Path | None:
    """The file or folder that a text names, if it exists; a text may be longer than any file name."""
    try:
        exists = bool(text) and Path(text).exists()
    except OSError:
        exists = False
    return Path(text) if exists else None


def is_name(text: str) -> bool:
    """Whether a text ends as files of clips do."""
    return Path(text).suffix.lower() in {ending for forms in FORMS.values() for ending in forms.files}


def clips(paths: Iterable[Path], modality: str) -> list[Path]:
    """The clips that paths name, each once: files, folders of frames, and, sorted, all clips in other folders.

    DataError for a folder that holds no clip of the modality.
    """
    named: dict[Path, None] = {}
    for path in paths:
        below = list(_below(path, modality)) if path.is_dir() and not _is_clip(path, modality) else [path]
        if not below:
            forms = FORMS.get(modality)
            raise DataError(f"{path}: no clip of {modality} in this folder" + (f"; one is {forms}" if forms else ""))
        named |= dict.fromkeys(below)
    return list(named)


def _below(folder: Path, modality: str) -> Iterable[Path]:
    forms = FORMS.get(modality)
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            if _is_clip(path, modality):
                yield path
        elif _is_listed(path, forms) and not is_of_another(path, modality):
            yield path


def _is_listed(path: Path, forms: Forms | None) -> bool:
    return forms is None or path.suffix.lower() in set(forms.files) - forms.unlisted


def is_of_another(path: Path, modality: str) -> bool:
    """Whether a name is UTD-MHAD's for another sense, as its files of all senses have the same ending."""
    named = shared.named_file(utd_mhad.DATASET, path.name)
    return named is not None and named.modality != modality


def _is_clip(folder: Path, modality: str) -> bool:
    forms = FORMS.get(modality)
    return forms is not None and forms.folder is not None and any(folder.glob(f"*{_FRAME}"))
