"""What recomputes figures of the report: the answers of its clips, and which cells of its tables were checked."""

import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.core import tables as parquet
from pipeline.core.schemas import PREDICTIONS, PredictionRow
from tests.reporting import by_hand
from tests.reporting.by_hand import Bounds, Run
from tests.reporting.page_tables import Cell, Table

NUMBER = r"[+-]?\d+(?:\.\d+)?"
SPAN = re.compile(rf"({NUMBER}) (?:–|to) ({NUMBER})")
SPACES = {
    "the unseen classes": "unseen",
    "all classes, seen and unseen": "all",
    "all classes, for all clips": "gzsl",
}
LINES = [
    {"title": name, "cells": {"skeleton": f"demo-skeleton-stgcn-{name}"}, "published": None}
    for name in ("ridge", "dvta")
]
SIDES = ("top1_seen", "top1_unseen", "harmonic_mean")
# Figures that are not in the answers of clips, with where they are checked.
TOLD = {
    "area": "needs all scores: tests/evaluation/test_generalised.py sweeps every number",
    "calibrated": "needs all scores: tests/evaluation/test_generalised.py",
    "gated": "needs all scores: tests/evaluation/test_generalised.py",
    "page": "a stage's page: its own tests check what it writes, here that it is shown as written",
    "versions": "versions and digests of files are no results",
    "audit": "counts of checks: tests/reporting has tests of the audit",
    "printed": "printed by papers: tests/reporting/test_published.py",
    "cost": "counted of weights: tests/compute",
}


class World:
    """The answers of every result, and what params say of it."""

    def __init__(self, evaluate: Path) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.runs: dict[tuple[str, bool, str], list[Run]] = {}
        self.names: dict[str, dict[int, str]] = {}
        for file in sorted(evaluate.glob("*.json")):
            self.rows[file.stem] = json.loads(file.read_text())["rows"]
            parquet_file = file.with_suffix(".parquet")
            names = parquet.read_meta(parquet_file, PREDICTIONS)["class_names"]
            self.names[file.stem] = {int(key): name for key, name in names.items()}
            self._add(file.stem, parquet.read(parquet_file, PREDICTIONS))

    def _add(self, name: str, answers: Sequence[PredictionRow]) -> None:
        unseen: dict[str, set[int]] = {}
        groups: dict[tuple[str, int, str, str], list[PredictionRow]] = {}
        for one in answers:
            groups.setdefault((one.split, one.seed, one.selection, one.label_space), []).append(one)
            if one.label_space != "gzsl":
                unseen.setdefault(one.split, set()).add(one.class_id)
        for row in self.rows[name]:
            key = (row["split"], row["seed"], row["selection"], row["label_space"])
            num_seen = row["num_seen_classes"]
            ratio = row["num_unseen_classes"] / num_seen if num_seen else math.inf
            of_run = tuple(groups[key])
            run = Run(row["split"], row["seed"], row["num_classes"], ratio, frozenset(unseen.get(key[0], ())), of_run)
            self.runs.setdefault((name, row["leaky"], row["label_space"]), []).append(run)

    def of(self, name: str, is_leaky: bool, space: str, num_classes: int) -> list[Run]:
        """The runs that answered a question."""
        return [run for run in self.runs[name, is_leaky, space] if run.num_classes == num_classes]


class Checker:
    """Compares cells with what they should say, and counts what it has seen."""

    def __init__(self, world: World) -> None:
        self.world, self.seen, self.counts = world, set[int](), {"recomputed": 0, "told": 0}
        self.faults: list[str] = []

    def check(self, table: Table, rules: "Rules") -> None:
        """Every cell of a table that holds a figure must be right, and covered."""
        rule = next((rule for is_of, rule in rules if is_of(table)), None)
        if rule is None:
            self.faults.append(f"{table.name}: no rule for this table")
            return
        rule(self, table)
        for _, row in table.rows:
            for cell in row:
                if cell.tag == "td" and re.search(r"\d", cell.words) and id(cell) not in self.seen:
                    self.faults.append(f"{table.name}: nothing recomputes the cell '{cell.words}'")

    def share(self, table: Table, cell: Cell, value: float, bounds: Bounds | None = None, scale: int = 100) -> None:
        """A share as per cents, and beneath it its interval, if it has one."""
        self._number(table, cell, cell.text, scale * value)
        if cell.value is not None and abs(float(cell.value) - value) > 1e-9:
            self.faults.append(f"{table.name}: data-value {cell.value}, recomputed {value}")
        if cell.smalls or bounds:
            self._bounds(table, cell, " ".join(cell.smalls), bounds)

    def ends(self, table: Table, cell: Cell, bounds: Bounds | None) -> None:
        """An interval alone."""
        self._done(cell)
        self._bounds(table, cell, cell.text, bounds)

    def count(self, table: Table, cell: Cell, number: float) -> None:
        """A count."""
        self._number(table, cell, cell.text, number)

    def told(self, cell: Cell, why: str) -> None:
        """A figure that answers do not hold; `why` is of TOLD."""
        assert why in TOLD
        self.seen.add(id(cell))
        self.counts["told"] += 1

    def _number(self, table: Table, cell: Cell, text: str, wanted: float) -> None:
        self._done(cell)
        found = re.search(NUMBER, text)
        if found is None or abs(float(found[0]) - wanted) > 0.0501:
            self.faults.append(f"{table.name}: '{cell.words}', recomputed {wanted:.2f}")

    def _bounds(self, table: Table, cell: Cell, text: str, bounds: Bounds | None) -> None:
        found = SPAN.search(text)
        is_right = (found is None) == (bounds is None)
        if found and bounds:
            is_right = by_hand.fits(float(found[1]) / 100, float(found[2]) / 100, bounds)
        if not is_right:
            self.faults.append(f"{table.name}: '{cell.words}', recomputed {bounds}")

    def _done(self, cell: Cell) -> None:
        self.seen.add(id(cell))
        self.counts["recomputed"] += 1


def result_of(cells: Sequence[Cell]) -> str:
    """The result that a row leads to."""
    link = next(link for cell in cells for link in cell.links)
    return re.fullmatch(r"evaluate-(.+)\.html", link)[1]  # type: ignore[index]


def space_of(words: str) -> str:
    """The label space that words name."""
    return next(space for name, space in SPACES.items() if name in words)


def candidates_of(words: str) -> int:
    """The number of candidates that words name."""
    found = re.search(r"(\d+) candidates", words)
    assert found
    return int(found[1])


def is_leaky(cells: Sequence[Cell]) -> bool:
    """Whether a row is flagged as the oracle's."""
    return any("oracle" in cell.flags for cell in cells)


def wide(runs: Sequence[Run], name: str) -> Bounds | None:
    """The corrected interval where there is one, else the plain one."""
    return by_hand.interval(runs, name, is_corrected=True) or by_hand.interval(runs, name)


Rules = Sequence[tuple[Callable[[Table], bool], Callable[[Checker, Table], None]]]
