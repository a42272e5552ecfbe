import math
from typing import Any

import numpy as np
import pytest

from pipeline.core.scores import Provenance
from pipeline.evaluation import generalised, intervals, tables
from pipeline.evaluation.metrics import Accuracy

METHOD = {
    "dataset": "demo",
    "split_table": "random",
    "protocol": "xsub",
    "modality": "skeleton",
    "encoder": "stgcn",
    "method": "dvta",
    "variant": "tuned",
    "embeddings": "demo-minilm",
}


def row(split: str, seed: int, top1: float, selection: str = "validation", space: str = "unseen") -> dict[str, Any]:
    about = Provenance(
        split,
        seed,
        space,
        "inductive",
        "validation",
        "seen",
        ["1", "2"],
        1,
        [3, 4],
        [0, 1],
        None,
        [],
        None,
        None,
        [],
        [],
        None,
        None,
    )
    counts = {"num_clips": 10, "num_unscored": 0, "num_seen_classes": 8, "num_unseen_classes": 2}
    found = tables.row(METHOD, about, selection, "2", counts)
    return found | tables.figures(Accuracy(top1, (0.0, 1.0), None, None, top1 / 2, (0.0, 1.0), top1 + 0.01, 6))


def test_a_row_is_flat_and_has_every_field_readers_rely_on() -> None:
    who = {
        "dataset",
        "split_table",
        "protocol",
        "split",
        "modality",
        "encoder",
        "method",
        "variant",
        "label_space",
        "seed",
        "refit",
    }
    how = {"inference", "selection", "num_clips", "num_unseen_classes", "chance"}
    figures = {"top1", "top1_ci95", "top5", "top5_ci95", "class_mean", "class_mean_ci95", "mean_of_batches"}
    figures |= {"num_cells"}
    found = row("s0", 0, 0.5)
    assert who | how | figures <= set(found)
    assert not any(isinstance(value, dict) for value in found.values())
    assert (found["chance"], found["leaky"], row("s0", 0, 0.5, "oracle")["leaky"]) == (0.5, False, True)


def test_a_summary_averages_seeds_first_and_then_splits() -> None:
    rows = [row("s0", 0, 0.2), row("s0", 1, 0.4), row("s1", 0, 0.5), row("s2", 0, 0.7)]
    (found,) = tables.summaries(rows)
    values = np.array([0.3, 0.5, 0.7])
    half = 4.302652729911275 * values.std(ddof=1) / math.sqrt(3)  # t of 2 degrees of freedom
    assert (found["n"], found["num_rows"]) == (3, 4)
    assert found["mean"] == pytest.approx(0.5)
    assert found["ci95"] == pytest.approx([0.5 - half, 0.5 + half])
    assert found["class_mean"] == pytest.approx(0.25)
    assert found["mean_of_batches"] == pytest.approx(0.51)
    assert (found["top5"], found["top5_ci95"]) == (None, None)  # of two candidates
    wide = half * math.sqrt(1 + 3 * 2 / 8)  # two unseen classes to eight seen ones
    assert found["ci95_corrected"] == pytest.approx([max(0, 0.5 - wide), min(1, 0.5 + wide)])
    seeds = 12.706204736432095 * math.sqrt(0.02 * (1 / 2 + 1 + 1) / 9)  # t of one degree; the variance of .2 and .4
    assert (found["num_seeds"], found["ci95_seeds"]) == (2, pytest.approx([max(0, 0.5 - seeds), min(1, 0.5 + seeds)]))


def test_where_nothing_is_seen_nobody_knows_how_much_splits_share() -> None:
    rows = [row(f"half_{draw}", 0, 0.2 + draw / 10) | {"num_seen_classes": 0} for draw in range(3)]
    (found,) = tables.summaries(rows)
    assert found["ci95"] is not None
    assert (found["ci95_corrected"], found["ci95_seeds"], found["num_seeds"]) == (None, None, 1)


def test_weights_of_unknown_clips_are_never_averaged_with_others() -> None:
    rows = [row("s0", 0, 0.2), row("s1", 0, 0.6) | {"leaks": ["training_clips_unknown"]}]
    assert [(one["leaks"], one["mean"]) for one in tables.summaries(rows)] == [
        ([], 0.2),
        (["training_clips_unknown"], 0.6),
    ]


def test_one_split_has_no_interval() -> None:
    (found,) = tables.summaries([row("s0", 0, 0.2), row("s0", 1, 0.4)])
    assert found["ci95"] is None
    assert found["class_mean_ci95"] is None


def test_selections_and_label_spaces_are_never_averaged_together() -> None:
    rows = [row("s0", 0, 0.2), row("s0", 0, 0.9, "oracle"), row("s0", 0, 0.1, space="all")]
    found = tables.summaries(rows)
    assert [(one["selection"], one["label_space"], one["mean"]) for one in found] == [
        ("validation", "unseen", 0.2),
        ("oracle", "unseen", 0.9),
        ("validation", "all", 0.1),
    ]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("inference", ("inductive", "transductive")),
        ("refit", ("none", "seen")),
        ("source", ("kinetics700", "ucf101")),
        *((name, ("one", "other")) for name in METHOD),
    ],
)
def test_what_was_made_in_two_ways_is_never_averaged_together(name: str, values: tuple[str, str]) -> None:
    found = tables.summaries(
        [row("s0", 0, top1) | {name: value} for value, top1 in zip(values, (0.2, 0.6), strict=True)]
    )
    assert [(one[name], one["mean"]) for one in found] == list(zip(values, (0.2, 0.6), strict=True))


def test_a_row_whose_weights_were_taught_tested_classes_is_no_headline() -> None:
    rows = [row("s0", 0, 0.2), row("s0", 0, 0.9) | {"num_kept_overlap": 2}]
    found = tables.summaries(rows)
    assert [one["num_kept_overlap"] for one in found] == [0, 2]
    assert tables.headline(found)["unseen_top1"] == 0.2
    assert tables.headline(found[1:]) == {}


def test_a_summary_over_all_clips_has_seen_unseen_and_harmonic_mean_over_splits() -> None:
    figures = [(0.8, 0.2, 0.32), (0.6, 0.2, 0.3), (0.5, 0.3, 0.375)]
    names = ("top1_seen", "top1_unseen", "harmonic_mean")
    who = [("s0", 0), ("s0", 1), ("s1", 0)]
    rows = [
        row(*one, 0.4, space="gzsl") | dict(zip(names, of, strict=True)) for one, of in zip(who, figures, strict=True)
    ]
    (found,) = tables.summaries(rows)
    assert [found[name] for name in names] == pytest.approx([0.6, 0.25, (0.31 + 0.375) / 2])
    assert found["top1_seen_ci95"][0] < 0.6 < found["top1_seen_ci95"][1]
    numbers = tables.headline([found])
    assert numbers["gzsl_harmonic_mean"] == found["harmonic_mean"]
    assert "harmonic_mean" not in tables.summaries([row("s0", 0, 0.2)])[0]


def test_the_headline_never_holds_a_figure_selected_on_the_test_set() -> None:
    found = tables.summaries([row("s0", 0, 0.9, "oracle"), row("s0", 0, 0.2), row("s0", 0, 0.9, "oracle", "all")])
    assert tables.headline(found) == {"unseen_top1": 0.2, "unseen_chance": 0.5, "num_splits": 1}


def test_the_headline_counts_the_splits_of_each_question() -> None:
    halves = [row(f"half_{draw}", 0, 0.2) | {"num_classes": 2} for draw in range(3)]
    numbers = tables.headline(tables.summaries([*halves, row("full", 0, 0.1) | {"num_classes": 4}]))
    assert (numbers["unseen_of_2_top1"], numbers["unseen_of_4_top1"]) == (pytest.approx(0.2), 0.1)
    assert (numbers["unseen_of_2_num_splits"], numbers["unseen_of_4_num_splits"]) == (3, 1)
    assert "num_splits" not in numbers


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("splits", [1, 3])
def test_what_a_summary_says_is_the_mean_of_its_rows(splits: int, seeds: int) -> None:
    random = np.random.default_rng(0)
    rows = [row(f"s{split}", seed, float(random.random())) for split in range(splits) for seed in range(seeds)]
    rows = [one | {name: float(random.random()) for name in tables.GENERALISED} for one in rows]
    rows = [one | {f"{generalised.AREA}_ci95": [0.1, 0.9]} for one in rows] if splits * seeds == 1 else rows
    others = [one | {"selection": "oracle", "leaks": ["oracle"]} for one in rows]
    summary = tables.summaries(rows + others)[0]
    assert tables.rows_of(summary, others + rows) == rows
    for name in ("top1", *tables.GENERALISED):
        found, expected = tables.of_summary(summary, rows, name), tables.mean(rows, name)
        assert (found.value, found.over, found.num_splits) == (expected.value, expected.over, splits)
        assert found.num_seeds == expected.num_seeds == seeds
        assert list(found.ci95 or []) == list(expected.ci95 or [])
        if name == "top1":
            assert list(found.ci95_corrected or []) == list(expected.ci95_corrected or [])


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("runs", [[("s0", 0)], [("s0", 0), ("s0", 1)], [("s0", 0), ("s1", 0)]])
def test_a_figure_of_0_or_1_has_the_exact_interval_of_the_row_with_most_cells(
    share: float, runs: list[tuple[str, int]]
) -> None:
    rows = [
        row(*run, share) | {"top1_ci95": list(intervals.wilson(share * num, num))}
        for run, num in zip(runs, (8, 12), strict=False)
    ]
    most = 12 if len(runs) > 1 else 8
    found = tables.mean(rows, "top1")
    assert (found.over, found.ci95_corrected) == ("exact", None)
    assert list(found.ci95 or ()) == list(intervals.wilson(share * most, most))
    (summary,) = tables.summaries(rows)
    assert tables.of_summary(summary, rows, "top1") == found
    assert (summary["ci95_corrected"], summary["ci95_seeds"]) == (None, None)
    assert summary["ci95"] == (found.ci95 if summary["n"] > 1 else None)
    assert tables.mean([one | {"ausuc": share} for one in rows], "ausuc").ci95 is None  # no row has one
