"""What a report says of two methods: how far one is ahead, what an oracle adds, and when that is noise."""

import csv
import html as markup
import re
from typing import Any

import pytest

from pipeline.core.outputs import write_json
from pipeline.evaluation import differences, metrics, tables
from pipeline.reporting import evidence, leads, views
from tests.reporting import test_questions
from tests.reporting.conftest import NAMES, method
from tests.reporting.test_site import text_of

SPLITS = ["s0", "s1", "s2"]


def section(html: str, anchor: str) -> str:
    """From a heading to the next of its size; empty where it is not there."""
    found = re.search(rf'id="{anchor}".*?(?=<h2|</main>)', html, re.S)
    return found.group() if found else ""


def columns(page: str) -> list[tuple[list[str], list[list[str]]]]:
    """Header and rows of every table of figures, of the method's cell its name alone."""
    return [
        (
            [" ".join(markup.unescape(cell).split()) for cell in header],
            [[name.split()[0], *line] for name, *line in body],
        )
        for header, body in test_questions.columns(page)
    ]


@pytest.fixture
def three(inputs: Any) -> Any:
    """Three methods on three splits of tiny, of which dvta also has an oracle."""
    for name, skill in (("dvta", 0.6), ("devise", 0.1)):
        inputs.write_result(f"tiny-skeleton-stgcn-{name}", method("tiny", "random", name), SPLITS, NAMES, skill)
    return inputs


def panel_of(inputs: Any) -> tuple[list[views.Panel], list[evidence.Result]]:
    results = [evidence.result(file) for file in sorted((inputs.root / "reports/evaluate").glob("*.json"))]
    return views.panels(results), results


def test_the_best_honest_row_is_set_against_every_other_split_by_split(three: Any) -> None:
    html = three.report()["index.html"]
    of_tiny = [
        body for header, body in columns(section(html, "leads")) if header[0].startswith("dvta") and len(body) == 2
    ]
    figures = {name: three.rows(f"tiny-skeleton-stgcn-{name}") for name in ("dvta", "ridge", "devise")}
    honest = [row for row in figures["dvta"] if row["label_space"] == "unseen" and row["selection"] != "oracle"]
    for line in of_tiny[0]:
        other = [row for row in figures[line[0]] if row["label_space"] == "unseen"]
        wanted = differences.paired(honest, other)
        assert wanted is not None
        assert wanted.ci95_corrected is not None
        told = [f"{100 * wanted.mean:+.1f}", "{:+.1f} to {:+.1f}".format(*(100 * end for end in wanted.ci95 or ()))]
        told.append("{:+.1f} to {:+.1f}".format(*(100 * end for end in wanted.ci95_corrected)))
        assert line[1:4] == told
        assert line[4] == f"{wanted.num_ahead} of 3"
        assert line[5] == ("noise" if wanted.is_noise else "ahead")
    means = [float(line[1]) for line in of_tiny[0]]
    assert means == sorted(means)
    assert {line[0] for line in of_tiny[0]} == {"ridge", "devise"}


def test_a_single_split_has_its_interval_over_cells_from_the_answers(three: Any) -> None:
    panels, results = panel_of(three)
    (found,) = [
        one for one in leads.ahead(panels, results) if (one.panel.dataset, one.panel.space) == ("demo", "unseen")
    ]
    (lead,) = found.leads
    answers = [
        [line for line in one.predictions if (line.label_space, line.selection) == ("unseen", "validation")]
        for name in ("dvta", "ridge")
        for one in results
        if one.name == f"demo-skeleton-stgcn-{name}"
    ]
    best, other = (0, 1) if lead.one.method == "dvta" else (1, 0)
    assert lead.difference.ci95 == differences.over_cells(answers[best], answers[other])
    assert lead.difference.ci95 is not None
    assert lead.difference.ci95_corrected is None


def test_differences_are_a_csv_that_says_what_the_page_says(three: Any) -> None:
    files = three.report()
    rows = list(csv.DictReader(files["differences.csv"].splitlines()))
    assert tuple(rows[0]) == leads.HEADER
    compared = leads.ahead(*panel_of(three))
    assert [float(row["difference"]) for row in rows] == [
        lead.difference.mean for one in compared for lead in one.leads
    ]
    (row,) = [
        row
        for row in rows
        if (row["dataset"], row["label_space"], row["other"]) == ("tiny", "unseen", "tiny-skeleton-stgcn-devise")
    ]
    assert (row["num_splits"], row["figure"], row["noise"]) == ("3", "top1", str(row["noise"] == "True"))
    assert float(row["low_corrected"]) < float(row["low"]) < float(row["difference"]) < float(row["high"])


def test_flagged_rows_are_compared_with_none(three: Any) -> None:
    name = "tiny-skeleton-stgcn-devise"
    three.change(name, top1=0.99, num_kept_overlap=1, kept_overlap=["kick"], leaks=["kept_overlap"], source="yard")
    for one in leads.ahead(*panel_of(three)):
        assert all(name not in (lead.one.result, lead.other.result) for lead in one.leads)


def test_of_methods_on_fewer_splits_none_is_called_the_best(three: Any) -> None:
    three.write_result("tiny-skeleton-stgcn-once", method("tiny", "random", "once"), ["s1"], NAMES, 0.99)
    (found,) = [
        one for one in leads.ahead(*panel_of(three)) if (one.panel.dataset, one.panel.space) == ("tiny", "unseen")
    ]
    assert found.leads[0].one.method != "once"
    (once,) = [lead for lead in found.leads if lead.other.method == "once"]
    assert once.difference.num_splits == 1


def panel_html(html: str, dataset: str) -> list[str]:
    """The lines of the first chart of a dataset."""
    (found, *_) = [one for one in re.findall(r'<section class="panel">.*?</section>', html, re.S) if dataset in one]
    return re.findall(r"<tr.*?</tr>", found, re.S)


def plain(html: str) -> str:
    """Its words."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_a_line_on_fewer_splits_says_so_and_what_its_interval_is_over(three: Any) -> None:
    three.write_result("tiny-skeleton-stgcn-once", method("tiny", "random", "once"), ["s1"], NAMES, 0.99)
    html = three.report()["index.html"]
    rows = panel_html(html, "tiny")
    told = {line: plain(row) for row in rows for line in ("once", "ridge") if f">{line}</a>" in row}
    assert "on 1 of 3 splits" in told["once"]
    assert "over cells of subject and class" in told["once"]
    assert not any(word in told["ridge"] for word in ("splits", "over"))
    assert "once" not in html[html.index('class="lead"') : html.index('<section class="panel">')]


def test_seeds_of_one_split_have_the_interval_over_them_as_in_tables(inputs: Any) -> None:
    name = "demo-skeleton-stgcn-ridge"
    rows = inputs.rows(name)
    rows += [row | {"seed": 1, "top1": row["top1"] / 2} for row in rows]
    inputs.write_rows(name, rows)
    panels, _ = panel_of(inputs)
    (line,) = [
        one
        for panel in panels
        for one in panel.lines
        if (one.result, panel.space, one.over) == (name, "unseen", "seeds")
    ]
    unseen = [row["top1"] for row in rows if row["label_space"] == "unseen"]
    assert line.ci95 == metrics.interval_over_splits(unseen)
    (told,) = [plain(row) for row in panel_html(inputs.report()["index.html"], "demo") if ">ridge</a>" in row]
    assert "over seeds" in told


def test_lines_show_the_figures_that_evaluate_wrote(inputs: Any) -> None:
    name = "tiny-skeleton-stgcn-ridge"
    rows = inputs.rows(name)
    summaries = [one | {"mean": 0.9876, "ci95": [0.9123, 0.9934]} for one in tables.summaries(rows)]
    write_json(inputs.root / f"reports/evaluate/{name}.json", {"rows": rows, "summary": summaries})
    lines = [line for panel in panel_of(inputs)[0] for line in panel.lines if line.result == name]
    assert [(line.value, line.ci95) for line in lines] == [(0.9876, [0.9123, 0.9934])] * 2  # of two label spaces
    assert inputs.report()["index.html"].count("98.8") >= 4


def test_a_row_whose_training_clips_nobody_knows_leads_no_other(three: Any) -> None:
    name = "tiny-skeleton-stgcn-devise"
    three.change(name, top1=0.99, leaks=["training_clips_unknown"], training_clips="unknown")
    for one in leads.ahead(*panel_of(three)):
        assert all(name not in (lead.one.result, lead.other.result) for lead in one.leads)
    html = three.report()["index.html"]
    assert "99.0" not in html[html.index('class="lead"') : html.index("</p>", html.index('class="lead"'))]


def test_the_gap_between_own_choice_and_oracle_stands_beside_both(three: Any) -> None:
    html = three.report()["index.html"]
    tables_ = columns(section(html, "gaps"))
    assert [[line[0] for line in body] for _, body in tables_] == [["dvta"], ["dvta"]]  # of demo and of tiny
    rows = three.rows("tiny-skeleton-stgcn-dvta")
    mean = {
        word: sum(row["top1"] for row in rows if (row["selection"], row["label_space"]) == (word, "unseen")) / 3
        for word in ("validation", "oracle")
    }
    line = tables_[1][1][0]
    shown = [cell.partition(" ")[0] for cell in line[2:4]]  # above their intervals
    assert [line[1], *shown] == ["validation", f"{100 * mean['validation']:.1f}", f"{100 * mean['oracle']:.1f}"]
    assert line[4] == f"{100 * (mean['oracle'] - mean['validation']):+.1f}"
    assert 'class="flag leak"' in section(html, "gaps")


def test_the_gap_of_generalised_rows_is_of_the_figure_that_the_oracle_chose_by(inputs: Any) -> None:
    name = "demo-skeleton-stgcn-ridge"
    inputs.write_result(name, method("demo", "random", "ridge"), ["s0"], NAMES, 0.4, ["gzsl"])
    rows = inputs.rows(name)
    own = next(row for row in rows if row["label_space"] == "gzsl")
    rows.append(own | {"selection": "oracle", "leaky": True, "leaks": ["oracle"], "top1": own["top1"] + 0.125})
    inputs.write_rows(name, rows)
    (found,) = [one for one in leads.gaps(*panel_of(inputs)) if one.panel.space == "gzsl"]
    assert (found.by, found.leads[0].difference.mean) == ("top1", pytest.approx(0.125))


def test_without_pairs_and_oracles_nothing_is_said_of_them(inputs: Any) -> None:
    for file in (inputs.root / "reports/evaluate").glob("demo-*"):
        file.unlink()
    files = inputs.report()
    assert not section(files["index.html"], "leads")
    assert not section(files["index.html"], "gaps")
    assert "differences.csv" not in files


def test_generalised_rows_show_plain_calibrated_and_gated_and_are_compared_by_the_area(inputs: Any) -> None:
    for name in ("ridge", "dvta"):
        who = method("demo", "random", name)
        inputs.write_result(f"demo-skeleton-stgcn-{name}", who, ["s0"], NAMES, 0.4, ["all", "gzsl"])
    rows = inputs.rows("demo-skeleton-stgcn-ridge")
    for row in rows:
        if row["label_space"] == "gzsl":
            row |= {"harmonic_mean_calibrated": 0.4321, "top1_seen_calibrated": 0.5, "top1_unseen_calibrated": 0.38}
            row |= {"ausuc": 0.4567, "harmonic_mean_ci95": [0.1, 0.3], "harmonic_mean_calibrated_ci95": [0.35, 0.5]}
    inputs.write_rows("demo-skeleton-stgcn-ridge", rows)
    html = inputs.report()["index.html"]
    part = html[html.index("Seen, unseen, and both") :]
    lines = {line[0]: line[1:] for line in columns(part)[0][1] if len(line) > 5}
    plain, calibrated = ["75.3", "12.3", "21.2 10.0 – 30.0"], ["50.0", "38.0", "43.2 35.0 – 50.0"]
    assert lines["ridge"] == [*plain, *calibrated, "–", "–", "–", "45.7"]
    assert lines["dvta"][3:] == ["–", "–", "–", "–", "–", "–", "34.6"]
    (found,) = [one for one in leads.ahead(*panel_of(inputs)) if one.panel.space == "gzsl"]
    (lead,) = found.leads
    assert (lead.one.method, lead.difference.mean) == ("ridge", pytest.approx(0.4567 - 0.3456))
    assert "area under the curve of seen and unseen accuracy" in text_of(html)


def test_a_leak_is_red_wherever_its_figure_stands(inputs: Any) -> None:
    inputs.change("tiny-skeleton-stgcn-ridge", leaks=["training_clips_unknown"])
    files = inputs.report()
    flag = 'class="flag leak" title="nobody knows on which clips the encoder was trained, only of which classes"'
    assert files["index.html"].count(flag) >= 3  # in panels and in the table of all summaries
    assert flag in files["evaluate-tiny-skeleton-stgcn-ridge.html"]
    assert ".flag.leak { color: var(--leak); }" in files["index.html"]


def test_the_index_says_what_every_interval_covers_and_what_opens_labels(html: dict[str, str]) -> None:
    text = text_of(html["index.html"])
    for told in (
        "over splits other draws of classes",
        "corrected the same, knowing what splits share (Nadeau and Bengio, 2003",
        "over seeds other seeds of the training on these very splits",
        "cells of subject and class are drawn again",
        "the stage evaluate (to count what was named right, after all scores are made)",
        "the command constraints",
    ):
        assert told in text


def test_the_figures_of_each_interval_stand_beside_their_mean(inputs: Any) -> None:
    name = "tiny-skeleton-stgcn-ridge"
    rows = inputs.rows(name)
    rows += [row | {"seed": 1, "top1": row["top1"] / 2} for row in rows]
    inputs.write_rows(name, rows)
    (summary,) = [one for one in tables.summaries(rows) if one["label_space"] == "unseen"]
    html = inputs.report()["index.html"]
    (line,) = [
        dict(zip(header, line, strict=True))
        for header, body in columns(html[html.index('id="measured"') :])[:1]
        for line in body
        if len(line) > 1 and "tiny" in html and line[header.index("Splits")] == "3"
    ]
    spans = {
        name: f"{100 * ends[0]:.1f} – {100 * ends[1]:.1f}" for name, ends in summary.items() if "ci95" in name and ends
    }
    assert (line["Seeds"], line["95 %, splits"]) == ("2", spans["ci95"])
    assert (line["corrected"], line["over seeds"]) == (spans["ci95_corrected"], spans["ci95_seeds"])
    assert line["Mean of batches"] == f"{100 * summary['mean_of_batches']:.1f}"
    assert "Top-5" not in line  # of four candidates
