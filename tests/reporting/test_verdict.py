"""The first sentence of a report: the best method, how sure it is, and whether the runner-up is within the noise."""

import re
from dataclasses import replace
from typing import Any

import pytest

from pipeline.core import tables
from pipeline.core.schemas import PREDICTIONS, PredictionRow
from pipeline.evaluation.differences import Difference
from pipeline.reporting import formatting, verdict, views
from pipeline.reporting.evidence import result
from pipeline.reporting.verdict import Verdict
from tests.reporting.conftest import NAMES, Inputs, method
from tests.reporting.test_site import text_of

ONE, OTHER = "tiny-skeleton-stgcn-dvta", "tiny-skeleton-stgcn-ridge"


def verdicts(inputs: Inputs, only: str = "*") -> list[Verdict]:
    results = [result(file) for file in sorted((inputs.root / "reports/evaluate").glob(f"{only}.json"))]
    return verdict.verdicts(views.panels(results), results)


def sentence(inputs: Inputs) -> str:
    index = inputs.report()["index.html"]
    return text_of("</style>" + index[index.index('class="lead"') + 13 : index.index("</p>", index.index('"lead"'))])


@pytest.fixture
def three_splits(tmp_path: Any) -> Inputs:
    """Two methods on the same three splits, one far better, drawn as the small world draws them."""
    made = Inputs(tmp_path)
    for name, skill in ((ONE, 0.9), (OTHER, 0.1)):
        made.write_result(name, method("tiny", "random", name.rpartition("-")[2]), ["s0", "s1", "s2"], NAMES, skill)
    return made


def test_the_sentence_names_figure_interval_clips_classes_splits_seeds_and_chance(inputs: Inputs) -> None:
    found = sentence(inputs)
    (best,) = (one for one in verdicts(inputs, "demo*") if one.panel.space == "unseen")
    low, high = (formatting.percent(end) for end in best.best.ci95)
    who = f"{best.best.method} ({best.best.detail})"
    told = (
        f"On demo, the best of 2 methods is {who} : it names {formatting.percent(best.value)}&#8239;% of 48 test clips"
    )
    assert found.startswith(told)
    assert f"over cells of subject and class: {low} to {high}" in found
    assert "choosing among 4 classes that it was never trained on, where guessing gives 25.0" in found
    assert "on one split and with one encoder seed; the runner-up, " in found
    assert "on the very same 48 clips (95&#8239;% interval over these clips: " in found
    assert re.search(r"which is (within the noise|more than noise[^.]*)\.$", found)


@pytest.mark.parametrize(
    ("share", "ci95", "shown"), [(1.0, [0.875, 1.0], "87.5 to 100.0"), (0.0, [0, 0.1], "0.0 to 10.0")]
)
def test_a_best_of_all_or_none_has_its_exact_interval(
    inputs: Inputs, share: float, ci95: list[float], shown: str
) -> None:
    for name in ("demo-skeleton-stgcn-ridge", "demo-skeleton-stgcn-dvta"):
        inputs.change(name, top1=share, top1_ci95=ci95)
    assert f"(95&#8239;% interval exact, by Wilson: {shown})" in sentence(inputs)


def test_an_interval_that_holds_chance_is_no_proof_and_the_sentence_says_so(inputs: Inputs) -> None:
    told = "where guessing gives 25.0&#8239;%, which the interval does not leave out,"
    for low, says in ((0.26, False), (0.25, True)):
        for name in ("demo-skeleton-stgcn-ridge", "demo-skeleton-stgcn-dvta"):
            inputs.change(name, top1=0.4, top1_ci95=[low, 0.6])
        assert (told in sentence(inputs)) == says


def test_nothing_is_claimed_of_what_weights_of_the_web_saw(inputs: Inputs) -> None:
    assert "classes that it was never trained on" in sentence(inputs)
    for name in ("demo-skeleton-stgcn-ridge", "demo-skeleton-stgcn-dvta"):
        inputs.change(name, pretrained="open_clip ViT-B-32")
    found = sentence(inputs)
    assert "classes that nothing here taught it (its weights of the web may know them)" in found
    assert "never trained" not in found


def test_a_runner_up_with_as_many_right_is_level(inputs: Inputs) -> None:
    folder = inputs.root / "reports/evaluate"
    one, other = (folder / f"demo-skeleton-stgcn-{name}.parquet" for name in ("dvta", "ridge"))
    other.write_bytes(one.read_bytes())
    found = sentence(inputs)
    assert "is level with it on the very same 48 clips (95&#8239;% interval over these clips: " in found
    assert "0.0 points" not in found


def test_an_area_of_one_split_has_no_interval_and_the_reason_is_right(inputs: Inputs) -> None:
    for name in ("ridge", "dvta"):
        inputs.write_result(f"demo-skeleton-stgcn-{name}", method("demo", "random", name), ["s0"], NAMES, 0.4, ["gzsl"])
    index = text_of(inputs.report()["index.html"])
    assert "34.6&#8239;% (which has no interval on one split and with one seed)" in index
    assert "one cell" not in index


def test_several_splits_and_seeds_are_counted(three_splits: Inputs) -> None:
    for name in (ONE, OTHER):
        rows = three_splits.rows(name)
        three_splits.write_rows(name, rows + [row | {"seed": 7} for row in rows])
    best = verdicts(three_splits)[0]
    assert (best.best.num_splits, best.num_seeds, best.num_clips, best.num_methods) == (3, 2, (48, 48), 2)
    assert best.over == "over splits"
    assert best.ci95 == tuple(best.best.ci95_corrected or ())


def test_the_difference_is_that_of_the_stored_answers(three_splits: Inputs) -> None:
    found = verdicts(three_splits)[0]
    assert (found.best.result, found.runner_up and found.runner_up.result) == (ONE, OTHER)
    shares = []
    for name in (ONE, OTHER):
        kept = result(three_splits.root / f"reports/evaluate/{name}.json").predictions
        kept = [row for row in kept if (row.label_space, row.selection) == ("unseen", "validation")]
        by_split = [[row.rank == 1 for row in kept if row.split == split] for split in ("s0", "s1", "s2")]
        shares.append(sum(sum(right) / len(right) for right in by_split) / 3)
    assert found.clips is not None
    assert found.clips.mean == pytest.approx(shares[0] - shares[1])
    assert found.clips.num_clips == 144
    assert found.clips.ci95[0] < found.clips.mean < found.clips.ci95[1]
    assert found.standing == "ahead"


def test_the_same_inputs_draw_the_same_interval(three_splits: Inputs) -> None:
    assert [one.difference for one in verdicts(three_splits)] == [one.difference for one in verdicts(three_splits)]


def test_a_method_against_its_twin_is_noise(three_splits: Inputs) -> None:
    folder = three_splits.root / "reports/evaluate"
    for ending in ("json", "parquet"):
        (folder / f"{OTHER}.{ending}").write_bytes((folder / f"{ONE}.{ending}").read_bytes())
    assert {one.standing for one in verdicts(three_splits)} == {"noise"}


@pytest.mark.parametrize(
    ("ci95", "is_noise", "standing"),
    [
        ((0.1, 0.3), False, "ahead"),
        ((0.1, 0.3), True, "fragile"),
        ((0.1, 0.3), None, "fragile"),
        ((0.0, 0.3), False, "noise"),
        ((-0.1, 0.3), True, "noise"),
        ((-0.3, -0.1), False, "behind"),
        (None, False, "ahead"),
        (None, True, "noise"),
        (None, None, "unknown"),
    ],
)
def test_a_lead_is_beyond_the_noise_only_where_both_intervals_say_so(
    three_splits: Inputs, ci95: Any, is_noise: bool | None, standing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Difference, "is_noise", is_noise)
    found = verdicts(three_splits)[0]
    assert found.clips is not None
    clips = None if ci95 is None else replace(found.clips, ci95=ci95)
    assert replace(found, clips=clips).standing == standing


def test_only_clips_that_both_answered_are_compared_and_the_sentence_says_so(inputs: Inputs) -> None:
    file = inputs.root / "reports/evaluate/demo-skeleton-stgcn-ridge.parquet"
    rows: list[PredictionRow] = tables.read(file, PREDICTIONS)
    tables.write(file, PREDICTIONS, [row for row in rows if row.clip_id < "d/040"], tables.read_meta(file, PREDICTIONS))
    assert "on the 40 clips that both answered (of 48 and 40)" in sentence(inputs)


def test_flagged_rows_take_no_part_and_nothing_is_claimed_without_another(inputs: Inputs) -> None:
    kept = {"kept_overlap": ["kick ball"], "num_kept_overlap": 1, "leaks": ["kept_overlap"]}
    inputs.change("demo-skeleton-stgcn-ridge", **kept, source="yard", top1=0.999)
    found = [one for one in verdicts(inputs) if one.panel.dataset == "demo" and one.panel.space == "unseen"]
    assert [(one.best.method, one.runner_up) for one in found] == [("dvta", None)]
    for name in ("demo-skeleton-stgcn-dvta", "tiny-skeleton-stgcn-ridge"):
        inputs.change(name, **kept, source="yard")
    assert "every row bears a flag" in sentence(inputs)


def test_the_headline_is_the_question_of_unseen_classes_that_most_methods_answered(
    inputs: Inputs,
) -> None:
    headline = verdict.headline(verdicts(inputs))
    assert headline is not None
    assert (headline.panel.dataset, headline.panel.space) == ("demo", "unseen")  # two methods; tiny has one
    inputs.write_result("tiny-more", method("tiny", "random", "devise"), ["s0", "s1", "s2"], NAMES, 0.3)
    assert "the best of 2 methods" in sentence(inputs)
    headline = verdict.headline(verdicts(inputs))
    assert headline is not None
    assert headline.panel.dataset == "tiny"  # as many methods, on more splits
    index = text_of(inputs.report()["index.html"])
    assert index.index("tiny, random protocol xsub 4 candidates") < index.index("demo, random")
    assert verdict.headline([]) is None


def test_methods_outweigh_senses_in_the_choice_of_the_headline(inputs: Inputs) -> None:
    for sense in ("depth", "thermal", "video"):
        inputs.write_result(
            f"tiny-{sense}", method("tiny", "random", "ridge") | {"modality": sense}, ["s0"], NAMES, 0.3
        )
    headline = verdict.headline(verdicts(inputs))
    assert headline is not None
    assert headline.panel.dataset == "demo"  # two methods; tiny has one on four senses


def test_a_method_on_two_senses_is_not_counted_as_two_methods(inputs: Inputs) -> None:
    inputs.write_result("demo-depth", method("demo", "random", "ridge") | {"modality": "depth"}, ["s0"], NAMES, 0.1)
    assert "the best of 3 combinations of method, encoder and sense is" in sentence(inputs)


def test_every_panel_opens_with_its_own_verdict(html: dict[str, str]) -> None:
    told = re.findall(r'<p class="(?:lead|verdict)">(.*?)</p>', html["index.html"], re.S)
    assert len(told) == html["index.html"].count('<section class="panel">')
    assert len(set(told)) == len(told)
    assert sum("all 7 classes, seen and unseen" in " ".join(one.split()) for one in told) == 2


def test_the_index_is_short_to_read(html: dict[str, str]) -> None:
    open_parts = re.sub(r"<details.*?</details>", " ", html["index.html"], flags=re.S)
    assert len(text_of(open_parts).split()) < 1500
    assert len(text_of(html["index.html"]).split()) > len(text_of(open_parts).split())
