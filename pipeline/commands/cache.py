"""cache info: what lies in .cache, which a checkout may lose: how much, in how many files, when last used."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.core import array_cache
from pipeline.core.outputs import PARTIAL
from pipeline.core.sizes import size_text

_OLD_PACK = re.compile(r"[0-9a-f]{2}\.pack")  # of decoded clips, in earlier versions
_OLD_TEXT = re.compile(r"[0-9a-f]{64}")  # of one text
_UNFINISHED = (PARTIAL, ".unfinished")


@dataclass(frozen=True)
class Unit:
    """What is kept or removed together: a pack, a finished part, a search index, a log."""

    kind: str
    paths: tuple[Path, ...]  # files, or one folder
    num_bytes: int
    num_files: int
    used: float  # seconds since 1970

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.paths[0].parent


def units(kind: str, cache: Path) -> list[Unit]:
    """All of a kind in a cache folder, the least recently used first."""
    found = [_unit(kind, paths) for paths in KINDS[kind].find(cache / kind)]
    return sorted((unit for unit in found if unit is not None), key=lambda unit: (unit.used, unit.paths))


def spent(cache: Path) -> list[Unit]:
    """What serves nobody: of killed writers, of the formats of earlier versions, and packs that never can be opened."""
    found: list[Unit | None] = []
    for kind in PACKED:
        for folder in _folders(cache / kind):
            files = [path for path in folder.iterdir() if path.is_file() and _is_old(kind, path)]
            lost = [path for path in _ours(folder) if array_cache.is_lost(path)]
            found += [_unit(kind, (path,)) for path in sorted([*array_cache.leftovers(folder), *files, *lost])]
    return [unit for unit in found if unit is not None]


def lines(cache: Path) -> Iterator[str]:
    """The table to print."""
    rows = [("kind", "what", "entries", "size", "files", "last used")]
    gone = spent(cache)
    useless = {unit.paths for unit in gone}
    for name, kind in KINDS.items():
        some = [unit for unit in units(name, cache) if unit.paths not in useless]
        size, num_files = size_text(sum(unit.num_bytes for unit in some)), sum(unit.num_files for unit in some)
        last = str(datetime.fromtimestamp(some[-1].used, UTC).date()) if some else "-"
        rows.append((name, kind.what, f"{sum(map(kind.count, some)):,}", size, f"{num_files:,}", last))
    yield from _aligned(rows)
    if gone:
        size = size_text(sum(unit.num_bytes for unit in gone))
        yield f"{len(gone)} files of killed writers or earlier versions, {size}: `unseen cache prune` removes them"


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Rows of a table: words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        words, numbers = zip(row[:2], widths[:2], strict=True), zip(row[2:], widths[2:], strict=True)
        yield "  ".join([*(f"{cell:{width}}" for cell, width in words), *(f"{cell:>{w}}" for cell, w in numbers)])


def _unit(kind: str, paths: tuple[Path, ...]) -> Unit | None:
    """None of what another process has removed meanwhile."""
    try:
        files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*")))]
        states = [file.stat() for file in files if file.is_file()]
    except FileNotFoundError:
        return None
    if not states:
        return None
    return Unit(kind, paths, sum(is_.st_size for is_ in states), len(states), max(is_.st_mtime for is_ in states))


def _folders(root: Path) -> list[Path]:
    """A folder and those below it."""
    return [root, *sorted(path for path in root.rglob("*") if path.is_dir())] if root.is_dir() else []


def _is_old(kind: str, path: Path) -> bool:
    return bool((_OLD_PACK if kind == "samples" else _OLD_TEXT).fullmatch(path.name)) and kind != "encoded"


def _ours(folder: Path) -> list[Path]:
    """The packs of a folder that bear a name of ours and that nobody may be using."""
    return [path for path in array_cache.packs(folder) if array_cache.is_name(path.name)]


def _packs(root: Path) -> list[tuple[Path, ...]]:
    return [(path,) for folder in _folders(root) for path in _ours(folder)]


def _parts(root: Path) -> list[tuple[Path, ...]]:
    """Finished parts: <stage>/<row>/<part>."""
    return [(path,) for path in root.glob("*/*/*") if path.is_dir() and not path.name.endswith(_UNFINISHED)]


def _indexes(root: Path) -> list[tuple[Path, ...]]:
    return [(path, path.with_suffix(".json")) for path in root.rglob("*.faiss")]


def _imported(root: Path) -> list[tuple[Path, ...]]:
    """What is kept of imported packs: <digest>/manifest.json and cards."""
    return [(path,) for path in root.glob("*") if path.is_dir() and not path.name.endswith(_UNFINISHED)]


def _logs(root: Path) -> list[tuple[Path, ...]]:
    return [(path,) for path in root.glob("*.jsonl")]


def _entries(unit: Unit) -> int:
    return array_cache.num_entries(unit.paths[0]) or 0


def _one(_: Unit) -> int:
    return 1


def _rows(unit: Unit) -> int:
    with unit.paths[0].open("rb") as file:
        return sum(1 for _ in file)


@dataclass(frozen=True)
class Kind:
    """One kind of what is kept, in the folder of its name."""

    what: str
    find: Callable[[Path], list[tuple[Path, ...]]]
    count: Callable[[Unit], int]


KINDS = {
    "samples": Kind("decoded clips", _packs, _entries),
    "encoded": Kind("encoded clips", _packs, _entries),
    "texts": Kind("vectors of texts", _packs, _entries),
    "parts": Kind("finished parts", _parts, _one),
    "index": Kind("search indexes", _indexes, _one),
    "packs": Kind("licences and cards of imported packs", _imported, _one),
    "runs": Kind("run logs", _logs, _rows),
}
PACKED = ("samples", "encoded", "texts")
