"""Costs in result tables: what one clip takes, beside the shares that are answers."""

from typing import Any

import pytest

from pipeline.core.errors import DataError
from tests.reporting.made_tables import ALL, SKELETON, asked, filled, row

COST = {**SKELETON, "figure": "macs"}


def test_a_column_of_costs_has_neither_chance_nor_interval_and_mixes_datasets_and_splits() -> None:
    half = row(0.4, macs=30_830_000_000)
    results = {
        "a": [half, row(0.2, split="full", num_classes=10, macs=30_830_000_000)],
        "b": [row(0.4, dataset="tiny", macs=2_400_000, num_kept_overlap=1)],
    }
    table = filled(asked({"18": "a", "small": "b"}, columns={"skeleton": COST}), results)
    cells = [cell for _, (cell,) in table.lines]
    assert [cell.measured.shown for cell in cells if cell and cell.measured] == ["30.8 G", "2.4 M"]
    assert all(
        cell and cell.measured and (cell.measured.ci95, cell.bold, cell.marks) == (None, False, "") for cell in cells
    )
    head = table.heads[0]
    assert head.chance is None
    assert head.meaning.startswith("multiply-accumulates of one clip, through the encoder where that is counted")


@pytest.mark.parametrize(
    ("count", "told"), [(0, "0"), (999, "999"), (1_000, "1 k"), (65_712, "65.7 k"), (999_999, "1 M"), (2e18, "2e+03 P")]
)
def test_a_small_cost_is_told_as_well_as_a_great_one(count: float, told: str) -> None:
    table = filled(asked({"x": "a"}, columns={"skeleton": COST}), {"a": [row(0.4, macs=count)]})
    (cell,) = table.lines[0][1]
    assert cell is not None
    assert cell.measured is not None
    assert cell.measured.shown == told


def test_parameters_and_multiply_accumulates_have_columns_of_their_own() -> None:
    columns = {"params": {**SKELETON, "figure": "params"}, "macs": COST}
    results = {"a": [row(0.4, num_params=4_888_195, macs=42_056_960)]}
    rows = [{"title": "dvta", "cells": {"params": "a", "macs": "a"}, "published": None}]
    table = filled(asked({}, columns=columns, rows=rows), results)
    assert [cell.measured.shown for cell in table.lines[0][1] if cell and cell.measured] == ["4.89 M", "42.1 M"]
    assert table.heads[0].meaning == "parameters that the method trains"


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        (COST, "a", "'a' has no macs for label space unseen"),
        ({**SKELETON, "figure": "params"}, "a", "'a' has no params for label space unseen"),
        (
            SKELETON,
            {**ALL, "row": "b", "space": "unseen", "figure": "macs"},
            "in a column of top-1; give it a column of its own",
        ),
        (COST, {**ALL, "row": "b", "space": "unseen"}, "give it a column of its own"),
    ],
)
def test_a_cost_that_is_not_known_or_stands_among_shares_is_refused(column: Any, cell: Any, told: str) -> None:
    results = {"a": [row(0.4)], "b": [row(0.4, macs=1_000_000)]}
    with pytest.raises(DataError, match=told):
        filled(asked({"x": cell}, columns={"skeleton": column}), results)
