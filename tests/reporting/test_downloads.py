"""Tables to keep: the same cells in three forms, none of which needs a network."""

import base64
import csv
import io
import json
import re
from typing import Any
from urllib.parse import unquote

import pytest

from pipeline.reporting import downloads, ranking, views
from pipeline.reporting.evidence import result
from tests.reporting import made_tables

HEADER = ["method", "top1", "splits", "note"]
ROWS: list[list[object]] = [["r_1 & <b>", 0.54166666, 3, None], ["50 % #1\\{}~^$", 0.2, 1, 'say "a, b"\nc']]


def files() -> dict[str, downloads.Download]:
    return {one.label: one for one in downloads.links(HEADER, ROWS, "one table", ["top1"])}


def kept(href: str) -> str:
    head, _, data = href.partition(",")
    assert re.fullmatch(r"data:[a-z/-]+;charset=utf-8;base64", head)
    return base64.b64decode(unquote(data)).decode()


def test_there_are_three_files_each_inside_its_link() -> None:
    found = files()
    assert [one.file for one in found.values()] == ["one-table.tex", "one-table.csv", "one-table.json"]
    assert all(kept(one.href) == one.text for one in found.values())


def test_csv_and_json_give_every_cell_back() -> None:
    found = files()
    header, *rows = csv.reader(io.StringIO(found["CSV"].text))
    assert header == HEADER
    assert rows == [["" if cell is None else str(cell) for cell in row] for row in ROWS]
    assert json.loads(found["JSON"].text) == [dict(zip(HEADER, row, strict=True)) for row in ROWS]


def test_latex_prints_every_character_as_it_stands() -> None:
    lines = files()["LaTeX"].text.splitlines()
    assert lines[1:5] == [r"\begin{tabular}{lrrl}", r"\toprule", r"method & top1 & splits & note \\", r"\midrule"]
    assert lines[5] == r"r\_1 \& \textless{}b\textgreater{} & 54.2 & 3 &  \\"
    note = 'say "a, b" c'
    special = r"50 \% \#1\textbackslash{}\{\}\textasciitilde{}\textasciicircum{}\$"
    assert lines[6] == rf"{special} & 20.0 & 1 & {note} \\"
    assert lines[7:] == [r"\bottomrule", r"\end{tabular}"]


def test_no_character_of_latex_is_left_bare() -> None:
    body = downloads.escaped("".join(map(chr, range(32, 127))))
    bare = re.sub(r"\\(text[a-z]+\{\}|[{}$&#%_])", "", body)
    assert not set(bare) & set("\\{}$&#%_~^<>|")


@pytest.mark.parametrize(("header", "row"), [(["a", "a"], [1, 2]), (["a", "b"], [1])])
def test_a_table_that_no_file_could_hold_is_refused(header: list[str], row: list[object]) -> None:
    with pytest.raises(ValueError, match="a name for each column, and a cell in each row"):
        downloads.links(header, [row], "x")


def test_a_panel_is_kept_with_its_question_and_its_flags(inputs: Any) -> None:
    evaluated = [result(file) for file in sorted((inputs.root / "reports/evaluate").glob("demo*.json"))]
    (panel,) = [panel for panel in views.panels(evaluated) if panel.space == "unseen"]
    lines = json.loads(downloads.of_panel(panel)[2].text)
    assert [line["top1"] for line in lines] == [line.value for line in panel.lines]
    assert [line["leaks"] for line in lines] == ["", "", "oracle"]
    assert {(line["dataset"], line["num_classes"], line["chance"]) for line in lines} == {("demo", 4, 0.25)}


def test_every_download_of_the_index_is_whole(html: dict[str, str]) -> None:
    links = re.findall(r'<a href="(data:[^"]+)" download="([^"]+)">', html["index.html"])
    names = [name for _, name in links]
    assert {name.rpartition(".")[2] for name in names} == {"tex", "csv", "json"}
    assert len(names) == len(set(names))
    by_name = {name: kept(href) for href, name in links}
    assert by_name["ranking.csv"].splitlines()[0] == ",".join(ranking.HEADER)
    assert all(isinstance(json.loads(text), list) for name, text in by_name.items() if name.endswith("json"))


def test_a_result_table_is_kept_with_its_intervals_and_what_papers_print() -> None:
    columns = {"skeleton": made_tables.SKELETON, "theirs": made_tables.NTU}
    lines = [
        {"title": "Ours", "cells": {"skeleton": "a"}, "published": None},
        {"title": "Action-SGFA", "cells": {}, "published": "Action-SGFA"},
    ]
    table = made_tables.filled(
        {"title": "Table I", "note": "", "columns": columns, "rows": lines}, {"a": [made_tables.row(0.5)]}
    )
    files = {one.label: one.text for one in downloads.of_table(table)}
    ours, paper = json.loads(files["JSON"])
    [printed] = [cell.printed for cell in table.lines[1][1] if cell]
    assert printed is not None
    name, other = "demo: skeleton", "NTU RGB+D 60: skeleton"
    assert ours == {
        "row": "Ours", name: 0.5, f"{name} (low)": 0.4, f"{name} (high)": 0.6,
        other: None, f"{other} (low)": None, f"{other} (high)": None,
    }  # fmt: skip
    assert paper == dict.fromkeys(ours) | {"row": "Action-SGFA", other: printed.value}
    assert r"Ours & 50.0 & 40.0 & 60.0 &" in files["LaTeX"]
