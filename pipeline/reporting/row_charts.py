"""Charts over several rows, from params: loss curves, a plane for each row, and the change of each class's accuracy.

They are made from the pages and predictions of the rows; each becomes a page.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from pipeline.core import pages
from pipeline.core.errors import DataError
from pipeline.core.params import Params
from pipeline.core.schemas import PredictionRow
from pipeline.reporting.evidence import Evidence, Result, StagePage
from pipeline.reporting.explained_planes import PLANE
from pipeline.reporting.formatting import percent
from pipeline.reporting.histories import LOSS

STAGE = "chart"
_SPACE = "unseen"

_Answers = dict[tuple[str, int, str], PredictionRow]  # by split, seed and clip


class Chart(Params):
    """One chart of section `report.charts`: `losses` of rows of align; `plane` and `change` of rows of evaluate."""

    title: str
    kind: Literal["losses", "plane", "change"]
    rows: list[str] = Field(min_length=2)  # `change` takes two: the difference of the second to the first

    @model_validator(mode="after")
    def _two(self) -> "Chart":
        if self.kind == "change" and len(self.rows) != 2:
            raise ValueError("expected two rows, the one before the change and the one after it")
        return self


def draw(charts: Mapping[str, Chart], evidence: Evidence) -> list[StagePage]:
    """One page for each chart. Raises DataError for a row without the data of its chart."""
    kinds = {"losses": _losses, "plane": _planes, "change": _change}
    drawn = []
    for name, chart in charts.items():
        parts = kinds[chart.kind](f"report.charts.{name}", chart.rows, evidence)
        blank: dict[str, Any] = {"text": [], "tables": [], "lines": [], "images": []}
        page = pages.Page(**(blank | parts), title=chart.title, stage=STAGE, row=name)
        drawn.append(StagePage(STAGE, name, page, []))
    return drawn


def _losses(where: str, rows: Sequence[str], evidence: Evidence) -> dict[str, Any]:
    """One line a row, the mean over its trainings."""
    pages_of = {shown.row: shown.page for shown in evidence.shown if shown.stage == "align"}
    charts = {row: [line for line in pages_of[row].lines if line.title == LOSS] for row in rows if row in pages_of}
    for row in rows:
        if not charts.get(row):
            known = [name for name, page in pages_of.items() if any(line.title == LOSS for line in page.lines)]
            raise DataError(
                f"{where}: '{row}' has no page of align with a loss curve; rows of align that have one: "
                f"{', '.join(known)}"
            )
    labels = sorted({charts[row][0].x_label for row in rows})
    if len(labels) > 1:
        raise DataError(f"{where}: the rows' losses stand over {' and '.join(labels)}; name rows with one of them")
    series = [_mean(row, charts[row][0].series) for row in rows]
    text = "Training loss on the fit clips, the mean over the trainings of each row. Losses of unlike formulas compare "
    return {
        "text": [text + "in their course, not in their height."],
        "lines": [pages.Lines(title=LOSS, x_label=labels[0], y_label="loss", series=series)],
    }


def _mean(name: str, trainings: Sequence[pages.Series]) -> pages.Series:
    by_x: dict[float, list[float]] = {}
    for training in trainings:
        for x, y in zip(training.x, training.y, strict=True):
            by_x.setdefault(x, []).append(y)
    x_ascending = sorted(by_x)
    return pages.Series(name=name, x=x_ascending, y=[sum(by_x[x]) / len(by_x[x]) for x in x_ascending])


def _planes(where: str, rows: Sequence[str], evidence: Evidence) -> dict[str, Any]:
    """The plane of each row's own page, below each other."""
    clouds = []
    for row in rows:
        page = _result(where, row, evidence).explained
        planes = [cloud for cloud in page.page.clouds if cloud.title == PLANE] if page else []
        if not planes:
            raise DataError(
                f"{where}: '{row}' has no vectors to lay out; set `explained` in the row of align that it evaluates, "
                "or name a row whose method explains itself by vectors"
            )
        clouds.append(planes[0].model_copy(update={"title": row}))
    classes = {tuple(dots.name for dots in cloud.series) for cloud in clouds}
    if len(classes) > 1:
        raise DataError(f"{where}: the rows' planes are of different classes; name rows whose first split is the same")
    return {"clouds": clouds}


def _change(where: str, rows: Sequence[str], evidence: Evidence) -> dict[str, Any]:
    """The difference of the accuracy of each class, over the clips of all splits and seeds."""
    before, after = (_result(where, row, evidence) for row in rows)
    first, second = _answers(before), _answers(after)
    if not first or {key: row.class_id for key, row in first.items()} != {
        key: row.class_id for key, row in second.items()
    }:
        raise DataError(
            f"{where}: '{rows[0]}' ({len(first)} clips) and '{rows[1]}' ({len(second)} clips) did not answer for the "
            "same unseen clips; name rows of one split table with the same splits and seeds"
        )
    gained: dict[int, list[tuple[bool, bool]]] = {}
    for key, row in first.items():
        right = row.predicted == row.class_id, second[key].predicted == row.class_id
        gained.setdefault(row.class_id, []).append(right)
    bars = [_bar(before.class_names[class_id], pairs) for class_id, pairs in sorted(gained.items())]
    note = (
        f"Top-1 of {rows[1]} less that of {rows[0]}, class by class, in points; {len(first)} answers for the clips of "
        "unseen classes, of all splits and seeds."
    )
    bars.sort(key=lambda bar: -bar.value)
    return {"bars": [pages.Bars(title="Change of each class", note=note, unit=" points", bars=bars)]}


def _bar(name: str, right: Sequence[tuple[bool, bool]]) -> pages.Bar:
    before, after = (sum(pair[place] for pair in right) / len(right) for place in (0, 1))
    detail = f"{percent(before)} to {percent(after)}, {len(right)} clips"
    return pages.Bar(name=name, value=after - before, detail=detail)


def _answers(result: Result) -> _Answers:
    """The answers of the method's own setting, without those of the oracle."""
    return {
        (row.split, row.seed, row.clip_id): row
        for row in result.predictions
        if row.label_space == _SPACE and row.selection != "oracle"
    }


def _result(where: str, row: str, evidence: Evidence) -> Result:
    results = {result.name: result for result in evidence.results}
    if row not in results:
        raise DataError(f"{where}: no reports/evaluate/{row}.json; name a row of evaluate and run `dvc repro evaluate`")
    return results[row]
