"""docs/tables.md stays true: its profiles, commands and rows exist, and no printed table or figure is left out."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from pipeline.cli import app
from pipeline.commands import profile
from pipeline.core import dag

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
HEADER = ["printed", "what it shows", "profile", "command", "data and weights", "not yet"]
NUMBERS = {
    "Action-SGFA": (["I", "IIa", "IIb", "IIc", "IIIa", "IIIb", "IIIc"], 1),
    "DVTA": ([str(number) for number in range(1, 10)], 8),
    "ResT": ([str(number) for number in range(1, 10)], 12),
}
STAGES = dag.read_stages(ROOT / "dvc.yaml")
Line = dict[str, str]


def lines(section: str) -> list[Line]:
    """The lines of a paper's table."""
    text = re.split(r"^## ", PAGE.split(f"\n## {section}\n")[1], flags=re.MULTILINE)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    assert rows[0] == HEADER
    return [dict(zip(HEADER, row, strict=True)) for row in rows[2:]]


ALL = [pytest.param(line, id=f"{paper} {line['printed']}") for paper in NUMBERS for line in lines(paper)]


def numbers(printed: str) -> list[str]:
    first, _, last = printed.split(" ")[1].partition("-")
    return [str(number) for number in range(int(first), int(last) + 1)] if last else [first]


@pytest.mark.parametrize("paper", NUMBERS)
def test_no_table_and_no_figure_of_a_paper_is_left_out(paper: str) -> None:
    tables, num_figures = NUMBERS[paper]
    told = [
        (line["printed"].startswith("Table"), number) for line in lines(paper) for number in numbers(line["printed"])
    ]
    assert sorted(told) == sorted([(True, t) for t in tables] + [(False, str(n + 1)) for n in range(num_figures)])


@pytest.mark.parametrize("line", ALL)
def test_a_line_has_a_profile_and_commands_or_says_what_is_not_there_yet(line: Line) -> None:
    assert (line["profile"] == "-") == (line["command"] == "-")
    assert line["command"] != "-" or line["not yet"]


@pytest.mark.parametrize("line", [one for one in ALL if one.values[0]["profile"] != "-"])
def test_profiles_and_commands_exist(line: Line) -> None:
    (name,) = re.findall(r"`([^`]+)`", line["profile"])
    params = params_of(name)
    commands = re.findall(r"`([^`]+)`", line["command"])
    assert commands
    for command in commands:
        check(shlex.split(command), params)


@pytest.mark.parametrize("command", re.findall(r"`((?:unseen|dvc repro) [^`<]+)`", PAGE))
def test_every_command_on_the_page_exists(command: str) -> None:
    if command.startswith("unseen"):
        leaf(shlex.split(command)[1:])
    else:
        assert shlex.split(command)[2].partition("@")[0] in STAGES


@pytest.mark.parametrize("name", re.findall(r"\bin `([a-z_]+)`", PAGE))
def test_profiles_named_in_the_text_exist(name: str) -> None:
    assert name in profile.names() or name in STAGES


def test_paths_on_the_page_exist() -> None:
    paths = re.findall(r"`(pipeline/[^`]+)`", PAGE)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@cache
def params_of(name: str) -> dict[str, Any]:
    return profile.tree(name)


def check(words: list[str], params: dict[str, Any]) -> None:
    """A command runs under a profile: its stage or sub-command is there, and so is the row that it names."""
    if words[0] == "dvc":
        stage, _, row = words[2].partition("@")
        assert stage in STAGES
        assert row in params[stage].get("rows", {}) if row else params[stage].get("rows", True)
        return
    leaf(words[1:])
    if words[1] == "table":
        assert words[2] in params["report"]["tables"]
    if words[1] == "constraints":
        assert words[2] in params["transfer"]["rows"]


def leaf(words: list[str]) -> click.Command:
    """The sub-command of `unseen` that words begin with."""
    found: Any = typer.main.get_command(app)
    for word in words:
        if not isinstance(found, click.Group):
            break
        assert word in found.commands, word
        found = found.commands[word]
    assert not isinstance(found, click.Group)
    return found
