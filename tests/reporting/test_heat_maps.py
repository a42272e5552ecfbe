"""Heat maps and graphs of two sides, as pages draw them."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from playwright.sync_api import Page
from pydantic import ValidationError

from pipeline.core.pages import Edge, Graph, Heat
from pipeline.reporting import bipartite, heat_maps
from pipeline.reporting.site import _TEMPLATES


def heat(values: list[list[float]], rows: list[str] | None = None, columns: list[str] | None = None) -> Heat:
    rows = rows or [f"row {number}" for number in range(len(values))]
    columns = columns or [f"column {number}" for number in range(len(values[0]))]
    parts = {"title": "M", "note": "", "alt": 'M, "wide"', "row_label": "unseen", "column_label": "seen", "unit": "cos"}
    return Heat(**parts, rows=rows, columns=columns, values=values)


def covered(svg: str) -> dict[int, float]:
    """Summed width of the cells of each level, in cells with numbers."""
    paths = re.findall(r'<path class="heat(\d)" d="([^"]*)"', svg)
    return {int(level): sum(float(w) for w in re.findall(r"h(\d[\d.]*)v", data)) / 42 for level, data in paths}


def test_higher_values_have_higher_levels_from_the_least_to_the_greatest() -> None:
    svg = heat_maps.heat_map(heat([[0.0, 0.5, 1.0], [0.0, 0.0, 1.0]]))
    ElementTree.fromstring(svg)
    assert covered(svg) == {0: 3, 4: 1, 7: 2}
    levels = heat_maps._levels([np.linspace(-1, 1, 40).tolist()])[0]
    assert levels == sorted(levels)
    assert set(levels) == set(range(heat_maps.LEVELS))


def test_values_that_are_all_alike_are_full() -> None:
    assert covered(heat_maps.heat_map(heat([[1.0, 1.0]]))) == {7: 2}


def test_few_columns_hold_their_numbers_and_their_names_are_escaped_and_cut() -> None:
    svg = heat_maps.heat_map(heat([[0.25, -0.5]], columns=["<b>", "x" * 40]))
    assert re.findall(r">(-?\d\.\d+)</text>", svg)[:2] == ["0.25", "-0.5"]
    assert "&lt;b&gt;" in svg
    assert "x" * 29 + "…" in svg
    assert 'aria-label="M, &#34;wide&#34;"' in svg


def test_many_columns_go_without_numbers_and_more_without_names() -> None:
    numbered = heat_maps.heat_map(heat(np.eye(2, 20).tolist()))
    assert "column 19" in numbered
    assert 'class="on"' not in numbered
    plain = heat_maps.heat_map(heat(np.eye(2, 200).tolist()))
    assert "column 19" not in plain
    assert len(plain) < 3000  # equal neighbours are one rectangle


def test_a_matrix_that_does_not_fit_its_names_is_refused() -> None:
    with pytest.raises(ValidationError, match="expected 1 rows of 2 values"):
        heat([[1.0]], columns=["a", "b"])


def graph(**changes: object) -> Graph:
    parts = {
        "title": "G",
        "note": "",
        "alt": "G",
        "left": [("hop", ""), ("spin", "")],
        "right": [("a<b", "0.80, chosen")],
    }
    edges = [Edge(left=0, right=0, kind="chosen"), Edge(left=1, right=0, kind="rival")]
    return Graph(**{**parts, "edges": edges, **changes})


def test_lines_of_a_graph_end_at_their_names() -> None:
    svg = bipartite.graph(graph())
    ElementTree.fromstring(svg)
    ends = re.findall(r'<line class="(\w+)" x1="[\d.]+" y1="([\d.]+)" x2="[\d.]+" y2="([\d.]+)"', svg)
    assert ends == [("chosen", "16", "29"), ("rival", "42", "29")]
    assert "a&lt;b" in svg
    assert "0.80, chosen" in svg


def test_an_edge_to_nowhere_is_refused() -> None:
    with pytest.raises(ValidationError, match="an edge joins 0 and 3"):
        graph(edges=[Edge(left=0, right=3, kind="lost")])


LUMINANCES = """() => [...document.querySelectorAll("rect[class^=heat]")].map(cell => {
  const parts = getComputedStyle(cell).fill.match(/[\\d.]+/g).map(Number), scale = parts.some(p => p > 1) ? 255 : 1;
  return [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => sum + w * (parts[i] / scale) ** 2.2, 0);
})"""
OUTSIDE = """() => [...document.querySelectorAll("svg text")].filter(text => {
  const inner = text.getBoundingClientRect(), outer = text.ownerSVGElement.getBoundingClientRect();
  return inner.left < outer.left - 1 || inner.right > outer.right + 1
    || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
}).map(text => text.textContent)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_shades_are_ordered_by_their_lightness_alone_and_text_stays_in_the_picture(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    style = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    drawn = heat_maps.heat_map(heat(np.eye(3, 5).tolist(), columns=["stand up from a low chair", *"bcde"]))
    page.set_content(f"<style>{style}</style>{drawn}{bipartite.graph(graph())}")
    shades = page.evaluate(LUMINANCES)
    assert len(shades) == heat_maps.LEVELS
    assert len(set(shades)) == len(shades)
    assert shades == sorted(shades, reverse=scheme == "light")
    assert page.evaluate(OUTSIDE) == []
