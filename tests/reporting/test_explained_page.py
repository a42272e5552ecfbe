"""What explains a result stands on its own page; charts over rows have pages, and clips are drawn from their arrays."""

from typing import Any

import yaml

from pipeline.core import pages
from pipeline.core.pages import Page
from tests.reporting.conftest import NAMES, PNG, method
from tests.reporting.test_page_strips import write_clips

ROW = "demo-skeleton-stgcn-dvta"
PAGE: dict[str, Any] = {
    "title": "What dvta goes by",
    "stage": "evaluate",
    "row": ROW,
    "text": ["Pictures are of split s0."],
    "tables": [{"title": "Each alignment alone", "header": ["split", "clips"], "rows": [["s0", 24]]}],
    "lines": [],
    "clouds": [
        {
            "title": "Plane of the vectors of clips",
            "note": "<i>",
            "series": [
                {"name": "wave & co", "x": [0.0, 1.0], "y": [0.0, 1.0], "anchor": False},
                {"name": "wave & co", "x": [0.5], "y": [0.5], "anchor": True},
            ],
        }
    ],
    "bars": [
        {"title": "Spread", "note": "", "unit": " %", "bars": [{"name": "0.4", "value": 0.25, "detail": "2 pairs"}]}
    ],
    "clips": [
        {
            "title": "Hits",
            "note": "",
            "dataset": "toy",
            "modality": "skeleton",
            "clips": [{"clip_id": "toy/1", "caption": "toy/1 shows “wave”"}, {"clip_id": "toy/9", "caption": "gone"}],
        }
    ],
    "images": [{"file": "similarity.png", "alt": "matrices", "caption": "Brighter is more alike."}],
}


def write(inputs: Any, row: str = ROW) -> None:
    folder = inputs.root / "reports/evaluate/pages" / row
    pages.write(folder, Page.model_validate(PAGE | {"row": row}))
    (folder / "similarity.png").write_bytes(PNG)


def test_a_result_shows_what_explains_it_on_its_own_page(inputs: Any) -> None:
    write(inputs)
    write_clips(inputs.root / "features/preprocess", "skeleton-a", "toy/1")
    files = inputs.report()
    html = files[f"evaluate-{ROW}.html"]
    for words in (
        "What dvta goes by",
        "Each alignment alone",
        "&lt;i&gt;",
        "wave &amp; co",
        "2 pairs",
        "gone",
        "matrices",
    ):
        assert words in html
    assert html.count("data:image/png;base64,") == 2  # the matrices, and the clip that has arrays
    assert html.count('class="hue0 anchor"') == 1
    assert "What dvta goes by" not in files["evaluate-demo-skeleton-stgcn-ridge.html"] + files["index.html"]
    assert f"evaluate/{ROW}/page.json" in files["provenance.html"]


def test_two_reports_of_an_explained_row_are_alike(inputs: Any) -> None:
    write(inputs)
    write_clips(inputs.root / "features/preprocess", "skeleton-a", "toy/1")
    assert inputs.report() == inputs.report()


def test_a_chart_over_rows_is_a_page_that_the_index_leads_to(inputs: Any) -> None:
    inputs.write_result("later", method("demo", "random", "dvta"), ["s0"], NAMES, 0.9)  # the same clips
    write(inputs)
    write(inputs, "later")
    params = yaml.safe_load((inputs.root / "params.yaml").read_text())
    rows = [ROW, "later"]
    params["report"]["charts"] = {
        "gain": {"title": "From DVTA to DVTA", "kind": "change", "rows": rows},
        "planes": {"title": "Two planes", "kind": "plane", "rows": rows},
    }
    (inputs.root / "params.yaml").write_text(yaml.safe_dump(params))
    files = inputs.report()
    assert 'href="chart-gain.html"' in files["index.html"]
    assert "Change of each class" in files["chart-gain.html"]
    assert files["chart-planes.html"].count('<svg class="cloud"') == 2


def test_rows_that_explain_nothing_have_an_empty_folder_and_no_section(inputs: Any) -> None:
    (inputs.root / "reports/evaluate/pages" / ROW).mkdir(parents=True)
    assert "goes by" not in inputs.report()[f"evaluate-{ROW}.html"]
