"""What the templates show, as plain values: panels of methods side by side, per-class bars, confusions."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.core.schemas import PredictionRow
from pipeline.evaluation import metrics
from pipeline.evaluation.tables import GENERALISED, Over, mean
from pipeline.reporting.evidence import Result, Row

_Group = tuple[str, str, str | None, str, list[tuple[str, Row]]]

_DETAILS = ("modality", "encoder", "variant", "embeddings", "refit", "source")
_SPACES = {"unseen": "the unseen classes", "all": "all classes, seen and unseen", "gzsl": "all classes, for all clips"}


@dataclass(frozen=True)
class Line:
    """One method in a panel."""

    result: str
    method: str
    detail: str  # what tells it from others of the panel
    value: float
    ci95: Sequence[float] | None
    ci95_corrected: Sequence[float] | None  # over splits, knowing what they share
    over: Over  # what `ci95` is over
    leaky: bool
    kept_overlap: int  # classes of the source that were taught though they are among those that are tested
    leaks: list[str]  # words of leakage.LEAKS
    generalised: dict[str, float] | None  # in the mean over splits, by name in evaluation.tables
    generalised_ci95: dict[str, Sequence[float] | None]  # as ci95, by the same names
    rows: list[Row]  # of splits and seeds

    @property
    def num_splits(self) -> int:
        """That the method was measured on."""
        return len({row["split"] for row in self.rows})

    @property
    def is_honest(self) -> bool:
        """Whether training and choices are known to know neither clips, nor answers, nor classes of the test."""
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
    def honest(self) -> list[Line]:
        """The lines that are plain zero-shot, best first."""
        return [line for line in self.lines if line.is_honest]

    @property
    def best(self) -> list[Line]:
        """Those of them that are on most splits: a mean over fewer, which may be the easy ones, leads no other."""
        most = max((line.num_splits for line in self.honest), default=0)
        return [line for line in self.honest if line.num_splits == most]

    @property
    def over(self) -> Over:
        """What the intervals of lines are over that do not say otherwise."""
        return "splits" if self.num_splits > 1 else "cells"


@dataclass(frozen=True)
class ClassBar:
    """Accuracy of one class."""

    name: str
    value: float
    num_clips: int


@dataclass(frozen=True)
class Cell:
    """How often clips of a class were given a name; `share` is of the true class's clips."""

    count: int
    share: float

    @property
    def tone(self) -> int:
        """0 to 10, for the cell's shade."""
        return round(10 * self.share)


@dataclass(frozen=True)
class Confusion:
    """Rows are true classes, columns given names; a cell is (how often, is it right), None where nothing fell."""

    names: list[str]
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

    Unlike numbers of classes, as of halves and all of a target, get panels of their own: a mean over them would mix
    questions of unlike difficulty.
    """
    rows = [(result.name, row) for result in results for row in result.rows]
    groups: dict[tuple[str | int, ...], list[tuple[str, Row]]] = {}
    for name, row in rows:
        key = (row["dataset"], row["split_table"], row["label_space"], row["num_classes"])
        groups.setdefault(key, []).append((name, row))
    found = [_panel(groups[key]) for key in sorted(groups, key=_order)]
    return sorted(found, key=lambda panel: (list(_SPACES).index(panel.space), panel.dataset, -panel.num_splits))


def questions(results: Sequence[Result]) -> list[tuple[str, list[_Group]]]:
    """Label space, and (dataset, split table, protocol, candidates, [(result, summary)]): what may be compared.

    The best zero-shot summary of a group is first. Unlike questions get a table each, so that they share no column.
    """
    groups: dict[tuple[str, str, str, int], list[tuple[str, Row]]] = {}
    for result in results:
        for one in result.summaries:
            key = (one["dataset"], one["split_table"], one["label_space"], one["num_classes"])
            groups.setdefault(key, []).append((result.name, one))
    asked = Counter(key[:3] for key in groups)
    found: dict[str, list[_Group]] = {}
    for key in sorted(groups, key=_order):
        dataset, split_table, space, num_classes = key
        members = sorted(groups[key], key=lambda pair: (bool(pair[1]["leaks"]), -pair[1]["mean"]))
        candidates = _candidates(space, num_classes if asked[key[:3]] > 1 else None)
        found.setdefault(space, []).append((dataset, split_table, members[0][1]["protocol"], candidates, members))
    return list(found.items())


def by_space(result: Result) -> list[tuple[str, list[Row]]]:
    """The rows of a result, those of each label space by themselves, under its candidates."""
    found = [(_SPACES[space], [row for row in result.rows if row["label_space"] == space]) for space in _SPACES]
    return [(candidates, rows) for candidates, rows in found if rows]


def breakdowns(result: Result) -> list[Breakdown]:
    """Per-class accuracy and confusions of each label space, without the leaky selections.

    Answers among unlike numbers of classes stand apart: their chance is not the same.
    """
    found = []
    for space in _SPACES:
        by_number = answers(result, space)
        for num_classes, lines in by_number.items():
            candidates = _candidates(space, num_classes if len(by_number) > 1 else None)
            counts = metrics.confusion([line.class_id for line in lines], [line.predicted for line in lines])
            found.append(_breakdown(space, candidates, metrics.chance(num_classes), counts, result.class_names))
    return found


def answers(result: Result, space: str) -> dict[int, list[PredictionRow]]:
    """The honest predictions in a label space by the number of candidates, ascending."""
    numbers = {row["split"]: row["num_classes"] for row in result.rows if row["label_space"] == space}
    found: dict[int, list[PredictionRow]] = {number: [] for number in sorted(set(numbers.values()))}
    for answer in result.predictions:
        if answer.label_space == space and answer.selection != "oracle":
            found[numbers[answer.split]].append(answer)
    return {number: lines for number, lines in found.items() if lines}


def _candidates(space: str, num_classes: int | None) -> str:
    """In words; with their number where splits have unlike ones, as halves of a target beside all of it."""
    counted = f", {num_classes} at a time" if num_classes is not None and space == "unseen" else ""
    return _SPACES[space] + counted


def _order(key: tuple[str | int, ...]) -> tuple[int, tuple[str | int, ...]]:
    return list(_SPACES).index(str(key[2])), key


def _panel(group: Sequence[tuple[str, Row]]) -> Panel:
    first = group[0][1]
    by_method: dict[tuple[str, ...], list[tuple[str, Row]]] = {}
    for name, row in group:
        key = (name, row["selection"], row["inference"], row["refit"])
        by_method.setdefault(key, []).append((name, row))
    rows = [row for _, row in group]
    varying = [key for key in _DETAILS if len({row[key] for row in rows}) > 1]
    found = [_line(members, varying) for members in by_method.values()]
    splits = {row["split"] for row in rows}
    return Panel(
        dataset=first["dataset"],
        split_table=first["split_table"],
        protocol=first["protocol"],
        split=first["split"] if len(splits) == 1 else None,
        space=first["label_space"],
        candidates=_SPACES[first["label_space"]],
        num_classes=first["num_classes"],
        num_clips=max(row["num_clips"] for row in rows),
        num_unscored=max(row["num_unscored"] for row in rows),
        chance=first["chance"],
        num_splits=len(splits),
        seeds=sorted({row["seed"] for row in rows}),
        lines=sorted(found, key=lambda line: (not line.is_honest, -line.value, line.method)),
    )


def _line(members: Sequence[tuple[str, Row]], varying: Sequence[str]) -> Line:
    name, first = members[0]
    rows = [row for _, row in members]
    top1 = mean(rows, "top1")
    told = {key: first[key] if key != "source" else f"learnt from {first[key] or 'itself'}" for key in varying}
    generalised = {key: mean(rows, key) for key in GENERALISED if key in first}
    return Line(
        result=name,
        method=first["method"],
        detail=", ".join(map(str, told.values())),
        value=top1.value,
        ci95=top1.ci95,
        ci95_corrected=top1.ci95_corrected,
        over=top1.over,
        leaky=first["leaky"],
        kept_overlap=max(row["num_kept_overlap"] for row in rows),  # seeds need not be of equally taught encoders
        leaks=list(dict.fromkeys(word for row in rows for word in row["leaks"])),
        generalised={key: found.value for key, found in generalised.items()} or None,
        generalised_ci95={key: found.ci95 for key, found in generalised.items()},
        rows=rows,
    )


def _breakdown(
    space: str, candidates: str, chance: float, counts: dict[tuple[int, int], int], names: dict[int, str]
) -> Breakdown:
    totals: Counter[int] = Counter()
    for (true, _), count in counts.items():
        totals[true] += count
    cells = {pair: Cell(count, count / totals[pair[0]]) for pair, count in counts.items()}
    nothing = Cell(0, 0.0)
    bars = [ClassBar(names[c], cells.get((c, c), nothing).share, totals[c]) for c in sorted(totals)]
    wrong = sorted((pair for pair in cells if pair[0] != pair[1]), key=lambda pair: (-cells[pair].share, pair))
    mistakes = [(names[true], names[given], cells[true, given]) for true, given in wrong[:8]]
    return Breakdown(
        space=space,
        candidates=candidates,
        chance=chance,
        bars=sorted(bars, key=lambda bar: (-bar.value, bar.name)),
        confusion=_confusion(cells, sorted(totals), names),
        mistakes=mistakes,
    )


def _confusion(cells: dict[tuple[int, int], Cell], true: Iterable[int], names: dict[int, str]) -> Confusion:
    columns = sorted({class_id for pair in cells for class_id in pair})
    rows = [(names[t], [(cells.get((t, given)), t == given) for given in columns]) for t in true]
    return Confusion([names[column] for column in columns], rows)
