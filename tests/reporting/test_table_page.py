"""A table as a page of the report, and the tables that the profiles ask for."""

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import yaml

from pipeline.commands import profile
from pipeline.core.errors import DataError
from pipeline.core.params import parse
from pipeline.evaluation import tables
from pipeline.reporting import result_tables
from pipeline.steps.report import Report
from tests.reporting.made_tables import NTU, SKELETON, asked, row

ORACLE = {"row": "demo-skeleton-stgcn-dvta", "space": "unseen", "figure": "top1", "splits": None, "oracle": True}
LINES = [
    {"title": "ridge & <co>", "cells": {"skeleton": "demo-skeleton-stgcn-ridge"}, "published": None},
    {"title": "Action-SGFA", "cells": {"skeleton": ORACLE | {"inference": None}}, "published": "Action-SGFA"},
]
METHODS = ("ridge", "dvta")
TABLE = asked({}, columns={"skeleton": SKELETON, "ntu60": NTU}, rows=LINES)


def reported(inputs: Any, tables: dict[str, Any]) -> dict[str, str]:
    params = yaml.safe_load((inputs.root / "params.yaml").read_text())
    params["report"]["tables"] = tables
    (inputs.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    found: dict[str, str] = inputs.report()
    return found


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html.split("</style>", 1)[1]).split())


def test_a_table_is_a_page_that_the_index_leads_to(inputs: Any) -> None:
    files = reported(inputs, {"first": TABLE, "second": TABLE | {"title": "Table II"}})
    assert {"table-first.html", "table-second.html"} <= set(files)
    assert '<a href="table-first.html">first</a> <span class="quiet">Table I</span>' in files["index.html"]
    assert all('<a href="index.html#tables">Tables</a>' in text for name, text in files.items() if name.endswith("l"))
    assert 'id="tables"' in files["index.html"]


def test_a_report_without_tables_speaks_of_none(html: dict[str, str]) -> None:
    assert "#tables" not in html["index.html"]
    assert 'id="tables"' not in html["index.html"]


def test_the_page_shows_figures_marks_and_sources(inputs: Any) -> None:
    page = reported(inputs, {"first": TABLE})["table-first.html"]
    text = text_of(page)
    ours, oracle = (inputs.root / f"reports/evaluate/demo-skeleton-stgcn-{name}.json" for name in ("ridge", "dvta"))
    assert "A note." in text
    assert "Guessing 25.0 1.7" in text
    for file, selection in ((ours, "validation"), (oracle, "oracle")):
        (found,) = [
            one
            for one in yaml.safe_load(file.read_text())["rows"]
            if (one["label_space"], one["selection"]) == ("unseen", selection)
        ]
        low, high = found["top1_ci95"]
        assert re.search(rf"{100 * found['top1']:.1f} (a )?{100 * low:.1f} – {100 * high:.1f} 1 × 1", text)
    assert "60.3 paper" in text
    assert "ridge &amp; &lt;co&gt;" in page
    assert "<sup>a</sup>" in page
    assert "an oracle" in text
    assert "paper: C. Wei and Z. Deng" in text
    assert "demo, skeleton demo, random: top-1 among 4 unseen classes" in text
    assert '<a href="evaluate-demo-skeleton-stgcn-ridge.html">' in page


def test_bold_is_explained_where_it_is(inputs: Any) -> None:
    rows = [
        {"title": name, "cells": {"skeleton": f"demo-skeleton-stgcn-{name}"}, "published": None} for name in METHODS
    ]
    table = asked({}, rows=rows)
    for sure, name in zip((0.9, 0.2), METHODS, strict=True):
        file = inputs.root / f"reports/evaluate/demo-skeleton-stgcn-{name}.json"
        figures = json.loads(file.read_text())
        figures["rows"] = [one | {"top1": sure, "top1_ci95": [sure - 0.1, sure + 0.1]} for one in figures["rows"]]
        file.write_text(json.dumps(figures))
    page = reported(inputs, {"first": table})["table-first.html"]
    assert page.count("<b>") == 1
    assert "<b>90.0</b>" in page
    assert "Bold: ahead of all other cells of the column" in page
    assert "Bold:" not in reported(inputs, {"first": table | {"rows": rows[:1]}})["table-first.html"]


def test_the_page_is_well_formed_and_can_be_read_without_seeing_it(inputs: Any) -> None:
    class Checker(HTMLParser):
        open: list[str] = []  # noqa: RUF012 - of one page

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag != "th" or "scope" in dict(attrs)
            if tag not in {"meta", "br"}:
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    page = reported(inputs, {"first": TABLE})["table-first.html"]
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    widths = {
        sum(int(span or 1) for span in re.findall(r'<t[hd]\b(?:[^>]*?colspan="(\d+)")?', line))
        for line in re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
    }
    assert widths == {3}
    assert not re.search(r"https?://", page)


def test_two_reports_give_the_same_page(inputs: Any) -> None:
    first = reported(inputs, {"first": TABLE})
    assert inputs.report("again") == first


def test_a_table_of_a_row_that_was_not_evaluated_stops_the_report(inputs: Any) -> None:
    with pytest.raises(
        DataError, match=r"report.tables.first: column 'skeleton', row 'x': no reports/evaluate/gone.json"
    ):
        reported(inputs, {"first": asked({"x": "gone"})})


OF_SPACE: dict[str, dict[str, Any]] = {
    "unseen": {"num_classes": 5},
    "all": {"num_classes": 25},
    "gzsl": {"num_classes": 25, **dict.fromkeys(tables.GENERALISED, 0.5)},
}


def scored(params: dict[str, Any], scores: str) -> list[str]:
    """The label spaces that a row of align scores; transfer has no choice."""
    stage, key = scores.split("/")
    return params["align"]["rows"][key]["spaces"] if stage == "align" else ["unseen", "all"]


@pytest.mark.parametrize("name", profile.names())
def test_the_tables_of_a_profile_can_be_filled_from_its_own_rows(name: str) -> None:
    """Every row of evaluate that they name is one of the profile's, and no column mixes datasets or split tables."""
    params = profile.tree(name)
    results = {}
    for key, one in params["evaluate"]["rows"].items():
        about = {"dataset": one["dataset"], "split_table": one["split_table"]}
        stage, scored_key = one["scores"].split("/")
        about |= {"macs": 1, "num_params": 1} if stage in ("align", "cross") else {}
        results[key] = [
            row(0.5, **about, split=split, label_space=space, **further)
            for space, further in OF_SPACE.items()
            for split in params[stage]["rows"][scored_key]["splits"]
            if space in scored(params, one["scores"])
        ]
    for key, table in parse(Report, params["report"], "report").tables.items():
        assert result_tables.fill(key, table, results).lines
