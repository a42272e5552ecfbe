"""What a report keeps apart: unlike questions, and figures of weights that saw clips of unseen classes."""

import re
from typing import Any

import pytest

from pipeline.core.roles import UNKNOWN_CLIPS
from pipeline.reporting import formatting
from tests.reporting.test_site import text_of


def columns(html: str) -> list[tuple[list[str], list[list[str]]]]:
    """Header and rows of every table of figures, as text."""
    found = []
    for table in re.findall(r'<table class="figures.*?</table>', html, re.S):
        rows = [re.findall(r"<t[hd].*?</t[hd]>", row, re.S) for row in re.findall(r"<tr.*?</tr>", table, re.S)]
        header, *body = [[" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in row] for row in rows]
        found.append((header, body))
    return found


def test_rows_of_unlike_questions_share_no_table_and_no_panel(inputs: Any) -> None:
    who = {"dataset": "demo", "split_table": "random", "protocol": "xsub", "method": "ridge", "embeddings": "x"}
    who |= {"modality": "skeleton", "encoder": "stgcn", "variant": "plain"}
    names = ["sit", "stand", "kick", "clap", "bend"]
    inputs.write_result("demo-skeleton-stgcn-ridge", who, ["s0"], names, 0.4, ["all", "gzsl"])
    pages = inputs.report()
    own = columns(pages["evaluate-demo-skeleton-stgcn-ridge.html"])
    assert [len(body) for _, body in own] == [1, 1, 1]
    top1 = [body[0][header.index("Top-1")] for header, body in own]
    assert top1 == [formatting.percent(row["top1"]) for row in inputs.rows("demo-skeleton-stgcn-ridge")]
    assert [header[-3:] == ["Seen", "Unseen", "Harmonic mean"] for header, _ in own] == [False, False, True]
    assert own[2][1][0][-3:] == ["75.3", "12.3", "21.2"]
    measured = pages["index.html"].partition('id="measured"')[2]
    groups = [[row[0] for row in body if len(row) == 1] for _, body in columns(measured)[:3]]
    kinds = ["among the unseen classes", "among all classes, seen and unseen", "among all classes, for all clips"]
    assert [{row[row.index("among") :] for row in group} for group in groups] == [{kind} for kind in kinds]
    text = text_of(pages["index.html"])
    assert "seen 75.3, unseen 12.3, harmonic mean 21.2" in text[text.index("Test clips of seen classes too") :]


def test_without_test_clips_of_seen_classes_nothing_is_said_of_them(html: dict[str, str]) -> None:
    assert "Test clips of seen classes too" not in html["index.html"]
    assert len(columns(html["evaluate-demo-skeleton-stgcn-ridge.html"])) == 2


def test_a_result_tells_what_its_weights_have_seen(inputs: Any) -> None:
    name = "tiny-skeleton-stgcn-ridge"
    before = inputs.report()[f"evaluate-{name}.html"]
    assert "No label and no text that the weights were taught here names an unseen class" in text_of(before)
    assert not any(word in text_of(before) for word in ("took part", "weights of the web"))
    rows = inputs.rows(name)
    for row in rows:
        bound = ["kick", "clap"][: 1 + (row["split"] == "s1")]
        row |= {"inference": "transductive", "pairs": "all", "paired_unseen": bound, "num_paired_unseen": len(bound)}
        row["pretrained"] = "ViT-B-32 laion"
    inputs.write_rows(name, rows)
    text = text_of(inputs.report()[f"evaluate-{name}.html"])
    assert "clips of 1 of the 4 unseen classes of split s0 took part in binding, without their labels (kick);" in text
    assert (
        "clips of 2 of the 4 unseen classes of split s1 took part in binding, without their labels (kick, clap);"
        in text
    )
    assert text.count("The encoder began as ViT-B-32 laion, weights of the web") == 1
    inputs.change(name, inference="inductive", pairs="fit", paired_unseen=[], num_paired_unseen=0)
    text = text_of(inputs.report()[f"evaluate-{name}.html"])
    told = f"Of {rows[0]['dataset']} the encoder was bound with clips of fit classes alone: with none of an "
    assert text.count(told + "unseen class. If other datasets gave pairs, the page of bind names their classes") == 1


def test_a_result_tells_where_it_was_learnt_and_which_overlapping_classes_were_kept(inputs: Any) -> None:
    name = "tiny-skeleton-stgcn-ridge"
    inputs.change(name, source="yard", num_source_classes=21)
    pages = inputs.report()
    text = text_of(pages[f"evaluate-{name}.html"])
    assert "Learnt from yard: 21 classes, whose names were compared with those of the unseen classes of tiny" in text
    assert "learnt from yard" in text_of(pages["index.html"])
    assert not any(
        "overlapping classes kept" in text_of(page) for file_, page in pages.items() if file_.endswith(".html")
    )
    inputs.change(name, kept_overlap=["kick ball"], num_kept_overlap=1, leaks=["kept_overlap"])
    pages = inputs.report()
    text = text_of(pages[f"evaluate-{name}.html"])
    assert (
        "Overlapping classes kept: the weights were taught what is tested here too, under the names of yard: kick ball."
        in text
    )
    assert "of the test clips of unseen classes are named right" not in text
    for page in (f"evaluate-{name}.html", "index.html"):
        assert "overlapping classes kept: 1" in text_of(pages[page])


def test_lines_of_overlapping_classes_are_not_the_best(inputs: Any) -> None:
    kept = {"kept_overlap": ["kick ball"], "num_kept_overlap": 1, "leaks": ["kept_overlap"]}
    inputs.change("demo-skeleton-stgcn-dvta", **kept, source="yard", top1=0.993)
    lead = text_of(inputs.report()["index.html"])
    assert "99.3 % ( dvta )" not in lead.partition("where guessing gives")[0]


def test_transductive_and_inductive_rows_are_two_lines_of_a_panel(inputs: Any) -> None:
    name = "tiny-skeleton-stgcn-ridge"
    assert "transductive" not in text_of(inputs.report()["index.html"])
    better = {"inference": "transductive", "pairs": "all", "top1": 0.987, "leaks": ["transductive"]}
    rows = inputs.rows(name)
    inputs.write_rows(name, rows + [row | better for row in rows])
    html = inputs.report()["index.html"]
    marks = [
        row for row in re.findall(r"<tr.*?</tr>", html, re.S) if "tiny-skeleton-stgcn-ridge" in row and "<svg" in row
    ]
    assert [("98.7" in row, ">transductive</span>" in row) for row in marks] == [(False, False), (True, True)] * 2
    assert "98.7" not in html[html.index('class="lead"') : html.index("</p>", html.index('class="lead"'))]


def test_halves_of_a_target_and_all_of_it_share_no_figure(inputs: Any) -> None:
    name = "tiny-skeleton-stgcn-ridge"
    rows = inputs.rows(name)
    for row in rows:
        if (row["split"], row["label_space"]) == ("s2", "unseen"):
            row |= {"num_classes": 7, "chance": 1 / 7}
    inputs.write_rows(name, rows)
    pages = inputs.report()
    html = pages[f"evaluate-{name}.html"]
    text = text_of(html)
    kinds = [f"Class by class, among the unseen classes, {number} at a time" for number in (4, 7)]
    assert all(kind in text for kind in kinds)
    told = [f"guessing among {number} classes gives {chance}" for number, chance in ((4, 25.0), (7, 14.3))]
    assert [text.count(one) for one in told] == [1, 1]
    parts = [part.partition("Class by class")[0] for part in html.split("Class by class, among the unseen classes")[1:]]
    assert [sum(map(int, re.findall(r"<small>of (\d+)</small>", part))) for part in parts] == [2 * 48, 48]
    assert len(pages[f"plots/confusion/{name}.csv"].splitlines()) == 1 + 48
    groups = [row[0] for _, body in columns(pages["index.html"]) for row in body if len(row) == 1]
    kinds = ["among the unseen classes, 4 at a time", "among the unseen classes, 7 at a time"]
    assert [group[group.index("among") :] for group in groups if group.startswith("tiny")][:2] == kinds


def test_figures_of_overlapping_classes_stand_below_zero_shot_ones(inputs: Any) -> None:
    kept = {"kept_overlap": ["kick ball"], "num_kept_overlap": 1, "leaks": ["kept_overlap"]}
    inputs.change("demo-skeleton-stgcn-dvta", **kept, source="yard", top1=0.993, leaky=False)
    index = inputs.report()["index.html"]
    rows = [row for row in re.findall(r"<tr.*?</tr>", index, re.S) if "demo-skeleton-stgcn-" in row]
    told = [("overlapping classes kept" in row, "mark hollow" in row) for row in rows]
    assert [is_kept for is_kept, _ in told[:3]] == [False, True, True]  # of the first panel
    assert [is_hollow for _, is_hollow in told[:3]] == [False, True, True]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "The encoder read the label of no clip of tiny."),
        ({}, "No test clip has the bytes of a training clip, and no test subject trains."),
        ({"training_clips": "0a1b"}, "labels of the training clips of the split and of no others: their ids were"),
        ({"training_clips": UNKNOWN_CLIPS}, "Training clips unknown: the encoder tells its training classes but not"),
        ({"num_undigested": 7}, "(of up to 7 nobody can tell, for they have no digest), and no test subject"),
        ({"num_shared_subjects": 3, "protocol": "xview"}, "Up to 3 test subjects train as well: the protocol xview"),
    ],
)
def test_a_result_tells_whether_clips_or_people_of_the_test_train(inputs: Any, changes: Any, told: str) -> None:
    name = "tiny-skeleton-stgcn-ridge"
    inputs.change(name, **changes)
    text = text_of(inputs.report()[f"evaluate-{name}.html"])
    assert text.count(told) == 1
