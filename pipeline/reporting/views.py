"""The values that templates show: panels of methods side by side, per-class bars, confusions."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.core.schemas import PredictionRow
from pipeline.evaluation import intervals, metrics, tables
from pipeline.evaluation.generalised import TRIPLE
from pipeline.evaluation.tables import GENERALISED, Over
from pipeline.reporting.evidence import Result, Row

_Question = tuple[str, str, str, int]  # dataset, split table, label space, number of classes
_Group = tuple[str, str, str | None, str, list["Listed"]]

_DETAILS = ("modality", "encoder", "variant", "embeddings", "refit", "source")
QUESTION = ("dataset", "split_table", "protocol", "split", "label_space", "num_classes")
KINDS: dict[Over, str] = {  # of intervals, in words
    "splits": "over splits",
    "cells": "over cells of subject and class",
    "seeds": "over seeds",
    "exact": "exact, by Wilson",
}
_SPACES = {"unseen": "the unseen classes", "all": "all classes, seen and unseen", "gzsl": "all classes, for all clips"}


@dataclass(frozen=True)
class Line:
    """One method in a panel."""

    result: str
    method: str
    detail: str  # what distinguishes it from others of the panel
    value: float
    ci95: Sequence[float] | None
    ci95_corrected: Sequence[float] | None  # over splits, allowing for what they share
    over: Over  # the kind of interval of `ci95`
    leaky: bool
    kept_overlap: int  # number of classes of the source that were taught and are tested
    leaks: list[str]  # words of leakage.LEAKS
    generalised: dict[str, float] | None  # in the mean over splits, by name in evaluation.tables
    generalised_ci95: dict[str, Sequence[float] | None]  # as ci95, by the same names
    rows: list[Row]  # of splits and seeds

    @property
    def num_splits(self) -> int:
        """The number of splits on which the method was measured."""
        return len({row["split"] for row in self.rows})

    @property
    def is_honest(self) -> bool:
        """Whether the figure is plain zero-shot, without any word of `leaks`."""
        return not self.leaks


@dataclass(frozen=True)
class Panel:
    """Methods that answered the same question: of one dataset, split table (or split) and label space."""

    dataset: str
    split_table: str
    protocol: str | None
    split: str | None  # named where a panel shows a single split
    space: str
    candidates: str
    num_classes: int
    num_clips: int
    num_unscored: int
    chance: float
    num_splits: int
    seeds: list[int]  # all that any line has
    lines: list[Line]

    @property
    def question(self) -> tuple[str | int, ...]:
        """The first columns of a CSV, named by QUESTION."""
        return (self.dataset, self.split_table, self.protocol or "", self.split or "", self.space, self.num_classes)

    @property
    def honest(self) -> list[Line]:
        """The lines that are plain zero-shot, best first."""
        return [line for line in self.lines if line.is_honest]

    @property
    def best(self) -> list[Line]:
        """The honest lines on the most splits: fewer splits may be the easy ones."""
        num_splits = max((line.num_splits for line in self.honest), default=0)
        return [line for line in self.honest if line.num_splits == num_splits]

    @property
    def over(self) -> Over:
        """The kind of interval of lines that do not name another."""
        return "splits" if self.num_splits > 1 else "cells"


@dataclass(frozen=True)
class Listed:
    """A summary of a result, with its figures and the intervals of whatever kind that they have."""

    result: str
    summary: Row
    top1: tables.Mean
    class_mean: tables.Mean
    top5: tables.Mean | None  # None where it cannot be wrong
    generalised: list[tables.Mean]  # seen, unseen and harmonic mean, where measured


@dataclass(frozen=True)
class ClassBar:
    """Accuracy of one class, with Wilson's interval of as many clips as it has cells: a subject's count as one."""

    name: str
    value: float
    ci95: intervals.Interval
    num_clips: int
    num_cells: int


@dataclass(frozen=True)
class Cell:
    """How often clips of a class got an answer; `share` is of all clips of the true class."""

    count: int
    share: float

    @property
    def tone(self) -> int:
        """0 to 10, for the cell's shade."""
        return round(10 * self.share)


@dataclass(frozen=True)
class Confusion:
    """Rows are true classes, columns answers; a cell is (count and share, whether it is right), None for no clip.

    `seen` says of each column whether its class is one of training, in words; empty for an unseen class, and for all
    where it is not known.
    """

    names: list[str]
    seen: list[str]
    rows: list[tuple[str, list[tuple[Cell | None, bool]]]]


@dataclass(frozen=True)
class Breakdown:
    """The honest predictions of one result and question, over all its splits and seeds."""

    space: str
    candidates: str
    chance: float
    bars: list[ClassBar]
    confusion: Confusion
    mistakes: list[tuple[str, str, Cell]]


def panels(results: Sequence[Result]) -> list[Panel]:
    """All panels: those over unseen classes first, and of a dataset those over most splits.

    Each number of classes, such as half of a target and all of it, has a panel of its own: a mean over them would mix
    questions of different difficulty.
    """
    groups: dict[_Question, list[tuple[Result, Row]]] = {}
    for result in results:
        for summary in result.summaries:
            groups.setdefault(_question(summary), []).append((result, summary))
    made = [_panel(groups[key]) for key in sorted(groups, key=_order)]
    return sorted(made, key=lambda panel: (list(_SPACES).index(panel.space), panel.dataset, -panel.num_splits))


def questions(results: Sequence[Result]) -> list[tuple[str, list[_Group]]]:
    """By label space groups of (dataset, split table, protocol, candidates, summaries) to compare.

    The best zero-shot summary of a group is first. Each question has a table of its own.
    """
    groups: dict[_Question, list[Listed]] = {}
    for result in results:
        for summary in result.summaries:
            groups.setdefault(_question(summary), []).append(_listed(result, summary))
    num_alike = Counter(key[:3] for key in groups)
    by_space: dict[str, list[_Group]] = {}
    for key in sorted(groups, key=_order):
        dataset, split_table, space, num_classes = key
        members = sorted(groups[key], key=lambda one: (bool(one.summary["leaks"]), -one.summary["mean"]))
        candidates = _candidates(space, num_classes if num_alike[key[:3]] > 1 else None)
        by_space.setdefault(space, []).append(
            (dataset, split_table, members[0].summary["protocol"], candidates, members)
        )
    return list(by_space.items())


def by_space(result: Result) -> list[tuple[str, list[Row]]]:
    """The rows of a result by label space, each with its candidates in words."""
    groups = [(_SPACES[space], [row for row in result.rows if row["label_space"] == space]) for space in _SPACES]
    return [(candidates, rows) for candidates, rows in groups if rows]


def breakdowns(result: Result) -> list[Breakdown]:
    """Per-class accuracy and confusions of each label space, without the leaky selections.

    Answers among different numbers of classes are kept apart, since their chance differs.
    """
    made, unseen = [], _unseen(result)
    for space in _SPACES:
        by_number = answers(result, space)
        for num_classes, lines in by_number.items():
            candidates = _candidates(space, num_classes if len(by_number) > 1 else None)
            made.append(_breakdown(space, candidates, metrics.chance(num_classes), lines, result.class_names, unseen))
    return made


def answers(result: Result, space: str) -> dict[int, list[PredictionRow]]:
    """The honest predictions in a label space by the number of candidates, ascending."""
    numbers = {row["split"]: row["num_classes"] for row in result.rows if row["label_space"] == space}
    by_number: dict[int, list[PredictionRow]] = {number: [] for number in sorted(set(numbers.values()))}
    for row in result.predictions:
        if row.label_space == space and row.selection != "oracle":
            by_number[numbers[row.split]].append(row)
    return {number: lines for number, lines in by_number.items() if lines}


def _candidates(space: str, num_classes: int | None) -> str:
    """The candidates in words, with their number where splits have different ones."""
    counted = f", {num_classes} at a time" if num_classes is not None and space == "unseen" else ""
    return _SPACES[space] + counted


def _question(summary: Row) -> _Question:
    return summary["dataset"], summary["split_table"], summary["label_space"], summary["num_classes"]


def _order(key: _Question) -> tuple[int, _Question]:
    return list(_SPACES).index(key[2]), key


def _panel(group: Sequence[tuple[Result, Row]]) -> Panel:
    first = group[0][1]
    varying = [key for key in _DETAILS if len({summary[key] for _, summary in group}) > 1]
    lines = [_line(result, summary, varying) for result, summary in group]
    rows = [row for line in lines for row in line.rows]
    splits = {row["split"] for row in rows}
    return Panel(
        dataset=first["dataset"],
        split_table=first["split_table"],
        protocol=first["protocol"],
        split=rows[0]["split"] if len(splits) == 1 else None,
        space=first["label_space"],
        candidates=_SPACES[first["label_space"]],
        num_classes=first["num_classes"],
        num_clips=max(row["num_clips"] for row in rows),
        num_unscored=max(row["num_unscored"] for row in rows),
        chance=rows[0]["chance"],
        num_splits=len(splits),
        seeds=sorted({row["seed"] for row in rows}),
        lines=sorted(lines, key=lambda line: (not line.is_honest, -line.value, line.method)),
    )


def _listed(result: Result, summary: Row) -> Listed:
    rows = tables.rows_of(summary, result.rows)
    return Listed(
        result=result.name,
        summary=summary,
        top1=tables.of_summary(summary, rows, "top1"),
        class_mean=tables.mean(rows, "class_mean"),
        top5=None if rows[0]["top5"] is None else tables.mean(rows, "top5"),
        generalised=[tables.of_summary(summary, rows, name) for name in TRIPLE if name in summary],
    )


def _line(result: Result, summary: Row, varying: Sequence[str]) -> Line:
    """The figures are those of the summary, as evaluate has written them."""
    rows = tables.rows_of(summary, result.rows)
    top1 = tables.of_summary(summary, rows, "top1")
    generalised = {key: tables.of_summary(summary, rows, key) for key in GENERALISED if key in summary}
    return Line(
        result=result.name,
        method=summary["method"],
        detail=told(summary, varying),
        value=top1.value,
        ci95=top1.ci95,
        ci95_corrected=top1.ci95_corrected,
        over=top1.over,
        leaky=summary["leaky"],
        kept_overlap=summary["num_kept_overlap"],
        leaks=summary["leaks"],
        generalised={key: figure.value for key, figure in generalised.items()} or None,
        generalised_ci95={key: figure.ci95 for key, figure in generalised.items()},
        rows=rows,
    )


def told(row: Row, keys: Sequence[str]) -> str:
    """What tells a row or summary from others, in words; `keys` are those that vary."""
    words = {
        "variant": "variant {}",
        "refit": "refit {}",
        "source": "learnt from {}",
        "num_kept_overlap": "{} classes kept",
    }
    return ", ".join(words.get(key, "{}").format("itself" if row[key] is None else row[key]) for key in keys)


def _unseen(result: Result) -> dict[str, set[int]]:
    """The unseen classes of each split: those of all test clips of two label spaces. Left out where one has no clip."""
    found: dict[str, set[int]] = {}
    for row in result.predictions:
        if row.label_space in ("unseen", "all"):
            found.setdefault(row.split, set()).add(row.class_id)
    numbers = {row["split"]: row["num_unseen_classes"] for row in result.rows}
    return {split: class_ids for split, class_ids in found.items() if len(class_ids) == numbers[split]}


def _breakdown(
    space: str,
    candidates: str,
    chance: float,
    lines: Sequence[PredictionRow],
    names: dict[int, str],
    unseen: dict[str, set[int]],
) -> Breakdown:
    counts = metrics.confusion([row.class_id for row in lines], [row.predicted for row in lines])
    totals = Counter(row.class_id for row in lines)
    cells = {pair: Cell(count, count / totals[pair[0]]) for pair, count in counts.items()}
    wrong = sorted((pair for pair in cells if pair[0] != pair[1]), key=lambda pair: (-cells[pair].share, pair))
    mistakes = [(names[true], names[named], cells[true, named]) for true, named in wrong[:8]]
    columns = sorted({class_id for pair in cells for class_id in pair})
    splits = sorted({row.split for row in lines}) if space != "unseen" else []
    return Breakdown(
        space=space,
        candidates=candidates,
        chance=chance,
        bars=sorted(_bars(lines, names), key=lambda bar: (-bar.value, bar.name)),
        confusion=Confusion(
            names=[names[column] for column in columns],
            seen=[_seen(column, splits, unseen) for column in columns],
            rows=[(names[t], [(cells.get((t, named)), t == named) for named in columns]) for t in sorted(totals)],
        ),
        mistakes=mistakes,
    )


def _bars(lines: Sequence[PredictionRow], names: dict[int, str]) -> Iterator[ClassBar]:
    """The cells of a class are its subjects; a clip of an unknown subject is its own. Splits and seeds repeat them."""
    by_class: dict[int, list[PredictionRow]] = {}
    for row in lines:
        by_class.setdefault(row.class_id, []).append(row)
    for class_id, rows in by_class.items():
        share = sum(row.predicted == class_id for row in rows) / len(rows)
        num_cells = len({row.clip_id if row.subject is None else row.subject for row in rows})
        ci95 = intervals.wilson(share * num_cells, num_cells)
        yield ClassBar(names[class_id], share, ci95, len(rows), num_cells)


def _seen(class_id: int, splits: Sequence[str], unseen: dict[str, set[int]]) -> str:
    if not set(splits) <= set(unseen):
        return ""
    num = sum(class_id not in unseen[split] for split in splits)
    return "" if num == 0 else "seen" if num == len(splits) else f"seen in {num} of {len(splits)} splits"
