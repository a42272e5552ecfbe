"""The space of a row of bind: the vectors of every sense and of the hub, by split and seed."""

# Shapes: N clips, D size of a vector.
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import bound, groups
from pipeline.core.errors import DataError, FormatError
from pipeline.core.store import Store

POOLED = "pooled"
_LENGTH = 1e-3  # how far from 1 the length of a vector may be
_FUSED = bound.fused(Path(), "").stem


@dataclass(frozen=True)
class Run:
    """One training, of which every sense has a group of vectors."""

    split: str
    seed: int


class Space:
    """The senses of a row by name, the hub last. FormatError for what is no store, DataError for a row without senses.

    Fused vectors of several senses have another size and are not part of the space.
    """

    def __init__(self, folder: Path, dataset: str, split_table: str) -> None:
        self._folder = folder
        names = _senses(folder)
        self.stores = {name: Store(bound.vectors(folder, name), "bind") for name in (*names, bound.HUB)}
        for name in names:
            self._check_of(name, {"dataset": dataset, "split_table": split_table})
        self._check_of(bound.HUB, {"dataset": dataset})
        self.runs = _runs(self.stores[names[0]])
        for name in names[1:]:
            if _runs(self.stores[name]) != self.runs:
                raise DataError(
                    f"{self.stores[name].path}: has groups {self.stores[name].groups()}, {names[0]} has "
                    f"{self.stores[names[0]].groups()}; run `dvc repro bind@{folder.name}`"
                )

    def vectors(self, sense: str, run: Run) -> tuple[list[str], npt.NDArray[np.float32]]:
        """Ids of all clips of a sense, sorted, and their vectors (N, D). FormatError for one that has not length 1."""
        store = self.stores[sense]
        group = self._group(store, run)
        ids, x_ND = store.ids(group), store.read(group, POOLED)
        length_N = np.linalg.norm(x_ND.astype(np.float64), axis=1)
        wrong = np.flatnonzero(~(np.abs(length_N - 1) <= _LENGTH))  # a NaN is wrong too
        if len(wrong):
            raise FormatError(
                f"{store.path}: group '{group}', {ids[wrong[0]]}: a vector of length {length_N[wrong[0]]:.4g}, "
                f"expected 1; run `dvc repro bind@{self._folder.name}`"
            )
        return ids, x_ND

    @property
    def transductive(self) -> bool:
        """Whether any sense was bound with all clips, test clips among them."""
        stores = (store for name, store in self.stores.items() if name != bound.HUB)
        return any(store.group_attrs(group).get("pairs") == "all" for store in stores for group in store.groups())

    def attrs(self, sense: str) -> dict[str, Any]:
        """What the store of a sense says of itself: modality, recipe, encoder."""
        return self.stores[sense].attrs

    def _group(self, store: Store, run: Run) -> str:
        """The group of a run."""
        group = groups.of_run(store.groups(), run.split, run.seed)
        if group is None:
            raise DataError(
                f"{store.path}: no vectors for split '{run.split}', seed {run.seed}: its groups are {store.groups()}; "
                f"run `dvc repro bind@{self._folder.name}`"
            )
        return group

    def _check_of(self, name: str, wanted: dict[str, str]) -> None:
        attrs = self.stores[name].attrs
        for key, value in wanted.items():
            if attrs.get(key) != value:
                raise DataError(
                    f"{self.stores[name].path}: its {key} is '{attrs.get(key)}', the row of retrieve says '{value}'; "
                    "name in both rows the same"
                )


def _senses(folder: Path) -> list[str]:
    """The senses that have vectors. DataError where there is no row of that name, or a sense has weights alone."""
    if not folder.is_dir():
        there = sorted(path.name for path in folder.parent.glob("*") if path.is_dir())
        raise DataError(
            f"{folder}: bind has left no row of that name, only {there}; run `dvc repro bind@{folder.name}`"
        )
    stores = {path.stem for path in folder.glob("*.zarr") if not path.stem.startswith(_FUSED)}
    trained = {path.parent.name for path in folder.glob("*/*.safetensors")}
    missing = sorted(({*trained, bound.HUB}) - stores)
    if missing or stores == {bound.HUB}:
        lacking = f"no vectors of {', '.join(missing)}" if missing else "no sense beside the hub"
        raise DataError(f"{folder}: {lacking}; run `dvc repro bind@{folder.name}`")
    return sorted(stores - {bound.HUB})


def _runs(store: Store) -> list[Run]:
    """Splits and seeds in sorted order. FormatError for a group that does not say them."""
    runs = []
    for group in store.groups():
        attrs = store.group_attrs(group)
        if not isinstance(attrs.get("split"), str) or not isinstance(attrs.get("seed"), int):
            raise FormatError(f"{store.path}: group '{group}' does not say its split and seed; run `dvc repro bind`")
        runs.append(Run(attrs["split"], attrs["seed"]))
    if not runs:
        raise FormatError(f"{store.path}: holds no vectors; run `dvc repro bind`")
    return sorted(runs, key=lambda run: (run.split, run.seed))
