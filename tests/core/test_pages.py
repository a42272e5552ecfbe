import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.core import pages
from pipeline.core.errors import FormatError

DOTS = {"name": "wave", "x": [2, 1], "y": [0.5, -1], "anchor": False}
BAR = {"name": "wave", "value": -0.5, "detail": "of 4"}
CLIP = {"clip_id": "d/1", "caption": "wave"}
MARK = {"name": "swap", "value": 0.75, "ci95": [0.5, 1.0]}


def page(**changes: Any) -> dict[str, Any]:
    whole = {
        "title": "Training",
        "stage": "pretrain",
        "row": "demo-skeleton-stgcn",
        "text": ["Two epochs."],
        "tables": [{"title": "Best", "header": ["split", "epoch"], "rows": [["s0", 2]]}],
        "lines": [
            {
                "title": "Loss",
                "x_label": "epoch",
                "y_label": "loss",
                "series": [{"name": "s0", "x": [1, 2], "y": [0.5, 0.25]}],
            }
        ],
        "marks": [{"title": "Rules", "note": "", "reference": 0.5, "marks": [MARK, MARK | {"ci95": None}]}],
        "clouds": [{"title": "Plane", "note": "", "series": [DOTS]}],
        "bars": [{"title": "Change", "note": "", "unit": " points", "bars": [BAR]}],
        "clips": [{"title": "Hits", "note": "", "dataset": "d", "modality": "m", "clips": [CLIP]}],
        "images": [{"file": "clip.png", "alt": "a clip", "caption": ""}],
    }
    return whole | changes


def written(folder: Path, value: object) -> Path:
    file = folder / pages.FILE
    file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return file


def test_a_page_comes_back_as_it_was_written(tmp_path: Path) -> None:
    pages.write(tmp_path, pages.Page.model_validate(page()))
    assert pages.read(tmp_path / pages.FILE) == pages.Page.model_validate(page())


@pytest.mark.parametrize("part", ["marks", "clouds", "bars", "clips"])
def test_what_few_pages_have_may_be_left_out(part: str) -> None:
    assert getattr(pages.Page.model_validate({key: value for key, value in page().items() if key != part}), part) == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{", "not a page: page: Invalid JSON"),
        (page(extra=1), "extra: Extra inputs"),
        ({"title": "x"}, "stage: Field required"),
        (page(tables=[{"title": "", "header": ["a", "b"], "rows": [[1]]}]), "tables.0: .*row 0 has 1 cells"),
        (page(clouds=[{"title": "", "note": "", "series": [DOTS | {"y": [1]}]}]), "clouds.0.series.0: .*2 x and 1 y"),
        (page(bars=[{"title": "", "note": "", "unit": "", "bars": [BAR | {"value": 50}]}]), "bars.0.bars.0.value: "),
        (page(marks=[{"title": "", "note": "", "reference": 0, "marks": []}]), "marks.0.marks: List should have"),
        (
            page(marks=[{"title": "", "note": "", "reference": 0, "marks": [MARK | {"value": 75.0}]}]),
            "marks.0.marks.0.value: .*less than or equal to 1",
        ),
        (page(images=[{"file": "../secret.png", "alt": "x", "caption": ""}]), "images.0.file: .*below the page"),
        (page(images=[{"file": "/etc/x.png", "alt": "x", "caption": ""}]), "images.0.file: .*below the page"),
        (page(images=[{"file": "a.svg", "alt": "x", "caption": ""}]), "images.0.file: .*png"),
    ],
)
def test_a_broken_page_is_one_clear_error(tmp_path: Path, value: object, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        pages.read(written(tmp_path, value))


def test_a_page_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no such page"):
        pages.read(tmp_path / pages.FILE)


@pytest.mark.parametrize(("x", "y"), [([1.0], []), ([2.0, 1.0], [0.0, 0.0]), ([1.0], [float("nan")]), ([], [])])
def test_a_series_that_cannot_be_drawn_is_refused(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValidationError):
        pages.Series(name="s", x=x, y=y)


def test_a_cell_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"not finite|finite number"):
        pages.Table(title="t", header=["a"], rows=[[float("inf")]])
