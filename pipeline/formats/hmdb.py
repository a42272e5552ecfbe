"""HMDB51's lists, a file a class and split (`brush_hair_test_split1.txt`): `name.avi 1` trains, 2 tests, 0 rests."""

from pathlib import Path, PurePosixPath

from pipeline.core import outside
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
    return [line for line in outside.text(path, _MAX_BYTES, "a list of HMDB51").splitlines() if line.strip()]
