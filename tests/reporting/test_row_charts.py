"""Charts over several rows: what stands in them is computed from what the rows left, and unlike rows are refused."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.core.errors import DataError
from pipeline.core.pages import Cloud, Dots, Lines, Page, Series
from pipeline.core.schemas import PredictionRow
from pipeline.reporting.evidence import Evidence, Result, StagePage
from pipeline.reporting.explained_planes import PLANE
from pipeline.reporting.histories import LOSS
from pipeline.reporting.row_charts import Chart, draw
from tests.core.table_rows import prediction_row

NAMES = {2: "wave", 3: "clap"}
BLANK: dict[str, Any] = {"title": "t", "text": [], "tables": [], "lines": [], "images": []}


def answers(right: dict[int, list[int]], **changes: Any) -> list[PredictionRow]:
    """Of each class a clip a number, right where that is 1."""
    return [
        prediction_row(
            clip_id=f"{class_id}/{place}", class_id=class_id, predicted=class_id if hit else 5 - class_id, **changes
        )
        for class_id, hits in right.items()
        for place, hit in enumerate(hits)
    ]


def result(name: str, lines: list[PredictionRow], plane: list[Dots] | None = None) -> Result:
    clouds = [Cloud(title=PLANE, note="told", series=plane)] if plane else []
    page = Page(stage="evaluate", row=name, clouds=clouds, **BLANK)
    return Result(name, [], [], lines, NAMES, StagePage("evaluate", name, page, []))


def learnt(name: str, x_label: str, **losses: list[float]) -> StagePage:
    series = [Series(name=split, x=[float(x) for x in range(1, len(y) + 1)], y=y) for split, y in losses.items()]
    lines = [Lines(title=LOSS, x_label=x_label, y_label="loss", series=series)] if series else []
    return StagePage("align", name, Page(stage="align", row=name, **(BLANK | {"lines": lines})), [])


def dots(*names: str, x: float = 0.0) -> list[Dots]:
    return [Dots(name=name, x=[x], y=[1.0], anchor=False) for name in names]


BEFORE = result("without", answers({2: [1, 0, 0, 0], 3: [1, 1]}), dots("wave", "clap"))
AFTER = result("with", answers({2: [1, 1, 1, 0], 3: [1, 0]}), dots("wave", "clap", x=2.0))
SHOWN = [
    learnt("leaky", "epoch", s0=[4.0, 2.0], s1=[2.0, 1.0]),
    learnt("none", "epoch", s0=[5.0, 4.0]),
    learnt("grid", "lambda", s0=[1.0]),
]
EVIDENCE = Evidence([BEFORE, AFTER], [*SHOWN, learnt("bare", "epoch")], [], "", [])


def drawn(kind: str, *rows: str, evidence: Evidence = EVIDENCE) -> Page:
    (shown,) = draw({"one": Chart.model_validate({"title": "T", "kind": kind, "rows": list(rows)})}, evidence)
    assert (shown.stage, shown.row, shown.page.title) == ("chart", "one", "T")
    return shown.page


def test_losses_are_a_line_a_row_the_mean_of_its_trainings() -> None:
    (chart,) = drawn("losses", "none", "leaky").lines
    assert [(one.name, one.x, one.y) for one in chart.series] == [
        ("none", [1.0, 2.0], [5.0, 4.0]),
        ("leaky", [1.0, 2.0], [3.0, 1.5]),
    ]


def test_a_change_is_the_accuracy_of_each_class_after_less_before_most_gained_first() -> None:
    (chart,) = drawn("change", "without", "with").bars
    assert [(bar.name, bar.value, bar.detail) for bar in chart.bars] == [
        ("wave", 0.5, "25.0 to 75.0, 4 clips"),
        ("clap", -0.5, "100.0 to 50.0, 2 clips"),
    ]
    assert [bar.value for bar in drawn("change", "with", "without").bars[0].bars] == [0.5, -0.5]


def test_a_change_is_of_what_the_methods_chose_among_unseen_classes_not_of_the_oracle() -> None:
    lines = AFTER.predictions + answers({2: [0] * 4, 3: [0] * 2}, selection="oracle")
    more = replace(AFTER, predictions=lines + answers({2: [0] * 4, 3: [0] * 2}, label_space="all"))
    same = drawn("change", "without", "with", evidence=replace(EVIDENCE, results=[BEFORE, more]))
    assert same == drawn("change", "without", "with")


def test_planes_of_the_same_classes_stand_below_each_other_under_the_names_of_their_rows() -> None:
    clouds = drawn("plane", "without", "with").clouds
    assert [(cloud.title, cloud.note, cloud.series[0].x) for cloud in clouds] == [
        ("without", "told", [0.0]),
        ("with", "told", [2.0]),
    ]


@pytest.mark.parametrize(
    ("kind", "rows", "words"),
    [
        ("losses", ("leaky", "strange"), "'strange' has no page of align with a loss curve; .*: leaky, none, grid"),
        ("losses", ("leaky", "bare"), "'bare' has no page of align with a loss curve"),
        ("losses", ("leaky", "grid"), "stand over epoch and lambda"),
        ("plane", ("with", "strange"), r"no reports/evaluate/strange\.json; name a row of evaluate"),
        ("plane", ("with", "silent"), "'silent' has no vectors to lay out; set `explained`"),
        ("plane", ("with", "other"), "planes are of different classes"),
        ("change", ("with", "other"), r"'with' \(6 clips\) and 'other' \(1 clips\) did not answer for the same"),
    ],
)
def test_rows_that_have_not_left_it_are_refused(kind: str, rows: tuple[str, str], words: str) -> None:
    others = [result("silent", AFTER.predictions), result("other", answers({2: [1]}), dots("wave"))]
    with pytest.raises(DataError, match=f"report.charts.one: .*{words}"):
        drawn(kind, *rows, evidence=replace(EVIDENCE, results=[BEFORE, AFTER, *others]))


@pytest.mark.parametrize("rows", [["a"], ["a", "b", "c"]])
def test_a_change_is_between_two_rows(rows: list[str]) -> None:
    with pytest.raises(ValidationError):
        Chart.model_validate({"title": "T", "kind": "change", "rows": rows})
