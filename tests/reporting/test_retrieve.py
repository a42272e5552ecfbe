"""The page says of every pair what stands in the figures, and the pictures mark the right clip."""

import numpy as np
import pytest
from PIL import Image

from pipeline.core import pages, store
from pipeline.core.prepared import put
from pipeline.core.seeds import generator
from pipeline.evaluation import clusters
from pipeline.evaluation.retrieval_tables import Answers, headline, tables
from pipeline.reporting import retrieve as page_of
from pipeline.reporting import retrieve_examples as examples
from pipeline.reporting.retrieve_examples import Answer, Gallery, Pictures

NUM = 20


def draw(subset, num_performances):
    return clusters.resamples(num_performances, 50, generator(0, subset))


def figures(seeds=(0,), candidates=NUM):
    """Two senses and a hub; what is never trained is found half as often."""
    said = []
    for seed in seeds:
        for query, target in (("hub", "depth"), ("depth", "hub"), ("depth", "skeleton")):
            found = np.where(np.arange(NUM) < (16 if "hub" in (query, target) else 8) + seed, 1, 12)
            asked = np.full(NUM, candidates if target == "skeleton" else NUM)
            said.append(Answers(query, target, "all", "s0", seed, found, asked, np.arange(NUM)))
    made = tables(said, draw)
    shown = [Answer("toy/3", "skeleton", ("toy/3", "toy/1"), 1), Answer("toy/4", "skeleton", ("toy/1", "toy/2"), 9)]
    told = {"transductive": False, "headline": headline(made["kinds"], transductive=False)}
    return {**made, **told, "examples": examples.counts(shown, [said[2]])}


@pytest.fixture
def page(tmp_path):
    page_of.write(tmp_path, "demo", "toy", figures(), [])
    return pages.read(tmp_path / pages.FILE)


def test_every_pair_stands_in_the_table_with_chance_and_interval(page):
    table = page.tables[1]
    assert table.title == "Every pair of senses, all test clips, per cent"
    (row,) = [row for row in table.rows if row[:2] == ["depth", "skeleton"]]
    cells = dict(zip(table.header, row, strict=True))
    assert (cells["pair"], cells["queries"]) == ("never trained", "20")
    assert cells["R@1"].startswith("40.0 (")
    assert [cell for name, cell in zip(table.header, row, strict=True) if name == "chance"] == ["5.0", "25.0", "50.0"]
    assert cells["median rank"].startswith("12.0 (")


def test_kinds_of_pairs_are_told_apart(page):
    assert [row[:3] for row in page.tables[0].rows] == [
        ["trained", "all test clips", page.tables[0].rows[0][2]],
        ["never trained", "all test clips", page.tables[0].rows[1][2]],
    ]
    assert page.tables[0].rows[0][2].startswith("80.0 (")
    assert page.tables[0].rows[1][-1] == "–"


def test_the_chart_shows_trained_pairs_first_and_chance(page):
    (chart,) = page.marks
    assert [mark.name for mark in chart.marks] == [
        "hub finds depth (trained)",
        "depth finds hub (trained)",
        "depth finds skeleton (never trained)",
    ]
    assert (chart.reference, chart.marks[2].value) == (5 / NUM, 0.4)


def test_pairs_of_other_chance_stand_in_a_chart_of_their_own(tmp_path):
    page_of.write(tmp_path, "demo", "toy", figures(candidates=10), [])
    assert [(chart.reference, len(chart.marks)) for chart in pages.read(tmp_path / pages.FILE).marks] == [
        (0.25, 2),
        (0.5, 1),
    ]


def test_the_count_of_right_ones_is_of_those_drawn_and_of_all(page):
    assert page.tables[-1].rows == [["depth", "skeleton", "1 of 2", "8 of 20", "40.0", "15.0"]]


def test_several_seeds_are_said(tmp_path):
    page_of.write(tmp_path, "demo", "toy", figures(seeds=(0, 1)), [])
    shown = pages.read(tmp_path / pages.FILE)
    assert "means over 2 runs" in shown.text[2]
    assert "over seeds" in shown.text[2]
    assert shown.tables[0].rows[0][-1] != "–"


def gallery(target, ids):
    x_ND = np.eye(len(ids), dtype=np.float32)
    return Gallery(target, ids, np.arange(len(ids)), x_ND, np.roll(x_ND, 1, axis=0))


def test_queries_are_clips_that_all_senses_have():
    galleries = [gallery("depth", ["a", "b", "c"]), gallery("video", ["b", "c", "d"])]
    shown = examples.draw(galleries, 9, generator(0, "draw"))
    assert [one.target for one in shown] == ["depth", "video"] * 2
    assert {one.clip_id for one in shown} == {"b", "c"}
    # The vector of row n stands in row n + 1 of the other sense: the wrong one is found first, a tie goes against us.
    assert shown[0].nearest[0] != shown[0].clip_id
    assert all(one.rank == one.nearest.index(one.clip_id) + 1 for one in shown)


def test_the_query_is_a_skeleton_where_there_is_one():
    assert examples.query_sense({"body": "skeleton", "a": "depth", "hub": "video"}) == "body"
    assert examples.query_sense({"a": "depth", "hub": "video"}) == "a"


@pytest.fixture
def pictures(tmp_path):
    ids = ["toy/1", "toy/2", "toy/3"]
    for name in ("depth", "thermal"):
        with store.create(tmp_path / f"{name}.zarr", {"layout": "grey8"}) as writer:
            clips = (generator(number, name).normal(size=(1, 4, 12, 16)).astype(np.float32) for number in range(3))
            put(writer.group("all", ids), (1, 4, 12, 16), [4] * 3, clips)
    stores = {"depth": tmp_path / "depth.zarr", "hub": tmp_path / "thermal.zarr"}
    labels = {"toy/1": "sit", "toy/2": "a name that is much too long " * 5, "toy/3": "run"}
    return Pictures("depth", {"depth": "depth", "hub": "thermal"}, stores, labels)


def green(picture_HW3):
    return np.argwhere(np.abs(picture_HW3.astype(int) - examples._RIGHT).max(axis=2) < 12)


def test_the_right_clip_alone_is_framed(pictures, tmp_path):
    shown = [Answer("toy/1", "hub", ("toy/2", "toy/1", "toy/3"), 2), Answer("toy/3", "hub", ("toy/1", "toy/2"), 3)]
    images = pictures.show(tmp_path, shown)
    assert [image.file for image in images] == ["1.png", "2.png"]
    with Image.open(tmp_path / "1.png") as file:
        first = green(np.asarray(file.convert("RGB")))
        width = file.width
    with Image.open(tmp_path / "2.png") as file:
        assert len(green(np.asarray(file.convert("RGB")))) == 0
    assert width / 3 - 10 < first[:, 1].min() < first[:, 1].max() < 2 * width / 3 + 10  # the second of three
    assert "Rank of the right one: hub 2." in images[0].caption
    assert "toy/1, sit" in images[0].caption
