"""Selects a row of bind, its split and its seed: the only one there is, or the one that the user names."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.core.bound import HUB
from pipeline.core.errors import DataError
from pipeline.core.outputs import PARTIAL

ROWS = Path("features/bind")


@dataclass(frozen=True)
class Row:
    """One training of a row of bind; `senses` are those with weights of this split and seed."""

    folder: Path
    split: str
    seed: int
    senses: tuple[str, ...]

    @property
    def checkout(self) -> Path:
        """The folder to which the row's paths are relative. DataError for a row that lies elsewhere."""
        folder = self.folder.resolve()
        if folder.parts[-3:-1] != ROWS.parts:
            raise DataError(
                f"{self.folder}: a row of bind needs the hub's weights of its checkout; give it as {ROWS}/<row> there"
            )
        return folder.parents[2]

    @property
    def group(self) -> str:
        """The group of its vectors in a store."""
        return f"{self.split}-{self.seed}"


def only_row(rows: Path = ROWS) -> Path:
    """The folder of the only row there is. DataError if there is none, or, listing them, if there are several."""
    names = _rows(rows)
    if not names:
        raise DataError(f"{rows}: no bound encoders; run `dvc repro bind`")
    if len(names) > 1:
        raise DataError(f"{rows}: several rows, {', '.join(names)}; name one with --bound {rows}/<row>")
    return rows / names[0]


def select(folder: Path, split: str | None, seed: int | None) -> Row:
    """The row in a folder. DataError, listing its trainings, unless split and seed fit exactly one of them."""
    weights = sorted(folder.glob("*/*-*.safetensors"))
    if not weights:
        names = ", ".join([*_rows(folder), *_rows(folder.parent)]) or "none"
        raise DataError(f"{folder}: no weights of bind there (rows in it and beside it: {names}); run `dvc repro bind`")
    trainings: dict[tuple[str, int], list[str]] = {}
    for path in weights:
        of_split, _, of_seed = path.stem.rpartition("-")
        if of_seed.isdecimal():
            trainings.setdefault((of_split, int(of_seed)), []).append(path.parent.name)
    fitting = [key for key in trainings if split in (None, key[0]) and seed in (None, key[1])]
    if len(fitting) != 1:
        names = ", ".join(f"{of_split}-{of_seed}" for of_split, of_seed in sorted(trainings))
        what = "several trainings" if fitting else "no such training"
        raise DataError(f"{folder}: {what}, of <split>-<seed> there are {names}; name one by its split and seed")
    senses = tuple(name for name in trainings[fitting[0]] if name != HUB)
    return Row(folder, *fitting[0], senses)


def _rows(rows: Path) -> list[str]:
    """The names of the finished rows in a folder."""
    names = {path.parents[1].name for path in rows.glob("*/*/*-*.safetensors")}
    return sorted(name for name in names if not name.endswith(PARTIAL))
