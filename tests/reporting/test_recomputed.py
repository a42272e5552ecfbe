"""Every figure of every table of the report, recomputed from the answers of clips (tests/reporting/by_hand.py).

A figure that no rule here covers fails: a new column needs one. `TOLD` are those that answers do not hold.
"""

import re
from typing import Any

import pytest
import yaml

from tests.reporting import page_tables
from tests.reporting.conftest import NAMES, method
from tests.reporting.made_tables import SKELETON, asked
from tests.reporting.page_tables import Cell, Table
from tests.reporting.recomputed_tables import RULES
from tests.reporting.recomputing import LINES, Checker, World


def check(world: World, pages: dict[str, str]) -> Checker:
    """Every table of every page."""
    checker = Checker(world)
    for name, html in pages.items():
        for table in page_tables.read(name, html):
            checker.check(table, RULES)
    assert not checker.faults, "\n".join(checker.faults)
    return checker


@pytest.fixture
def small(inputs: Any) -> Any:
    """The small world with a second sense, a method that is always right, and a table."""
    depth = method("demo", "random", "ridge") | {"modality": "depth", "encoder": "cnn"}
    inputs.write_result("demo-depth-cnn-ridge", depth, ["s0"], NAMES, 0.3)
    always = method("tiny", "random", "ridge") | {"modality": "depth", "encoder": "cnn"}
    inputs.write_result("tiny-depth-cnn-ridge", always, ["s0", "s1", "s2"], NAMES, 10.0)
    inputs.write_result("tiny-video-cnn-ridge", always | {"modality": "video"}, ["s1"], NAMES, 10.0)
    params = yaml.safe_load((inputs.root / "params.yaml").read_text())
    params["report"]["tables"] = {"first": asked({}, columns={"skeleton": SKELETON}, rows=LINES)}
    (inputs.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    return inputs


def test_every_figure_of_a_small_report_follows_from_the_answers_of_clips(small: Any) -> None:
    pages = {name: text for name, text in small.report().items() if name.endswith(".html")}
    checker = check(World(small.root / "reports/evaluate"), pages)
    assert checker.counts["recomputed"] > 500
    assert any(" exact" in text or "exact</span>" in text for text in pages.values())


@pytest.mark.world
def test_every_figure_of_a_report_with_everything_follows_from_the_answers_of_clips(finished: Any) -> None:
    folder = finished.folder / "reports"
    pages = {file.name: file.read_text(encoding="utf-8") for file in sorted((folder / "report").glob("*.html"))}
    checker = check(World(folder / "evaluate"), pages)
    assert checker.counts["recomputed"] > 1_000


def test_a_figure_that_is_wrong_and_one_that_no_rule_covers_are_found(small: Any) -> None:
    pages = {name: text for name, text in small.report().items() if name.endswith(".html")}
    name = "evaluate-tiny-skeleton-stgcn-ridge.html"
    (first, *_) = re.findall(r"<td class=\"n\" data-value=\"[^\"]+\"><b>(\d+\.\d)</b>", pages[name])
    world = World(small.root / "reports/evaluate")
    with pytest.raises(AssertionError, match="recomputed"):
        check(world, {name: pages[name].replace(f"<b>{first}</b>", f"<b>{float(first) + 0.2:.1f}</b>")})
    (ranked, *_) = [t for t in page_tables.read("index.html", pages["index.html"]) if t.label.startswith("Ranking")]
    ranked.rows[0][1].append(Cell("td", None, "7"))
    checker = Checker(world)
    checker.check(ranked, RULES)
    checker.check(Table("index.html", ["figures"], "New", "", ""), RULES)
    uncovered, unknown = checker.faults
    assert "nothing recomputes the cell '7'" in uncovered
    assert unknown == "index.html: table 'New': no rule for this table"
