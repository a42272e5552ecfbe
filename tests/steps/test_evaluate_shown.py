"""What evaluate leaves beside the figures: a page with the truths that it alone may join to a method's arrays."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.core import pages, store
from pipeline.core import scores as scores_format
from pipeline.core.scores import Scores
from tests.steps.scored import METHOD, NAMES, World

DIRECT = np.array([[1, 0], [1, 0], [0, 1], [1, 0]], np.float32)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def explain(world: World) -> None:
    """The world's scores once more, with one module that is right on all clips but the last."""
    (plain,) = scores_format.read(world.inputs.scores, "align")
    with store.create(world.inputs.scores / scores_format.STORE, METHOD) as out:
        told = Scores(plain.provenance, plain.clip_ids, plain.values, explained={"direct": DIRECT})
        scores_format.write(out, told)


def test_a_row_that_explains_nothing_leaves_an_empty_folder(world: World) -> None:
    world.run()
    assert list((world.root / "pages/out").iterdir()) == []


def test_the_page_joins_truths_to_what_the_method_explains(world: World) -> None:
    explain(world)
    figures = world.run()["rows"][0]
    page = pages.read(world.root / "pages/out" / pages.FILE)
    assert (page.stage, page.row) == ("evaluate", "out")
    assert page.tables[0].rows == [["s0", 0, 4, figures["top1"], 0.75, 0.25]]
    assert {clip.caption.partition(": ")[0] for part in page.clips for clip in part.clips} <= {
        f"{clip_id} shows “{NAMES[class_id]}”" for clip_id, class_id, _ in world.clips
    }
    assert (world.root / "pages/out/similarity.png").is_file()


def test_the_figures_do_not_change_by_being_explained(world: World) -> None:
    before = world.run()
    explain(world)
    assert world.run() == before


def test_a_row_that_no_longer_explains_itself_loses_its_page(world: World) -> None:
    explain(world)
    world.run()
    world.write_scores()
    world.run()
    assert list((world.root / "pages/out").iterdir()) == []
