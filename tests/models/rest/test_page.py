"""docs/rest.md stays true: its masks are what the function gives, its costs what is counted, its files are there."""

import re
from pathlib import Path
from typing import get_args

import pytest

from pipeline.models.rest import frames
from pipeline.models.rest.attention import attention_mask
from tests.models.rest.test_macs import TABLE_4, clip_macs

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/rest.md").read_text(encoding="utf-8")
NUM_VISUAL, NUM_WORDS = 3, 3


def rows_behind(text):
    """The cells of the first table behind a text, line by line, the rule under its head left out."""
    lines = PAGE[PAGE.index(text) :].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    last = next(number for number, line in enumerate(lines) if number > first and not line.startswith("|"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[first:last]]
    return [cells[0], *cells[2:]]


@pytest.mark.parametrize("scheme", ["single", "cross"])
def test_the_mask_is_drawn_as_it_is(scheme):
    head, *body = rows_behind(f"`attention: {scheme}`")
    tokens = ["[CLS]", *(f"r{i + 1}" for i in range(NUM_VISUAL)), *(f"w{i + 1}" for i in range(NUM_WORDS))]
    assert head[1:] == [row[0] for row in body] == tokens
    drawn = [[{"●": True, "·": False}[cell] for cell in row[1:]] for row in body]
    assert drawn == attention_mask(NUM_VISUAL, NUM_WORDS, scheme).tolist()


def test_every_network_and_file_is_named():
    named = set(re.findall(r"`(\w+)`", PAGE)) | set(re.findall(r"`(\w+\.py)`", PAGE))
    assert set(get_args(frames.Name)) <= named
    folder = ROOT / "pipeline/models/rest"
    files = {file.name for file in folder.glob("*.py")} - {"__init__.py", "inputs.py"}
    assert files == {name for name in named if name.endswith(".py")}


@pytest.mark.parametrize("case", TABLE_4, ids=lambda case: case[0])
def test_costs_are_those_counted(case):
    name, num_frames, group, side, printed = case
    told = {re.sub(r"\W", "", row[0]).lower(): row for row in rows_behind("## What a clip costs")[1:]}
    row = told[{"r2plus1d": "r21d"}.get(name, name)]
    assert row[1] == str(num_frames)
    assert float(row[2]) == pytest.approx(clip_macs(name, num_frames, group, side), abs=0.051)
    assert float(row[3]) == printed
