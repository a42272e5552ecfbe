"""Methods by senses: rows, columns, what is bold, what is left out."""

from dataclasses import replace
from typing import Any

import pytest

from pipeline.reporting import matrix
from pipeline.reporting.views import Line, Panel


def line(method: str, modality: str, value: float, **changes: Any) -> Line:
    told = {"modality": modality, "encoder": "e", "variant": "v", "embeddings": "t", "inference": "inductive"}
    told |= {
        "refit": "none",
        "selection": "validation",
        "source": None,
        "num_kept_overlap": 0,
        "split": "s0",
        "seed": 0,
    }
    leaks = changes.pop("leaks", [])
    rows = [told | changes | {"split": f"s{number}"} for number in range(changes.pop("num_splits", 1))]
    name = f"{modality}-{method}-{value}"
    return Line(name, method, "", value, (0.1, 0.9), None, "cells", "oracle" in leaks, 0, leaks, None, {}, rows)


def panel(*lines: Line, space: str = "unseen") -> Panel:
    about = {
        "dataset": "demo",
        "split_table": "random",
        "protocol": "xsub",
        "split": None,
        "candidates": "",
        "seeds": [0],
    }
    numbers = {"num_classes": 5, "num_clips": 40, "num_unscored": 0, "chance": 0.2, "num_splits": 1}
    return Panel(space=space, lines=list(lines), **about, **numbers)  # type: ignore[arg-type]


def shown(made: matrix.Matrix) -> dict[str, list[float | None]]:
    return {
        " ".join([row.method, row.detail]).strip(): [one.value if one else None for one in row.lines]
        for row in made.rows
    }


def test_rows_are_methods_and_columns_senses_and_what_was_not_measured_is_empty() -> None:
    (made,) = matrix.matrices(
        [panel(line("ridge", "skeleton", 0.5), line("ridge", "depth+skeleton", 0.6), line("dvta", "skeleton", 0.4))]
    )
    assert made.modalities == ["skeleton", "depth+skeleton"]
    assert shown(made) == {"dvta": [0.4, None], "ridge": [0.5, 0.6]}


def test_encoders_that_differ_from_sense_to_sense_share_a_row_and_two_of_one_sense_do_not() -> None:
    lines = [line("ridge", "skeleton", 0.5, encoder="stgcn"), line("ridge", "depth", 0.3, encoder="cnn")]
    (made,) = matrix.matrices([panel(*lines)])
    assert shown(made) == {"ridge": [0.3, 0.5]}
    (made,) = matrix.matrices([panel(*lines, line("ridge", "skeleton", 0.7, encoder="ctrgcn"))])
    assert shown(made) == {"ridge stgcn": [None, 0.5], "ridge ctrgcn": [None, 0.7], "ridge cnn": [0.3, None]}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("variant", "paper", "variant paper"),
        ("refit", "both", "refit both"),
        ("source", "kinetics", "learnt from kinetics"),
        ("num_kept_overlap", 2, "2 classes kept"),
        ("embeddings", "clip", "clip"),
    ],
)
def test_what_tells_two_lines_of_one_sense_apart_is_named(key: str, value: object, told: str) -> None:
    (made,) = matrix.matrices([panel(line("m", "skeleton", 0.5), line("m", "skeleton", 0.6, **{key: value}))])
    assert [row.detail for row in made.rows][1] == told


def test_lines_that_nothing_tells_apart_are_named_by_their_results() -> None:
    (made,) = matrix.matrices([panel(line("m", "skeleton", 0.5), line("m", "skeleton", 0.6))])
    assert [row.detail for row in made.rows] == ["skeleton-m-0.5", "skeleton-m-0.6"]


def test_the_highest_plain_figure_of_a_sense_is_best_and_an_oracle_has_no_cell() -> None:
    lines = [line("a", "skeleton", 0.5), line("b", "skeleton", 0.6), line("c", "skeleton", 0.7, leaks=["transductive"])]
    alone, oracle = line("a", "depth", 0.4), line("d", "skeleton", 0.9, leaks=["oracle"])
    (made,) = matrix.matrices([panel(*lines, alone, oracle)])
    assert [made.is_best(one) for one in (*lines, alone)] == [False, True, False, False]
    assert "d" not in shown(made)


def test_a_figure_on_fewer_splits_is_never_best() -> None:
    many, few = line("a", "skeleton", 0.5, num_splits=3), line("b", "skeleton", 0.8)
    other = line("c", "skeleton", 0.4, num_splits=3)
    (made,) = matrix.matrices([panel(many, few, other)])
    assert [made.is_best(one) for one in (many, few, other)] == [True, False, False]


def test_of_questions_those_of_several_senses_are_shown_and_else_the_first() -> None:
    one, two = panel(line("a", "skeleton", 0.5)), panel(line("a", "skeleton", 0.5), line("a", "depth", 0.4))
    assert [made.panel for made in matrix.matrices([one, two, replace(two, space="all")])] == [two]
    assert [made.panel for made in matrix.matrices([one, one])] == [one]
    assert matrix.matrices([replace(one, space="gzsl")]) == matrix.matrices([]) == []
