"""Finished parts of a long stage, kept under .cache/: a killed run goes on, and a longer row adds to what is there."""

import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.core.hashing import value_digest
from pipeline.core.outputs import remove, whole_folder
from pipeline.core.runs import CACHE


class Parts:
    """The parts of one row's run, e.g. one a (split, seed).

    A part is named, and has a key of all that decides its bytes and nothing else: the code that makes it, its data,
    its settings. So a row that gains a split, or an edit elsewhere, keeps the parts that are finished.
    """

    def __init__(self, stage: str, row: str, root: Path = CACHE) -> None:
        self.folder = root / "parts" / stage / row

    def finish(self, name: str, key: Mapping[str, object], make: Callable[[Path], None]) -> Path:
        """The folder of the finished part `name`; `make(folder)` computes it if no earlier run did."""
        folder = self._kept(name, key)
        if not folder.is_dir():
            with whole_folder(folder) as scratch:
                make(scratch)
        remove(self.unfinished(name, key))
        return folder

    def assist(self, name: str, key: Mapping[str, object], make: Callable[[Path], None]) -> None:
        """Compute along where another process finishes the part, and keep nothing: what a rank above 0 does."""
        if self.finished(name, key) is None:
            with TemporaryDirectory() as scratch:
                make(Path(scratch))

    def finished(self, name: str, key: Mapping[str, object]) -> Path | None:
        """The folder of the part `name`, if it is finished."""
        folder = self._kept(name, key)
        return folder if folder.is_dir() else None

    def unfinished(self, name: str, key: Mapping[str, object]) -> Path:
        """Where `make` may keep how far it is; removed when the part is finished."""
        folder = self._kept(name, key)
        return folder.with_name(f"{folder.name}.unfinished")

    def part(self, name: str, key: Mapping[str, object], make: Callable[[Path], None], into: Path) -> Path:
        """Copy the part `name` to `into`, making it first if it is not finished; returns the folder of the part."""
        finished = self.finish(name, key, make)
        shutil.copytree(finished, into, dirs_exist_ok=True)
        return finished

    def _kept(self, name: str, key: Mapping[str, object]) -> Path:
        return self.folder / f"{name}-{value_digest(key)[:32]}"

    def keep_only(self, used: Collection[Path]) -> None:
        """Forget the parts of other keys than a run has used; called once the stage's output stands whole."""
        for path in self.folder.iterdir():
            if path not in used:
                remove(path)
