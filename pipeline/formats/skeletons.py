"""Skeleton files of every format, told by their ending; what fits no format says which were tried, and why not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pipeline.core import outside
from pipeline.core.errors import FormatError
from pipeline.formats import kinetics_json, mat, ntu_skeleton, pkummd, segments, skeleton_arrays, skeleton_layout
from pipeline.formats.shared import Skeleton

_PAGE = "docs/formats.md"
_FIRST_BYTES = 64
# What a file of another ending may begin with, and the ending that it should have.
_MARKS = ((b"\x93NUMPY", ".npy"), (b"PK\x03\x04", ".npz"), (b"MATLAB 5.0", ".mat"), (b"[", ".json"), (b"{", ".json"))


@dataclass(frozen=True)
class Format:
    """A kind of skeleton file, by a name for messages."""

    name: str
    read: Callable[[Path], Skeleton]


_ARRAY = Format(f"an array with a {skeleton_layout.FILE}", skeleton_arrays.read)

# By ending; of several the first that a file fits.
FORMATS: Mapping[str, tuple[Format, ...]] = {
    ".csv": (_ARRAY,),
    ".json": (_ARRAY, Format("Kinetics-Skeleton", kinetics_json.read_skeleton)),
    ".mat": (Format("UTD-MHAD", mat.read_skeleton),),
    ".npy": (_ARRAY,),
    ".npz": (_ARRAY,),
    ".skeleton": (Format("NTU RGB+D", ntu_skeleton.read),),
    ".txt": (Format("PKU-MMD", pkummd.read_part),),
}


def read(path: Path) -> Skeleton:
    """The skeleton of a file, or of a part of it that its path names. FormatError where it fits no format."""
    file = Path(segments.file_of(str(path)))
    formats = FORMATS.get(PurePosixPath(file).suffix.lower())
    if formats is None:
        raise FormatError(f"{file}: {unfit(file)}")
    faults = []
    for known in formats:
        try:
            return known.read(path)
        except FormatError as error:
            if len(formats) == 1:
                raise
            faults.append(f"{known.name} ({segments.unplaced(str(error), path)})")
    outside.check_file(file, "a skeleton")
    raise FormatError(f"{path}: fits none of the formats tried: {'; '.join(faults)}")


def unfit(file: Path) -> str:
    """Why the ending of a file that exists is that of no skeleton; what it begins with may tell what it is."""
    outside.check_file(file, "a skeleton")
    with outside.opened(file, "a skeleton") as opened:
        first = opened.read(_FIRST_BYTES).lstrip()
    looks = next((ending for mark, ending in _MARKS if first.startswith(mark)), None)
    names = {ending: " or ".join(known.name for known in formats) for ending, formats in FORMATS.items()}
    tried = ", ".join(f"{ending} ({name})" for ending, name in names.items())
    hint = f"it begins as {looks} files do: rename it" if looks else "save it as one of these"
    ending = PurePosixPath(file).suffix
    return f"the file is there, but '{ending}' is the ending of no skeleton format: {tried}; {hint} ({_PAGE})"
