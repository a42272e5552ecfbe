"""The ranking of a report: places by paired differences alone, kinds apart."""

import csv
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from pipeline.evaluation import differences
from pipeline.reporting import leads, ranking
from tests.reporting.conftest import NAMES, method
from tests.reporting.test_leads import columns, panel_of, plain, section, three
from tests.reporting.test_site import text_of

__all__ = ["three"]  # a fixture

SPLITS = [f"s{number}" for number in range(6)]
MEANS = {"ridge": 0.30, "devise": 0.31, "dvta": 0.60, "sharp": 0.62, "low": 0.1}
SPREAD = {"sharp": 0.05, "dvta": 0.05, "devise": 0.02, "ridge": 0.02, "low": 0.01}


@pytest.fixture
def five(inputs: Any) -> Any:
    """Five methods on six splits of tiny: two that nobody can tell apart, two others, and one below all."""
    random = np.random.default_rng(0)
    for name, mean in MEANS.items():
        file = f"tiny-skeleton-stgcn-{name}"
        inputs.write_result(file, method("tiny", "random", name), SPLITS, NAMES, 0.5)
        drawn = dict(zip(SPLITS, mean + SPREAD[name] * random.normal(size=len(SPLITS)), strict=True))
        rows = [row | {"top1": float(drawn[row["split"]])} for row in inputs.rows(file)]
        inputs.write_rows(file, [row for row in rows if row["selection"] != "oracle"])
    return inputs


def of_tiny(inputs: Any) -> list[ranking.Ranking]:
    found = ranking.rankings(*panel_of(inputs))
    return [one for one in found if (one.panel.dataset, one.panel.space) == ("tiny", "unseen")]


def test_a_place_is_what_those_surely_ahead_and_behind_leave_over(five: Any) -> None:
    (found,) = of_tiny(five)
    rows = {
        name: [row for row in five.rows(f"tiny-skeleton-stgcn-{name}") if row["label_space"] == "unseen"]
        for name in MEANS
    }
    surely = {name: {"ahead": 0, "behind": 0} for name in MEANS}
    for one, other in permutations(MEANS, 2):
        difference = differences.paired(rows[one], rows[other])
        assert difference is not None
        if difference.is_noise is False:
            surely[other]["ahead" if difference.mean > 0 else "behind"] += 1
    for one in found.rows:
        told = surely[one.line.method]
        assert (one.first, one.last) == (1 + told["ahead"], len(MEANS) - told["behind"])
    places = {one.line.method: (one.places, one.verdict) for one in found.rows}
    best, second = (one.line.method for one in found.rows[:2])
    assert {best, second} == {"sharp", "dvta"}
    assert (places[best], places[second]) == (("1 – 2", "best"), ("1 – 2", "not certain"))
    assert (places["ridge"], places["devise"]) == (("3 – 4", "behind"), ("3 – 4", "behind"))
    assert places["low"] == ("5", "behind")
    values = [one.value for one in found.rows]
    assert values == sorted(values, reverse=True)


def test_the_page_shows_the_tied_ones_before_those_behind(five: Any) -> None:
    part = section(five.report()["index.html"], "ranking")
    tables_ = [body for header, body in columns(part) if header[0] == "Place" and len(body) == 7]
    (body, of_all) = tables_  # of the unseen classes, and of all
    assert [line[0] for line in body] == ["The", "1", "1", "Behind", "3", "3", "5"]
    assert [line[5] for line in body if len(line) > 1] == ["best", "not certain", "behind", "behind", "behind"]
    (found,) = of_tiny(five)
    leader = found.rows[0]
    for one, line in zip(found.rows, [line for line in body if len(line) > 1], strict=True):
        assert line[1].startswith(one.line.method)
        assert line[2] == f"{100 * one.value:.1f}"
        ends = one.line.ci95_corrected
        assert ends is not None
        assert line[3] == f"{100 * ends[0]:.1f} – {100 * ends[1]:.1f}"
        assert line[4] == ("–" if one is leader else f"{100 * (one.value - leader.value):+.1f}")
    text = plain(part)
    assert "The best, and not certainly behind it" in text
    assert "rows whose places overlap are tied" in text
    assert len(of_all) == 7


def test_the_same_is_a_csv(five: Any) -> None:
    rows = list(csv.DictReader(five.report()["ranking.csv"].splitlines()))
    assert tuple(rows[0]) == ranking.HEADER
    of_five = [row for row in rows if (row["dataset"], row["label_space"]) == ("tiny", "unseen")]
    (found,) = of_tiny(five)
    assert [
        (row["row"], int(row["place_from"]), int(row["place_to"]), float(row["value"]), row["verdict"])
        for row in of_five
    ] == [(one.line.result, one.first, one.last, one.value, one.verdict) for one in found.rows]
    assert {row["inference"] for row in rows} == {"inductive"}


def test_transductive_rows_are_ranked_by_themselves(five: Any) -> None:
    told = {"inference": "transductive", "scored_together": True, "leaks": ["transductive"], "top1": 0.95}
    five.change("tiny-skeleton-stgcn-low", **told)
    (found,) = of_tiny(five)
    assert "low" not in [one.line.method for one in found.rows]
    five.change("tiny-skeleton-stgcn-ridge", **(told | {"top1": 0.5}))
    alone, together = of_tiny(five)
    assert [(one.inference, len(one.rows)) for one in (alone, together)] == [("inductive", 3), ("transductive", 2)]
    assert [one.line.method for one in together.rows] == ["low", "ridge"]
    assert together.rows[0].last == 2  # the same lead on every split has an interval without width
    part = section(five.report()["index.html"], "ranking")
    assert "transductive rows, which are compared with none of the others" in plain(part)
    page = text_of(five.report()["evaluate-tiny-skeleton-stgcn-ridge.html"])
    assert "Transductive: the scores of a clip depend on the other test clips, whose labels are not read;" in page


def test_flagged_rows_have_no_place(five: Any) -> None:
    five.change("tiny-skeleton-stgcn-low", top1=0.99, leaks=["training_clips_unknown"], training_clips="unknown")
    (found,) = of_tiny(five)
    assert [one.line.method for one in found.rows if one.line.method == "low"] == []


def test_rows_on_fewer_splits_are_left_out_and_counted(five: Any) -> None:
    five.write_result("tiny-skeleton-stgcn-once", method("tiny", "random", "once"), ["s1"], NAMES, 0.99)
    (found,) = of_tiny(five)
    assert (found.num_left_out, len(found.rows)) == (1, 5)
    assert "1 row on fewer splits is left out." in plain(section(five.report()["index.html"], "ranking"))


def test_modalities_are_ranked_apart(five: Any) -> None:
    five.change("tiny-skeleton-stgcn-low", modality="depth")
    (found,) = of_tiny(five)
    assert (found.modality, len(found.rows)) == ("skeleton", 4)
    five.change("tiny-skeleton-stgcn-ridge", modality="depth")
    assert [(one.modality, len(one.rows)) for one in of_tiny(five)] == [("depth", 2), ("skeleton", 3)]


def test_a_single_split_is_ranked_over_its_cells(three: Any) -> None:
    panels, results = panel_of(three)
    found = [one for one in ranking.rankings(panels, results) if one.panel.dataset == "demo"]
    lead, *_ = next(one for one in leads.ahead(panels, results) if one.panel.dataset == "demo").leads
    (second,) = found[0].rows[1:]
    assert second.lead is not None
    assert second.lead.difference == lead.difference
    assert (second.first == 1) == (lead.verdict != "ahead")


def test_where_nothing_is_compared_nothing_is_ranked(inputs: Any) -> None:
    for file in (inputs.root / "reports/evaluate").glob("demo-*"):
        file.unlink()
    files = inputs.report()
    assert not section(files["index.html"], "ranking")
    assert "ranking.csv" not in files
