"""Which clips a gallery shows, that the page says so, and that every link and picture of it can be used."""

import hashlib
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from pipeline.core import prepared, store
from pipeline.core.joints import LAYOUTS
from pipeline.core.schemas import PredictionRow
from pipeline.reporting import gallery
from pipeline.reporting.evidence import Result
from pipeline.reporting.gallery import Gallery
from tests.browser import findings
from tests.core.table_rows import prediction_row

NAME = "tiny-skeleton-stgcn-ridge"


def result(cells: dict[tuple[int, int], int], splits: tuple[str, ...] = ("s0",), **columns: Any) -> Result:
    """So many clips of each (truth, answer), in every split."""
    lines = [
        prediction_row(clip_id=f"toy/{t}-{g}-{i:03d}", split=split, class_id=t, predicted=g, **columns)
        for split in splits
        for (t, g), count in cells.items()
        for i in range(count)
    ]
    names = {class_id: f"class {class_id}" for pair in cells for class_id in pair}
    about = {"dataset": "toy", "modality": "skeleton", "label_space": "unseen", "num_classes": len(names)}
    about["num_unseen_classes"] = len(names)
    return Result("toy", [about | {"split": split} for split in splits], [], lines, names, None)


def gathered(made: Result, arrays: Path) -> Gallery:
    return gallery.gather([made], arrays)["toy"]


def shown(made: Gallery) -> dict[str, list[PredictionRow]]:
    """The answers shown, by anchor."""
    return {
        cell.anchor: [clip.row for clip in cell.clips]
        for section in made.sections
        for one in section.classes
        for cell in one.cells
    }


def test_every_cell_shows_its_first_three_clips_by_hash(tmp_path: Path) -> None:
    found = shown(gathered(result({(0, 0): 9, (0, 1): 2, (1, 1): 1}), tmp_path))
    assert {anchor: len(rows) for anchor, rows in found.items()} == {"0-0": 3, "0-1": 2, "1-1": 1}
    ids = [f"toy/0-0-{i:03d}" for i in range(9)]
    assert [row.clip_id for row in found["0-0"]] == sorted(ids, key=lambda i: hashlib.sha256(i.encode()).hexdigest())[
        :3
    ]


def test_a_clip_that_several_splits_have_is_shown_once_and_counted_in_all(tmp_path: Path) -> None:
    made = gathered(result({(0, 0): 2, (1, 0): 1}, splits=("s1", "s0")), tmp_path)
    assert {(row.clip_id, row.split) for row in shown(made)["0-0"]} == {("toy/0-0-000", "s0"), ("toy/0-0-001", "s0")}
    (zero, one) = made.sections[0].classes
    assert (zero.num_right, zero.num_answers, one.num_right, one.num_answers) == (4, 4, 0, 2)
    assert (made.num_shown, made.num_answers) == (3, 6)


def test_sixty_clips_are_the_most_and_every_cell_has_one_before_any_has_two(tmp_path: Path) -> None:
    cells = {(t, g): 2 + (t == g) for t in range(7) for g in range(7)}
    found = shown(gathered(result(cells), tmp_path))
    assert sum(map(len, found.values())) == gallery.PER_ROW == 60
    assert Counter(map(len, found.values())) == {1: 38, 2: 11}
    assert all(len(found[f"{t}-{t}"]) == 2 for t in range(7))  # the frequent ones get the second first
    many = {(t, g): 1 + (t == 8) for t in range(9) for g in range(9)}
    found = shown(gathered(result(many), tmp_path))
    assert len(found) == 60
    assert all(f"8-{g}" in found for g in range(9))


def test_the_unseen_classes_come_first_and_other_spaces_take_what_is_left(tmp_path: Path) -> None:
    made = result({(t, g): 3 for t in range(4) for g in range(4)})
    other = result({(0, 0): 9, (1, 0): 9, (2, 2): 9, (3, 3): 9, (1, 1): 2}, label_space="all")
    both = Result(
        "toy",
        [*made.rows, *({**row, "label_space": "all"} for row in other.rows)],
        [],
        [*made.predictions, *other.predictions],
        made.class_names,
        None,
    )
    one = gathered(both, tmp_path)
    found = shown(one)
    assert sum(len(rows) for anchor, rows in found.items() if "all" not in anchor) == 48
    assert {anchor: len(rows) for anchor, rows in found.items() if "all" in anchor} == {
        "all-4-0-0": 3,
        "all-4-1-0": 3,
        "all-4-2-2": 2,
        "all-4-3-3": 2,
        "all-4-1-1": 2,
    }
    assert one.anchors[0, "class 1", "class 0"] == "1-0"
    assert one.anchors[1, "class 1", "class 0"] == "all-4-1-0"


def test_answers_of_a_setting_chosen_on_test_clips_are_not_shown(tmp_path: Path) -> None:
    assert gallery.gather([result({(0, 0): 2}, selection="oracle")], tmp_path) == {}


def write_clips(arrays: Path, dataset: str, name: str, shape: tuple[int, ...], layout: str, num_clips: int) -> None:
    random = np.random.default_rng(0)
    with store.create(arrays / f"{dataset}/{name}.zarr", {"layout": layout}) as out:
        group = out.group(prepared.GROUP, [f"d/{i:03d}" for i in range(num_clips)])
        clips = random.normal(size=(num_clips, *shape)).astype(np.float32)
        prepared.put(group, shape, [shape[1]] * num_clips, list(clips))


@pytest.fixture
def pages(inputs: Any) -> dict[str, str]:
    """A report with prepared arrays for all but the last clips: skeletons of tiny, pictures of demo."""
    joints = LAYOUTS["kinect20"].num_joints
    write_clips(inputs.root / "features/preprocess", "tiny", "skeleton-a", (3, 12, joints, 2), "kinect20", 48)
    inputs.change("demo-skeleton-stgcn-ridge", modality="video")
    write_clips(inputs.root / "features/preprocess", "demo", "video-a", (3, 8, 24, 32), "rgb", 40)
    found: dict[str, str] = inputs.report()
    return found


def test_a_page_says_how_many_of_how_many_and_draws_each_in_few_bytes(pages: dict[str, str]) -> None:
    page = pages[f"gallery-{NAME}.html"]
    assert re.search(r"<p>\d+ of 288 answers: ", page)
    assert page.count("<figure>") == page.count('<svg class="frames" role="img" aria-label="6 frames of a clip of')
    assert "are not drawn" not in page
    assert len(page) / page.count("<figure>") < 10_000
    pictures = pages["gallery-demo-skeleton-stgcn-ridge.html"]
    assert 0 < pictures.count('alt="3 frames of a clip of') < pictures.count("<figure>")
    assert "of the clips are not drawn: no prepared array holds them." in pictures


def test_the_cells_of_the_confusion_matrix_lead_to_clips_of_that_truth_and_answer(pages: dict[str, str]) -> None:
    result_page, page = pages[f"evaluate-{NAME}.html"], pages[f"gallery-{NAME}.html"]
    links = re.findall(
        rf'<a href="gallery-{NAME}.html#([^"]+)" aria-label="(\d+) answers: (.*?) called (.*?), see clips">(\d+)</a>',
        result_page,
    )
    assert len(links) > 10
    for anchor, count, truth, answer, number in links:
        before, _, after = page.partition(f'<h4 id="{anchor}">')
        assert re.findall(r"<h3>(.*?) <small>", before)[-1] == truth
        assert ("Right" if truth == answer else f"Called {answer}") in after[:120]
        assert count == number
        assert re.search(rf"\d of {number} answers", after[:200])


def test_rank_and_margin_stand_beside_each_clip(pages: dict[str, str]) -> None:
    page = pages[f"gallery-{NAME}.html"]
    assert re.search(r"<figcaption>Rank 1 of 4, margin \+0\.25\n<small>d/\d{3}, split s\d, seed 0</small>", page)
    assert re.search(r"<figcaption>Rank [2-7] of 4, margin -\d", page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_gallery_can_be_used_on_a_phone_by_light_and_dark(
    pages: dict[str, str], page: Page, tmp_path: Path, scheme: Any
) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.emulate_media(color_scheme=scheme)
    for name, text in pages.items():
        if NAME in name and name.endswith(".html"):
            (tmp_path / name).write_text(text)
    page.goto(f"file://{tmp_path}/gallery-{NAME}.html")
    assert findings(page) == []
    page.goto(f"file://{tmp_path}/evaluate-{NAME}.html")
    page.locator(".confusion td a").first.click()
    page.locator("h4:target").wait_for(state="visible")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    box = page.locator("svg.frames").first.bounding_box()
    assert box is not None
    assert 300 < box["width"] <= 390
