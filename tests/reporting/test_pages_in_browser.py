"""The pages of a report in a browser: nothing that axe holds against them, tables that sort, phones, paper."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page

from tests.browser import findings
from tests.reporting.conftest import Inputs, method
from tests.reporting.made_tables import SKELETON, asked

DESKTOP, PHONE = {"width": 1300, "height": 900}, {"width": 360, "height": 740}
PAPER = {"width": 680, "height": 960}  # of A4, less the margins
LOOKS = [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")]
NAMES = ["sit down", "stand up", "raise both arms", "kick with the right leg", "bend & turn", "clap", "swing left arm"]
LINES = [
    {"title": name, "cells": {"skeleton": f"demo-skeleton-stgcn-{name}"}, "published": None}
    for name in ("ridge", "dvta")
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of a small world with two senses, several splits, all label spaces, a table and a stage's page."""
    from tests.reporting.conftest import _world

    made: Inputs = _world(tmp_path_factory.mktemp("looked"))
    depth = method("demo", "random", "ridge") | {"modality": "depth", "encoder": "cnn"}
    made.write_result("demo-depth-cnn-ridge", depth, ["s0"], NAMES, 0.3, ["all", "gzsl"])
    params = yaml.safe_load((made.root / "params.yaml").read_text())
    params["report"]["tables"] = {"first": asked({}, columns={"skeleton": SKELETON}, rows=LINES)}
    (made.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    made.report()
    return made.root / "report"


@pytest.fixture
def show(browser: Browser) -> Iterator[Any]:
    """Opens a page of a folder in a window of a size and colour scheme."""
    contexts = []

    def shown(file: Path, size: dict[str, int] = DESKTOP, scheme: Any = "light") -> Page:
        contexts.append(browser.new_context(viewport=size, color_scheme=scheme))  # type: ignore[arg-type]
        page = contexts[-1].new_page()
        page.goto(file.as_uri())
        return page

    yield shown
    for context in contexts:
        context.close()


def check(folder: Path, show: Any) -> None:
    """Every page on desktop and phone, in light and dark: axe has no findings, and nothing is wider than the window."""
    files = sorted(folder.glob("*.html"))
    assert files
    faults = []
    for size, scheme in LOOKS:
        page = show(files[0], size, scheme)
        for file in files:
            page.goto(file.as_uri())
            at = f"{file.name}, {size['width']} px, {scheme}"
            faults += [f"{at}: {finding}" for finding in findings(page)]
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            faults += [f"{at}: {wide} px wider than the window"] * (wide > 0)
    assert not faults, "\n".join(faults)


def test_axe_has_no_findings_on_any_page_and_none_is_wider_than_the_window(report: Path, show: Any) -> None:
    check(report, show)


@pytest.mark.world
def test_axe_has_no_findings_on_any_page_of_a_report_with_everything(finished: Any, show: Any) -> None:
    check(finished.folder / "reports/report", show)


def column(page: Page, name: str) -> list[str]:
    """The texts of a column of the first table by splits, row by row."""
    rows: list[list[str]] = page.evaluate(
        "[...document.querySelector('table.sortable.matrix').rows].map(row => [...row.cells].map(c => c.innerText))"
    )
    place = [" ".join(cell.split()).rstrip(" ▲▼") for cell in rows[0]].index(name)
    return [row[place].split("\n")[0] for row in rows[1:]]


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(report: Path, show: Any) -> None:
    page = show(report / "index.html")
    before = column(page, "skeleton")
    head = page.locator("table.matrix thead th", has_text="skeleton")
    assert head.get_attribute("aria-sort") is None
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    down = column(page, "skeleton")
    assert (down[0], sorted(down)) == (before[0], sorted(before))  # guessing stays on top
    assert down[1:] == sorted(down[1:], key=float, reverse=True)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, "skeleton")[1:] == down[:0:-1]


def test_cells_that_were_not_measured_come_last_either_way(report: Path, show: Any) -> None:
    page = show(report / "index.html")
    button = page.locator("table.matrix thead th", has_text="depth").locator("button")
    for _ in range(2):
        button.click()
        assert column(page, "depth")[-1] == "not measured"


def test_the_keyboard_sorts_too_and_one_column_alone_says_that_it_is_sorted(report: Path, show: Any) -> None:
    page = show(report / "index.html")
    names = page.locator("table.matrix thead th", has_text="Method")
    page.locator("table.matrix thead th", has_text="skeleton").locator("button").click()
    names.locator("button").focus()
    page.keyboard.press("Enter")
    assert names.get_attribute("aria-sort") == "ascending"  # words begin at A
    found = column(page, "Method")
    assert found[1:] == sorted(found[1:])
    page.keyboard.press("Space")
    assert names.get_attribute("aria-sort") == "descending"
    assert column(page, "Method")[1:] == found[:0:-1]
    assert page.locator("table.matrix [aria-sort]").count() == 1


def test_groups_are_sorted_each_by_itself(report: Path, show: Any) -> None:
    page = show(report / "index.html")
    page.get_by_text("All figures, with every interval").click()  # they are folded
    table = page.locator("[aria-label^='All summaries'] table.sortable").first
    groups = table.locator("tr.group").all_inner_texts()
    assert len(groups) > 1
    members = "table => [...table.tBodies].map(part => [...part.rows].map(row => row.innerText).sort())"
    before = table.evaluate(members)
    table.locator("thead th", has_text="Top-1").locator("button").click()
    assert table.locator("tr.group").all_inner_texts() == groups
    assert table.evaluate("table => [...table.tBodies].every(part => part.rows[0].matches('.group'))")
    assert table.evaluate(members) == before
    top1 = table.evaluate(
        "table => [...table.tBodies].map(part => [...part.rows].slice(1).map(row => +row.cells[6].dataset.value))"
    )
    assert all(values == sorted(values, reverse=True) for values in top1)
    assert max(map(len, top1)) > 1


def test_without_script_tables_are_whole_and_have_no_buttons(report: Path, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((report / "index.html").as_uri())
    assert page.locator("table.sortable tbody tr").count() > 5
    assert page.locator("button").count() == 0
    context.close()


def test_on_a_phone_the_names_of_rows_stay_while_the_rest_scrolls(report: Path, show: Any) -> None:
    page = show(report / "evaluate-demo-skeleton-stgcn-dvta.html", PHONE)
    box = page.locator(".wide", has=page.locator("table.figures")).first
    assert box.evaluate("box => box.scrollWidth - box.clientWidth") > 100
    for part in ("tbody th[scope=row]", "thead th:first-child"):
        place = box.locator(part).first
        before = place.bounding_box()
        assert before is not None
        cell = box.locator("tbody td").first.bounding_box()
        box.evaluate("box => box.scrollLeft = 100")
        after, moved = place.bounding_box(), box.locator("tbody td").first.bounding_box()
        assert after is not None
        assert cell is not None
        assert moved is not None
        assert after["x"] == pytest.approx(before["x"], abs=1)
        assert moved["x"] == pytest.approx(cell["x"] - 100, abs=1)
        assert after["x"] + after["width"] < 0.6 * PHONE["width"]
        box.evaluate("box => box.scrollLeft = 0")


@pytest.mark.parametrize("name", ["index", "evaluate-demo-skeleton-stgcn-dvta"])
def test_on_a_phone_the_names_of_rows_hide_no_cell_before_anything_scrolls(name: str, report: Path, show: Any) -> None:
    page = show(report / f"{name}.html", PHONE)
    covered = page.evaluate("""[...document.querySelectorAll(".wide tbody tr:not(.group)")].filter(row => {
        const [one, two] = [...row.cells].map(cell => cell.getBoundingClientRect());
        return two && two.width && one.right > two.left + 1;
    }).length""")
    assert covered == 0


def test_on_paper_wide_figures_shrink(tmp_path: Path, show: Any) -> None:
    made = Inputs(tmp_path)
    made.write_result("demo-skeleton-stgcn-ridge", method("demo", "random", "ridge"), ["s0"], NAMES, 0.3)
    made.write_plan()
    names = [f"class number {number}" for number in range(40)]
    heat = {"title": "M", "note": "", "alt": "M", "row_label": "unseen", "column_label": "seen", "unit": "cosine"}
    heat |= {"rows": names[:2], "columns": names, "values": [[0.5] * 40, [0.25] * 40]}
    right = [("a" * 60, "b" * 60)]
    graph = {"title": "G", "note": "", "alt": "G", "left": [("one", "")], "right": right}
    graph |= {"edges": [{"left": 0, "right": 0, "kind": "chosen"}]}
    made.write_page("align", "demo-skeleton-stgcn-ridge", heats=[heat], graphs=[graph])
    made.report()
    page = show(tmp_path / "report/align-demo-skeleton-stgcn-ridge.html", PAPER)
    widths = "[...document.querySelectorAll('svg.heat, svg.bipartite')].map(one => one.getBoundingClientRect().width)"
    assert min(page.evaluate(widths)) > PAPER["width"]
    page.emulate_media(media="print", color_scheme="light")
    assert len(page.evaluate(widths)) == 2
    assert max(page.evaluate(widths)) <= PAPER["width"]


def test_on_paper_a_wide_confusion_matrix_is_whole(tmp_path: Path, show: Any) -> None:
    made = Inputs(tmp_path)
    names = [f"raise the left arm in manner {number}" for number in range(30)]
    made.write_result(
        "demo-skeleton-stgcn-ridge", method("demo", "random", "ridge"), ["s0", "s1"], names, 0.3, ["gzsl"]
    )
    made.write_plan()
    made.report()
    page = show(tmp_path / "report/evaluate-demo-skeleton-stgcn-ridge.html", PAPER)
    page.emulate_media(media="print", color_scheme="light")
    assert page.locator("table.confusion").last.locator("thead th").count() > 20
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_on_paper_there_are_margins_and_no_controls_and_nothing_is_cut(report: Path, show: Any) -> None:
    page = show(report / "index.html", PAPER)
    page.emulate_media(media="print", color_scheme="light")
    assert page.locator("nav").is_hidden()
    margins = page.evaluate(
        "[...document.styleSheets[0].cssRules].filter(rule => rule.type === 6).map(rule => rule.style.margin)"
    )
    assert margins == ["18mm 15mm"]
    page.locator("table.matrix thead button").first.click()
    assert page.evaluate("getComputedStyle(document.querySelector('[aria-sort] button'), '::after').content") in (
        "none",
        "normal",
    )
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
