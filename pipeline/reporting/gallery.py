"""Galleries: for every row of evaluate some clips of each cell of its confusion matrices, with what was answered.

Which clips is decided by a hash of their ids, so nobody picks the fine ones, and methods are shown on the same clips.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.schemas import PredictionRow
from pipeline.evaluation import metrics
from pipeline.reporting import gallery_strips, views
from pipeline.reporting.evidence import Result
from pipeline.reporting.gallery_strips import Drawn, Figures
from pipeline.reporting.views import Breakdown

PER_CELL, PER_ROW = 3, 60  # clips
_Pair = tuple[int, int]  # class ids: truth, answer
_Link = tuple[int, str, str]  # place of the breakdown on the result's page, names of truth and answer


@dataclass(frozen=True)
class ShownClip:
    """One answer about one clip; `drawn` is None where no prepared array holds the clip."""

    row: PredictionRow
    num_candidates: int
    drawn: Drawn | None


@dataclass(frozen=True)
class ShownCell:
    """Some clips of one class that got one answer, out of `num_answers`."""

    anchor: str
    answer: str
    is_right: bool
    num_answers: int
    clips: list[ShownClip]


@dataclass(frozen=True)
class ShownClass:
    """The cells of one true class, the right answers first."""

    name: str
    num_right: int
    num_answers: int
    cells: list[ShownCell]


@dataclass(frozen=True)
class Section:
    """The classes of one confusion matrix of the result's page."""

    candidates: str
    classes: list[ShownClass]


@dataclass(frozen=True)
class Gallery:
    """What the page of one row of evaluate shows, and which cells of its confusion matrices lead to it."""

    result: str
    num_answers: int  # of which so many are shown
    num_shown: int
    num_drawn: int
    sections: list[Section]
    anchors: Mapping[_Link, str]


@dataclass(frozen=True)
class _Part:
    """One confusion matrix with its answers, and the clips chosen from each of its cells."""

    breakdown: Breakdown
    prefix: str  # of the anchors
    num_candidates: int
    cells: dict[_Pair, list[PredictionRow]]
    chosen: dict[_Pair, list[PredictionRow]]


def gather(results: Sequence[Result], arrays: Path) -> dict[str, Gallery]:
    """The gallery of every result whose answers name clips, drawn from the prepared arrays below `arrays`."""
    parts = {result.name: _chosen(_parts(result)) for result in results}
    named = {
        result.name: (result.rows[0]["dataset"], result.rows[0]["modality"]) for result in results if parts[result.name]
    }
    wanted = [(*named[name], row.clip_id) for name in named for row in _rows(parts[name])]
    figures = gallery_strips.draw(wanted, arrays)
    return {
        result.name: _gallery(result, parts[result.name], figures, named[result.name])
        for result in results
        if result.name in named
    }


def _parts(result: Result) -> list[_Part]:
    """The confusion matrices of a result's page in their order; anchors of the first have no prefix."""
    made = []
    for place, breakdown in enumerate(views.breakdowns(result)):
        for number, lines in views.answers(result, breakdown.space).items():
            if metrics.chance(number) == breakdown.chance:
                cells: dict[_Pair, list[PredictionRow]] = {}
                for line in lines:
                    cells.setdefault((line.class_id, line.predicted), []).append(line)
                prefix = f"{breakdown.space}-{number}-" if place else ""
                made.append(_Part(breakdown, prefix, number, cells, {}))
    return made


def _chosen(parts: list[_Part]) -> list[_Part]:
    """Fill the parts in their order: from each cell one clip, then a second and a third, frequent cells first."""
    left = PER_ROW
    for part in parts:
        drawn = {pair: _drawn_by_lot(lines) for pair, lines in part.cells.items()}
        order = sorted(drawn, key=lambda pair: (-len(part.cells[pair]), pair))
        for turn in range(PER_CELL):
            for pair in order:
                if left and turn < len(drawn[pair]):
                    part.chosen.setdefault(pair, []).append(drawn[pair][turn])
                    left -= 1
    return parts


def _drawn_by_lot(lines: Sequence[PredictionRow]) -> list[PredictionRow]:
    """One answer a clip, that of its first split and seed, in the order of a hash of the clips' ids."""
    first: dict[str, PredictionRow] = {}
    for line in sorted(lines, key=lambda line: (line.split, line.seed)):
        first.setdefault(line.clip_id, line)
    return sorted(first.values(), key=lambda line: hashlib.sha256(line.clip_id.encode()).digest())[:PER_CELL]


def _rows(parts: Sequence[_Part]) -> Iterator[PredictionRow]:
    for part in parts:
        for rows in part.chosen.values():
            yield from rows


def _gallery(result: Result, parts: Sequence[_Part], figures: Figures, named: tuple[str, str]) -> Gallery:
    shown = list(_rows(parts))
    names = result.class_names
    anchors = {
        (place, names[truth], names[answer]): f"{part.prefix}{truth}-{answer}"
        for place, part in enumerate(parts)
        for truth, answer in part.chosen
    }
    return Gallery(
        result=result.name,
        num_answers=sum(len(lines) for part in parts for lines in part.cells.values()),
        num_shown=len(shown),
        num_drawn=sum((*named, row.clip_id) in figures for row in shown),
        sections=[_section(part, figures, named, names) for part in parts if part.chosen],
        anchors=anchors,
    )


def _section(part: _Part, figures: Figures, named: tuple[str, str], names: Mapping[int, str]) -> Section:
    classes = []
    for truth in sorted({pair[0] for pair in part.chosen}):
        answers = sorted(pair[1] for pair in part.chosen if pair[0] == truth)
        cells = [
            ShownCell(
                anchor=f"{part.prefix}{truth}-{answer}",
                answer=names[answer],
                is_right=answer == truth,
                num_answers=len(part.cells[truth, answer]),
                clips=[
                    ShownClip(row, part.num_candidates, figures.get((*named, row.clip_id)))
                    for row in part.chosen[truth, answer]
                ],
            )
            for answer in sorted(answers, key=lambda answer: (answer != truth, answer))
        ]
        total = sum(len(lines) for pair, lines in part.cells.items() if pair[0] == truth)
        classes.append(ShownClass(names[truth], len(part.cells.get((truth, truth), [])), total, cells))
    return Section(part.breakdown.candidates, classes)
