"""docs/dvta.md stays true: its files and switches are there, its costs what is counted."""

import re
from pathlib import Path

import pytest

from pipeline.models import dense
from pipeline.models.dvta import cost, network
from pipeline.models.dvta.params import DvtaParams
from tests.models.dvta import plain

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/dvta.md").read_text(encoding="utf-8")
VARIANTS = {"paper": {}, "released": plain.RELEASED}


def rows_behind(text):
    """The cells of the first table behind a text, line by line, head and rule left out."""
    lines = PAGE[PAGE.index(text) :].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    last = next(number for number, line in enumerate(lines) if number > first and not line.startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[first + 2 : last]]


def test_every_file_is_named():
    files = {file.name for file in (ROOT / "pipeline/models/dvta").glob("*.py")} - {"__init__.py"}
    assert files == set(re.findall(r"^\|[^|]*\| `(\w+\.py)` \|", PAGE, re.MULTILINE))


def test_every_switch_is_in_the_table():
    told = {name for row in rows_behind("## Paper, released") for name in re.findall(r"`([\w.]+)`", row[0])}
    assert {name.split(".")[0] for name in told} | {"keep_every", "weight_decay"} >= set(DvtaParams.model_fields)


@pytest.mark.parametrize("row", rows_behind("## What a clip costs"), ids=lambda row: f"{row[0]}-{row[1]}")
def test_costs_are_those_counted(row):
    variant, text_dim, num_params, *macs = row
    model = network.DVTA(plain.params_of(**VARIANTS[variant]), feature_dim=256, text_dim=int(text_dim))
    assert int(num_params.replace(",", "")) == dense.num_params(model)
    for told, num_classes in zip(macs, (1, 5, 12, 55), strict=True):
        assert float(told.removesuffix(" M")) == pytest.approx(cost.macs(model, num_classes) / 1e6, abs=0.0051)
