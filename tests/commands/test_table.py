"""`unseen table`: what a person, a README and a spreadsheet get."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands import table
from pipeline.core.errors import DataError, FormatError, ParamsError
from tests.reporting.made_tables import NTU, SKELETON, asked, row

METHOD = {"protocol": "xsub", "modality": "skeleton", "encoder": "stgcn", "method": "ridge", "variant": "plain"}
METHOD |= {"embeddings": "demo-minilm", "refit": "seen", "scored_together": False}
LINES = [
    {"title": "ridge", "cells": {"skeleton": "a"}, "published": None},
    {"title": "oracle | all", "cells": {"skeleton": "b"}, "published": "Action-SGFA"},
]
ORACLE = {"row": "a", "space": "unseen", "figure": "top1", "splits": None, "oracle": True, "inference": None}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two rows of evaluate and params that ask for a table of them."""
    lines: list[dict[str, Any]] = [*LINES, {"title": "dvta", "cells": {"skeleton": ORACLE}, "published": None}]
    tables = {
        "one": asked({}, columns={"skeleton": SKELETON, "ntu60": NTU}, rows=lines),
        "two": asked({"x": "a"}, title="Two"),
        "three": asked({"x": "c"}),
    }
    (tmp_path / "params.yaml").write_text(
        yaml.safe_dump({"report": {"title": "R", "tables": tables, "charts": {}}}, sort_keys=False)
    )
    (tmp_path / "reports/evaluate").mkdir(parents=True)
    for name, rows in {
        "a": [row(0.7, top1_ci95=[0.6, 0.8]), row(0.9, selection="oracle", leaky=True)],
        "b": [row(0.3, top1_ci95=[0.2, 0.4])],
    }.items():
        found = {"rows": [one | METHOD for one in rows], "summary": []}
        (tmp_path / f"reports/evaluate/{name}.json").write_text(json.dumps(found))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["table", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_without_a_name_the_tables_are_listed(project: Path) -> None:
    assert run().splitlines() == ["one    Table I", "two    Two", "three  Table I"]


def test_where_nobody_looks_it_is_plain_text_in_columns(project: Path) -> None:
    lines = run("one").splitlines()
    assert lines[:7] == [
        "Table I",
        "              demo                       NTU RGB+D 60",
        "              skeleton                   skeleton",
        "Guessing      20.0                       1.7",
        "ridge         70.0* (60.0-80.0) 1x1      -",
        "oracle | all  30.0 (20.0-40.0) 1x1       60.3 (paper)",
        "dvta          90.0 (80.0-100.0) 1x1 [a]  -",
    ]
    assert [line for line in lines if line.startswith(("a:", "*:", "paper:", "demo, skeleton:"))] == [
        table.BOLD,
        next(line for line in lines if line.startswith("a: its setting was chosen")),
        "demo, skeleton: demo, films: top-1 among 5 unseen classes",
        next(line for line in lines if line.startswith("paper: C. Wei and Z. Deng")),
    ]
    assert "\x1b" not in "\n".join(lines)


def test_markdown_is_a_table_that_bars_in_names_do_not_break(project: Path) -> None:
    lines = run("one", "--markdown").splitlines()
    assert lines[:3] == [
        "|  | demo, skeleton | NTU RGB+D 60, skeleton |",
        "| --- | --- | --- |",
        "| Guessing | 20.0 | 1.7 |",
    ]
    assert lines[4] == "| oracle \\| all | 30.0 (20.0-40.0) 1x1 | 60.3 (paper) |"
    assert lines[6] == ""


def test_csv_has_a_line_a_cell_and_says_whose_it_is(project: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(run("one", "--csv"))))
    assert [(one["row"], one["source"], one["value"]) for one in lines] == [
        ("ridge", "ours", "70"),
        ("oracle | all", "ours", "30"),
        ("oracle | all", "paper sgfa, table I", "60.3"),
        ("dvta", "ours", "90"),
    ]
    ours, _, paper, marked = lines
    assert (ours["low"], ours["high"], ours["interval_over"], ours["evaluate_row"]) == ("60", "80", "cells", "a")
    assert (ours["num_splits"], ours["num_seeds"], ours["chance"], marked["marks"]) == ("1", "1", "20.0", "a")
    assert (paper["dataset"], paper["modality"], paper["candidates"]) == ("ntu60", "skeleton", "60")
    assert "by the printed chance" in paper["protocol"]


def test_a_terminal_gets_a_drawn_table_with_all_marks(project: Path) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    console.print(table.rich(table.filled("one", Path("reports/evaluate"))))
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(words in drawn for words in ("70.0*", "[a]", "60.3 (paper)", "Guessing", "┃"))


def test_a_table_that_is_not_there_is_one_line(project: Path) -> None:
    with pytest.raises(ParamsError, match=r"no table 'nine' under report.tables; found one, two, three"):
        run("nine")


def test_figures_that_are_not_there_are_one_line(project: Path) -> None:
    with pytest.raises(DataError, match=r"no reports/evaluate/c.json"):
        run("three")


def test_broken_figures_are_one_line(project: Path) -> None:
    (project / "reports/evaluate/b.json").write_text("{")
    with pytest.raises(FormatError, match=r"b\.json: not JSON.*dvc repro evaluate"):
        run("one")


def test_csv_and_markdown_at_once_is_refused(project: Path) -> None:
    result = CliRunner().invoke(app, ["table", "one", "--csv", "--markdown"])
    assert result.exit_code == 2
    assert "choose one" in result.output


def test_what_a_clip_costs_is_shown_with_its_prefix_and_without_splits(project: Path) -> None:
    tree = yaml.safe_load(Path("params.yaml").read_text())
    tree["report"]["tables"]["two"]["columns"] = {"skeleton": SKELETON | {"figure": "macs"}}
    Path("params.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
    found = {"rows": [row(0.7, macs=30_832_000_000) | METHOD], "summary": []}
    Path("reports/evaluate/a.json").write_text(json.dumps(found))
    assert run("two").splitlines()[3:5] == ["Guessing  -", "x         30.8 G"]
    (one,) = csv.DictReader(io.StringIO(run("two", "--csv")))
    assert (one["value"], one["num_splits"], one["interval_over"], one["chance"]) == ("30832000000", "", "", "")
