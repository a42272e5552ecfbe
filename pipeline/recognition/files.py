"""Files that a person names -> recordings. Its form, the ending or that it is a folder, chooses the reader."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import modalities
from pipeline.core.errors import DataError, FormatError
from pipeline.datasets import shared, utd_mhad
from pipeline.formats import annotations_pickle, clip_manifest, depth_png, mat, segments, thermal_png, video

Reader = Callable[[Path], Any]  # -> Skeleton or Footage

_read_skeleton = annotations_pickle.beside(clip_manifest.read_skeleton)
_VIDEOS = (".avi", ".mkv", ".mov", ".mp4", ".webm")
_FRAME = ".png"  # a folder that holds one is a clip


@dataclass(frozen=True)
class Forms:
    """How clips of a sense may be kept: readers by ending, and of folders that hold a clip's frames.

    `unlisted` endings are read where a file is named, not where its folder is: other things end like that too.
    """

    files: Mapping[str, Reader]
    folder: Reader | None = None
    unlisted: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """As a message lists them."""
        return ", ".join([*self.files, *(["a folder of its PNG frames"] if self.folder else [])])


FORMS = {
    "skeleton": Forms(
        dict.fromkeys((".skeleton", ".mat", ".json", ".txt", ".pkl"), _read_skeleton),
        unlisted=frozenset((".txt", ".pkl")),
    ),
    "depth": Forms({".mat": mat.depth_footage}, depth_png.footage),
    "thermal": Forms(dict.fromkeys(_VIDEOS, video.grey_footage), thermal_png.footage),
    "video": Forms(dict.fromkeys(_VIDEOS, video.footage)),
}


def reader(path: Path, modality: str, dataset: str) -> Reader:
    """What reads a clip of a modality; one without forms of its own is read as the training `dataset` is.

    FormatError, naming the forms there are, for a file that is of none, or not there.
    """
    file = Path(segments.file_of(str(path)))
    if not file.exists():
        raise FormatError(f"{path}: no such file or folder; expected a clip of {modality}")
    if modality not in FORMS:
        found: Reader = modalities.sense(modality).read(dataset)
        return found
    forms = FORMS[modality]
    chosen = forms.folder if file.is_dir() else forms.files.get(file.suffix.lower())
    if chosen is None:
        what = "a folder" if file.is_dir() else f"ends in '{file.suffix}'"
        raise FormatError(f"{path}: {what}; a clip of {modality} is one of {forms}")
    return chosen


def existing(text: str) -> Path | None:
    """The file or folder that a text names, if there is one; words are often longer than a name may be."""
    try:
        found = bool(text) and Path(text).exists()
    except OSError:
        found = False
    return Path(text) if found else None


def is_name(text: str) -> bool:
    """Whether a text ends as files of clips do."""
    return Path(text).suffix.lower() in {ending for forms in FORMS.values() for ending in forms.files}


def clips(paths: Iterable[Path], modality: str) -> list[Path]:
    """The clips that paths name, each once: files, folders of frames, and all that lie in other folders, sorted.

    DataError for a folder that holds no clip of the modality.
    """
    found: dict[Path, None] = {}
    for path in paths:
        below = list(_below(path, modality)) if path.is_dir() and not _is_clip(path, modality) else [path]
        if not below:
            forms = FORMS.get(modality)
            raise DataError(f"{path}: no clip of {modality} in this folder" + (f"; one is {forms}" if forms else ""))
        found |= dict.fromkeys(below)
    return list(found)


def _below(folder: Path, modality: str) -> Iterable[Path]:
    forms = FORMS.get(modality)
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            if _is_clip(path, modality):
                yield path
        elif _is_listed(path, forms) and not _is_of_another(path, modality):
            yield path


def _is_listed(path: Path, forms: Forms | None) -> bool:
    return forms is None or path.suffix.lower() in set(forms.files) - forms.unlisted


def _is_of_another(path: Path, modality: str) -> bool:
    """Whether UTD-MHAD gives a name to another sense: its files of all senses end alike."""
    named = shared.named_file(utd_mhad.DATASET, path.name)
    return named is not None and named.modality != modality


def _is_clip(folder: Path, modality: str) -> bool:
    forms = FORMS.get(modality)
    return forms is not None and forms.folder is not None and any(folder.glob(f"*{_FRAME}"))
