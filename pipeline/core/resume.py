"""Finished parts of a long stage, kept under .cache/ so that a killed run goes on where it stopped."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.core.hashing import code_digest, value_digest
from pipeline.core.outputs import remove, whole_folder
from pipeline.core.runs import CACHE


class Parts:
    """The parts of one stage run, e.g. one a (split, seed). `key` names all that decides their bytes."""

    def __init__(self, stage: str, key: Mapping[str, object], root: Path = CACHE) -> None:
        self.folder = root / "parts" / stage / value_digest({"code": code_digest(), **key})[:32]

    def finish(self, name: str, make: Callable[[Path], None]) -> Path:
        """The folder of the finished part `name`; `make(folder)` computes it if no earlier run did."""
        kept = self.folder / name
        if not kept.is_dir():
            with whole_folder(kept) as scratch:
                make(scratch)
        return kept

    def part(self, name: str, make: Callable[[Path], None], into: Path) -> None:
        """Copy the finished part `name` to `into`, made first if need be."""
        shutil.copytree(self.finish(name, make), into, dirs_exist_ok=True)

    def clear(self) -> None:
        """Forget the parts; called once the stage's output stands whole."""
        remove(self.folder)
