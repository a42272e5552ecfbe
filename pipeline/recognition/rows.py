"""Which row of bind is used, and of which split and seed: the only one there is, or the one that is named."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.core.bound import HUB
from pipeline.core.errors import DataError
from pipeline.core.outputs import PARTIAL

ROWS = Path("features/bind")


@dataclass(frozen=True)
class Row:
    """What one training of a row of bind left: `senses` are those that have weights of this split and seed."""

    folder: Path
    split: str
    seed: int
    senses: tuple[str, ...]

    @property
    def checkout(self) -> Path:
        """The folder that the row's paths start from. DataError for a row that lies in none."""
        folder = self.folder.resolve()
        if folder.parts[-3:-1] != ROWS.parts:
            raise DataError(
                f"{self.folder}: a row of bind needs the hub's weights of its checkout; give it as {ROWS}/<row> there"
            )
        return folder.parents[2]

    @property
    def group(self) -> str:
        """The name of its vectors in a store."""
        return f"{self.split}-{self.seed}"


def only_row(rows: Path = ROWS) -> Path:
    """The folder of the only row there is. DataError, listing those there are, for none or several."""
    found = _rows(rows)
    if len(found) != 1:
        told = f"several rows, {', '.join(found)}; name one with --bound {rows}/<row>" if found else "no bound encoders"
        raise DataError(f"{rows}: {told}" + ("" if found else "; run `dvc repro bind`"))
    return rows / found[0]


def select(folder: Path, split: str | None, seed: int | None) -> Row:
    """The row in a folder. DataError, listing what there is, unless exactly one of its trainings is meant."""
    weights = sorted(folder.glob("*/*-*.safetensors"))
    if not weights:
        there = ", ".join([*_rows(folder), *_rows(folder.parent)]) or "none"
        raise DataError(f"{folder}: no weights of bind there (rows in it and beside it: {there}); run `dvc repro bind`")
    trainings: dict[tuple[str, int], list[str]] = {}
    for path in weights:
        of_split, _, of_seed = path.stem.rpartition("-")
        if of_seed.isdecimal():
            trainings.setdefault((of_split, int(of_seed)), []).append(path.parent.name)
    meant = [one for one in trainings if split in (None, one[0]) and seed in (None, one[1])]
    if len(meant) != 1:
        there = ", ".join(f"{of_split}-{of_seed}" for of_split, of_seed in sorted(trainings))
        what = "several trainings" if meant else "no such training"
        raise DataError(f"{folder}: {what}, of <split>-<seed> there are {there}; name one by its split and seed")
    senses = tuple(name for name in trainings[meant[0]] if name != HUB)
    return Row(folder, *meant[0], senses)


def _rows(rows: Path) -> list[str]:
    """Those that bind finished, below a folder."""
    found = {path.parents[1].name for path in rows.glob("*/*/*-*.safetensors")}
    return sorted(name for name in found if not name.endswith(PARTIAL))
