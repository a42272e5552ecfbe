"""What stands in a table, what is refused there, and what is marked."""

import math
import re
from typing import Any, get_args

import pytest

from pipeline.core.errors import DataError, ParamsError
from pipeline.evaluation.tables import GENERALISED
from pipeline.reporting import result_cells
from pipeline.reporting.result_tables import ShownCell
from tests.reporting.made_tables import ALL, NTU, SKELETON, asked, filled, row


def only(table: Any) -> ShownCell:
    (((_, (cell,)),)) = table.lines
    assert isinstance(cell, ShownCell)
    return cell


def test_a_cell_is_the_figure_of_its_row_with_the_interval_over_cells() -> None:
    table = filled(asked({"ridge": "a"}), {"a": [row(0.4)]})
    cell = only(table)
    assert cell.measured is not None
    assert (cell.row, cell.measured.value, cell.measured.ci95, cell.measured.over) == (
        "a",
        0.4,
        [0.30000000000000004, 0.5],
        "cells",
    )
    assert (table.heads[0].chance, table.heads[0].meaning) == ("20.0", "demo, films: top-1 among 5 unseen classes")
    assert (table.footnotes, table.sources, table.any_bold) == ([], [], False)


def test_seeds_are_averaged_before_splits_and_the_interval_is_over_splits() -> None:
    rows = [row(0.2), row(0.4, seed=1), row(0.5, split="s1"), row(0.7, split="s2")]
    measured = only(filled(asked({"ridge": "a"}), {"a": rows})).measured
    assert measured is not None
    deviation = math.sqrt(((0.3 - 0.5) ** 2 + (0.7 - 0.5) ** 2) / 2)
    half = 4.302652729911275 * deviation / math.sqrt(3)  # t of 2 degrees of freedom
    assert (measured.over, measured.num_splits, measured.num_seeds) == ("splits", 3, 2)
    assert measured.value == pytest.approx(0.5)
    assert measured.ci95 == pytest.approx((0.5 - half, 0.5 + half))
    wide = half * math.sqrt(1 + 3 * 5 / 20)  # five unseen classes to twenty seen ones
    assert measured.ci95_corrected == pytest.approx((max(0.0, 0.5 - wide), min(1.0, 0.5 + wide)))


def test_the_interval_of_a_single_split_is_over_its_seeds() -> None:
    rows = [row(top1, seed=seed) for seed, top1 in enumerate((0.4, 0.5, 0.6))]
    measured = only(filled(asked({"ridge": "a"}), {"a": rows})).measured
    assert measured is not None
    half = 4.302652729911275 * 0.1 / math.sqrt(3)
    assert (measured.over, measured.num_splits, measured.num_seeds) == ("seeds", 1, 3)
    assert measured.ci95 == pytest.approx((0.5 - half, 0.5 + half))


@pytest.mark.parametrize(
    ("changes", "value"),
    [
        ({}, 0.4),
        ({"figure": "class_mean"}, 0.2),
        ({"figure": "mean_of_batches"}, 0.41),
        ({"space": "all"}, 0.1),
        ({"splits": ["s1"]}, 0.8),
    ],
)
def test_every_option_of_a_column_changes_what_it_shows(changes: dict[str, Any], value: float) -> None:
    rows = [row(0.0), row(0.8, split="s1"), row(0.1, label_space="all", num_classes=25)]
    measured = only(filled(asked({"ridge": "a"}, columns={"skeleton": SKELETON | changes}), {"a": rows})).measured
    assert measured is not None
    assert measured.value == pytest.approx(0.4 / 2 if changes.get("figure") == "class_mean" else value)


def test_the_best_five_of_five_are_refused_and_those_of_more_are_shown() -> None:
    columns = {"skeleton": SKELETON | {"figure": "top5"}}
    with pytest.raises(DataError, match="row 'ridge': top-5 among 5 classes cannot be wrong; name another figure"):
        filled(asked({"ridge": "a"}, columns=columns), {"a": [row(0.4)]})
    many = row(0.4, num_classes=25, top5=0.8, top5_ci95=[0.7, 0.9])
    measured = only(filled(asked({"ridge": "a"}, columns=columns), {"a": [many]})).measured
    assert measured is not None
    assert measured.value == 0.8


def test_every_figure_that_may_be_asked_has_its_words() -> None:
    assert set(get_args(result_cells.Figure)) == set(result_cells.FIGURES)
    measured = {*GENERALISED, "top1", "top5", "class_mean", "mean_of_batches"}
    assert measured | set(result_cells.COSTS) == set(result_cells.FIGURES)


def test_a_row_whose_training_clips_nobody_knows_is_marked_and_never_the_best() -> None:
    unknown = row(0.9, leaks=["training_clips_unknown"])
    table = filled(asked({"ridge": "a", "dvta": "b"}), {"a": [unknown], "b": [row(0.2)]})
    assert [(cell.marks, cell.bold) for _, (cell,) in table.lines if cell] == [("a", False), ("", False)]
    assert "on which clips the encoder was trained" in table.footnotes[0][1]


def of_splits(*values: float) -> list[dict[str, Any]]:
    return [row(value, split=f"s{place}") for place, value in enumerate(values)]


def test_over_splits_bold_is_a_lead_on_the_splits_and_not_two_intervals_apart() -> None:
    hard, easy = (0.1, 0.8, 0.3, 0.6), (0.5, 0.5, 0.5, 0.5)
    ahead = tuple(value + lead for value, lead in zip(hard, (0.05, 0.06, 0.05, 0.06), strict=True))
    for rows, is_bold in ((ahead, True), (easy, False)):
        table = filled(asked({"x": "a", "y": "b"}), {"a": of_splits(*rows), "b": of_splits(*hard)})
        shown = [cell for _, (cell,) in table.lines if cell]
        assert [cell.bold for cell in shown] == [is_bold, False]
        spans = [cell.measured.ci95 for cell in shown if cell.measured and cell.measured.ci95]
        assert spans[0][0] < spans[1][1]  # the intervals of the figures themselves overlap


@pytest.mark.parametrize(
    ("changes", "value", "told"),
    [
        ({"oracle": True}, 0.9, "an oracle"),
        ({"figure": "class_mean"}, 0.2, "another question than its column's: class mean among 5 unseen classes"),
        ({"splits": ["s0"]}, 0.4, "another question than its column's: top-1 among 5 unseen classes, of s0"),
        ({"inference": "transductive"}, 0.6, "transductive: clips of unseen classes"),
    ],
)
def test_a_cell_may_show_something_else_and_is_marked(changes: dict[str, Any], value: float, told: str) -> None:
    rows = [row(0.4), row(0.9, selection="oracle", leaky=True)]
    if "inference" in changes:
        rows.append(row(0.6, inference="transductive"))
    cell = ALL | {"space": "unseen"} | changes
    table = filled(asked({"ridge": cell}), {"a": rows})
    shown = only(table)
    assert shown.measured is not None
    assert (shown.measured.value, shown.marks) == (value, "a")
    ((letter, text),) = table.footnotes
    assert letter == "a"
    assert told in text


def test_a_row_whose_weights_were_taught_tested_classes_is_marked_and_never_the_best() -> None:
    kept = row(0.9, kept_overlap=["a", "b", "c"], num_kept_overlap=3, source="yard")
    table = filled(asked({"ridge": "a", "dvta": "b"}), {"a": [kept], "b": [row(0.2)]})
    shown = [cell for _, (cell,) in table.lines if cell]
    assert [(cell.marks, cell.bold) for cell in shown] == [("a", False), ("", False)]
    assert "overlapping classes kept (3)" in table.footnotes[0][1]


def test_a_transductive_row_is_marked_without_being_asked() -> None:
    table = filled(asked({"ridge": "a"}), {"a": [row(0.4, inference="transductive")]})
    assert only(table).marks == "a"
    assert "transductive" in table.footnotes[0][1]


def test_equal_remarks_share_a_letter() -> None:
    cell = ALL | {"space": "unseen", "oracle": True}
    rows = [row(0.9, selection="oracle", leaky=True)]
    table = filled(asked({"x": cell, "y": cell | {"row": "b", "figure": "class_mean"}}), {"a": rows, "b": rows})
    assert [cells[0].marks for _, cells in table.lines if cells[0]] == ["a", "a, b"]


def test_there_are_letters_for_any_number_of_remarks() -> None:
    rows = [row(0.4, split=f"s{number}") for number in range(30)]
    cells = {f"x{number}": ALL | {"space": "unseen", "splits": [f"s{number}"]} for number in range(30)}
    letters = [letter for letter, _ in filled(asked(cells), {"a": rows}).footnotes]
    assert (letters[25:28], len(set(letters))) == (["z", "aa", "bb"], 30)


def test_few_candidates_and_all_classes_never_share_a_column() -> None:
    results = {"a": [row(0.4)], "b": [row(0.4, num_classes=25, chance=0.04)]}
    with pytest.raises(
        DataError,
        match=r"column 'skeleton' mixes questions: 'x' is of demo, films, 5 classes \(chance 20.0 %\), 'y'.*4.0 %",
    ):
        filled(asked({"x": "a", "y": "b"}), results)
    with pytest.raises(DataError, match="mixes questions"):
        filled(
            asked({"x": ALL | {"space": "unseen"}, "y": ALL}),
            {"a": [row(0.4), row(0.1, label_space="all", num_classes=25)]},
        )


@pytest.mark.parametrize("changes", [{"split_table": "composed"}, {"dataset": "tiny"}])
def test_clips_of_other_splits_or_datasets_never_share_a_column(changes: dict[str, str]) -> None:
    with pytest.raises(DataError, match=next(iter(changes.values()))):
        filled(asked({"x": "a", "y": "b"}), {"a": [row(0.4)], "b": [row(0.4, **changes)]})


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "was not evaluated for label_space unseen"),
        ([row(0.4, label_space="all")], "was not evaluated for label_space unseen"),
        ([row(0.4), row(0.4, split="s1", num_classes=7)], "num_classes 5 and 7; name splits that have the same number"),
        ([row(0.4), row(0.4, inference="reverse_transfer")], "inference inductive and reverse_transfer; name one"),
    ],
)
def test_figures_that_are_not_there_or_are_several_are_one_line(rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(DataError, match=rf"report.tables.one: column 'skeleton', row 'x': 'a' .*{said}"):
        filled(asked({"x": "a"}), {"a": rows})


def test_a_row_that_was_not_evaluated_is_one_line() -> None:
    with pytest.raises(
        DataError, match=r"column 'skeleton', row 'x': no reports/evaluate/b.json; .*dvc repro evaluate"
    ):
        filled(asked({"x": "b"}), {"a": [row(0.4)]})


def test_a_split_that_is_not_there_is_not_left_out() -> None:
    with pytest.raises(DataError, match="splits s0, s9"):
        filled(asked({"x": "a"}, columns={"skeleton": SKELETON | {"splits": ["s0", "s9"]}}), {"a": [row(0.4)]})


def test_figures_of_gzsl_stand_side_by_side() -> None:
    found = row(0.4, label_space="gzsl", num_classes=25, top1_seen=0.6, top1_unseen=0.3, harmonic_mean=0.4)
    columns = {name: SKELETON | {"space": "gzsl", "figure": name} for name in ("top1_seen", "harmonic_mean")}
    lines = [{"title": "x", "cells": dict.fromkeys(columns, "a"), "published": None}]
    table = filled(asked({}, columns=columns, rows=lines), {"a": [found]})
    assert [cell.measured.value for cell in table.lines[0][1] if cell and cell.measured] == [0.6, 0.4]
    assert [head.chance for head in table.heads] == ["4.0", None]  # a guess has no harmonic mean of that size
    with pytest.raises(DataError, match="has no top1_seen for label space unseen"):
        filled(asked({"x": "a"}, columns={"skeleton": SKELETON | {"figure": "top1_seen"}}), {"a": [row(0.4)]})


def test_over_the_seeds_of_a_single_split_nothing_is_bold() -> None:
    ahead, behind = ([row(top1 + seed / 100, seed=seed) for seed in range(3)] for top1 in (0.8, 0.2))
    table = filled(asked({"ridge": "a", "dvta": "b"}), {"a": ahead, "b": behind})
    assert not table.any_bold


def bold(*values: tuple[float, float, float], **changes: Any) -> list[bool]:
    names = [f"r{number}" for number in range(len(values))]
    results = {name: [row(v, top1_ci95=[low, high])] for name, (v, low, high) in zip(names, values, strict=True)}
    results["r0"][0] |= changes
    table = filled(asked({name: name for name in names}), results)
    return [cell.bold for _, (cell,) in table.lines if cell]


def test_bold_is_a_cell_whose_interval_lies_above_all_others() -> None:
    assert bold((0.9, 0.8, 1.0), (0.5, 0.4, 0.6), (0.2, 0.1, 0.3)) == [True, False, False]


@pytest.mark.parametrize(
    ("values", "changes"),
    [
        ([(0.9, 0.8, 1.0), (0.7, 0.6, 0.8)], {}),  # they touch
        ([(0.9, 0.7, 1.0), (0.6, 0.5, 0.65), (0.4, 0.0, 0.8)], {}),  # the third is less sure than the second
        ([(0.9, 0.8, 1.0)], {}),  # nothing beside it
        ([(1.0, 1.0, 1.0), (0.5, 0.4, 0.6)], {}),  # all clips were right: the interval has no width
        ([(0.9, 0.8, 1.0), (0.0, 0.0, 0.0)], {}),  # none was
        ([(0.9, 0.8, 1.0), (0.5, 0.4, 0.6)], {"inference": "transductive"}),
        ([(0.9, 0.8, 1.0), (0.5, 0.4, 0.6)], {"top1_ci95": None}),
    ],
)
def test_nothing_is_bold_where_that_is_not_sure(values: list[Any], changes: dict[str, Any]) -> None:
    assert not any(bold(*values, **changes))


def test_intervals_of_unlike_kinds_are_not_compared() -> None:
    many = [row(0.9, split="s0", top1_ci95=[0.89, 0.91]), row(0.9, split="s1")]
    table = filled(asked({"x": "a", "y": "b"}), {"a": many, "b": [row(0.2)]})
    assert not table.any_bold


def test_what_papers_print_stands_in_columns_of_its_own() -> None:
    columns = {"skeleton": SKELETON, "ntu60": NTU}
    lines = [
        {"title": "ours", "cells": {"skeleton": "a"}, "published": None},
        {"title": "Action-SGFA", "cells": {"skeleton": "b"}, "published": "Action-SGFA"},
        {"title": "Absolute SOTA", "cells": {}, "published": "Absolute SOTA"},
    ]
    table = filled(asked({}, columns=columns, rows=lines), {"a": [row(0.9)], "b": [row(0.2)]})
    printed = [cells[1].printed.value if cells[1] and cells[1].printed else None for _, cells in table.lines]
    assert printed == [None, "60.3", "89.8"]
    assert table.lines[2][1][0] is None
    assert table.lines[0][1][0] is not None
    assert table.lines[0][1][0].bold  # 89.8 of the paper takes no part
    assert (table.heads[1].chance, table.groups) == ("1.7", [("demo", 1), ("NTU RGB+D 60", 1)])
    assert "compared with none of ours" in table.sources[0]
    assert table.footnotes[0][1].startswith("a supervised upper bound")


def printed_row(published: str, **changes: Any) -> Any:
    lines = [{"title": "x", "cells": {}, "published": published}]
    return filled(asked({}, columns={"ntu60": NTU | changes}, rows=lines), {})


def test_printed_figures_of_few_candidates_and_of_all_classes_never_share_a_column() -> None:
    with pytest.raises(ParamsError, match="row 'x': no column shows a published row 'SynSE'"):
        printed_row("SynSE")
    table = printed_row("SynSE", candidates=12)
    assert (table.heads[0].chance, table.footnotes[0][1][:30]) == ("8.3", "one of the 12 unseen classes o")


def test_a_printed_figure_of_unknown_candidates_is_marked() -> None:
    table = printed_row("Text4Vis", column="Kinetics-400 RGB video", candidates=400)
    assert table.footnotes == [("a", "among how many classes the paper does not state")]
    assert table.heads[0].chance == "0.25"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"table": "X"}, "the tables: sgfa I, sgfa IIa"),
        ({"paper": "other"}, "the tables: sgfa I, sgfa IIa"),
        ({"column": "NTU RGB+D 60 smell"}, "its columns: Kinetics-400 RGB video, NTU RGB+D 60 skeleton"),
    ],
)
def test_a_column_that_no_paper_prints_is_one_line(changes: dict[str, str], said: str) -> None:
    columns = {"skeleton": SKELETON, "other": NTU | changes}
    with pytest.raises(ParamsError, match=rf"report.tables.one: column 'other'.*{re.escape(said)}"):
        filled(asked({"x": "a"}, columns=columns), {"a": [row(0.4)]})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"cells": {"smell": "a"}}, "a cell in column 'smell'; columns for figures of ours: skeleton"),
        ({"cells": {"ntu60": "a"}}, "a cell in column 'ntu60'; columns for figures of ours: skeleton"),
        ({"published": "Nobody"}, "no column shows a published row 'Nobody'; .*Random Chance, Absolute SOTA"),
        ({}, "has neither cells nor a published row"),
    ],
)
def test_a_line_that_nothing_can_fill_is_one_line(line: dict[str, Any], said: str) -> None:
    lines = [{"title": "x", "cells": {}, "published": None} | line]
    with pytest.raises(ParamsError, match=rf"report.tables.one: row 'x'.*{said}"):
        filled(asked({}, columns={"skeleton": SKELETON, "ntu60": NTU}, rows=lines), {"a": [row(0.4)]})


def test_a_column_without_cells_is_one_line() -> None:
    with pytest.raises(ParamsError, match="column 'spare': no row has a cell in it"):
        filled(asked({"x": "a"}, columns={"skeleton": SKELETON, "spare": SKELETON}), {"a": [row(0.4)]})


@pytest.mark.parametrize(
    "changes",
    [
        {"figure": "top9"},
        {"heading": []},
        {"heading": ["a", "b", "c"]},
        {"splits": []},
        {"spaces": "all"},
        {"candidates": 1},
    ],
)
def test_params_that_say_nothing_of_a_table_are_refused(changes: dict[str, Any]) -> None:
    column = (NTU if "candidates" in changes else SKELETON) | changes
    with pytest.raises(ParamsError, match=r"section 'report\.tables\.one' does not fit Table: .*columns"):
        filled(asked({"x": "a"}, columns={"skeleton": column}), {"a": [row(0.4)]})


def test_a_column_that_is_no_column_is_refused() -> None:
    with pytest.raises(ParamsError, match="does not fit Table"):
        filled(asked({"x": "a"}, columns={"skeleton": None}), {"a": [row(0.4)]})
