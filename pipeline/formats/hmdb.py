"""HMDB51's lists, a file a class and split (`brush_hair_test_split1.txt`): `name.avi 1` trains, 2 tests, 0 rests."""

from pathlib import Path, PurePosixPath

from pipeline.core.errors import FormatError
from pipeline.formats.shared import Sides

_MAX_BYTES = 1 << 20


def read_sides(path: Path) -> Sides:
    """The recordings of one class that train and that test."""
    sides: dict[str, list[str]] = {"0": [], "1": [], "2": []}
    for number, line in enumerate(_lines(path), 1):
        name, _, side = line.strip().rpartition(" ")
        if side not in sides or not name:
            raise FormatError(f"{path}: line {number}: expected a file name and 0, 1 or 2; take the released list")
        sides[side].append(PurePosixPath(name.strip()).stem)
    return sides["1"], sides["2"]


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise FormatError(f"{path}: larger than {_MAX_BYTES >> 20} MiB, not a list of HMDB51")
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not a readable text file ({type(error).__name__}); replace the file") from None
