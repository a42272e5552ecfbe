"""A rule for each table of the report: how its figures follow from the answers of clips."""

import math
import re
from collections.abc import Callable, Iterator, Sequence

from pipeline.core.schemas import PredictionRow
from tests.reporting import by_hand
from tests.reporting.by_hand import Run
from tests.reporting.page_tables import Cell, Table
from tests.reporting.recomputing import SIDES, SPAN, Checker, World, candidates_of, is_leaky, result_of, space_of, wide


def summaries(checker: Checker, table: Table) -> None:
    space = table.label.rpartition(" ")[2]
    for _, row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        num_classes = round(1 / float(str(cells["Chance"].value)))
        runs = checker.world.of(result_of(row), is_leaky(row), space, num_classes)
        splits, is_over = by_hand.by_split(runs, "top1"), by_hand.kind(runs, "top1")
        checker.count(table, cells["Splits"], len(splits))
        checker.count(table, cells["Seeds"], max(map(len, splits.values())))
        checker.share(table, cells["Chance"], 1 / num_classes)
        checker.share(table, cells["Top-1"], by_hand.mean(runs, "top1"))
        plain = by_hand.interval(runs, "top1")
        checker.ends(table, cells["95 %, splits"], plain if is_over == "splits" else None)
        checker.ends(table, cells["corrected"], by_hand.interval(runs, "top1", is_corrected=True))
        checker.ends(table, cells["over seeds"], by_hand.over_seeds(runs, "top1"))
        checker.ends(table, cells["over cells"], plain if is_over in ("cells", "exact") else None)
        checker.share(table, cells["Class mean"], by_hand.mean(runs, "class_mean"))
        checker.ends(table, cells["95 %"], by_hand.interval(runs, "class_mean"))
        checker.share(table, cells["Mean of batches"], by_hand.mean(runs, "mean_of_batches"))
        if "Top-5" in cells and num_classes > 5:
            checker.share(table, cells["Top-5"], by_hand.mean(runs, "top5"), by_hand.interval(runs, "top5"))
        elif "Top-5" in cells:
            assert cells["Top-5"].text == "–"  # it cannot be wrong there
        for column, name in zip(("Seen", "Unseen", "Harmonic mean"), SIDES, strict=True):
            if column in cells:
                checker.share(table, cells[column], by_hand.mean(runs, name), by_hand.interval(runs, name))


def every_split(checker: Checker, table: Table) -> None:
    space, name = space_of(table.label), result_name(table)
    for _, row in table.rows:
        cells = list(zip(table.columns, row, strict=True))
        at = dict(cells)
        selected = is_leaky(row)
        split, seed = at["Split"].text, int(at["Seed"].text)
        (run,) = [one for one in checker.world.runs[name, selected, space] if (one.split, one.seed) == (split, seed)]
        (told,) = [
            one
            for one in checker.world.rows[name]
            if (one["split"], one["seed"], one["leaky"], one["label_space"]) == (split, seed, selected, space)
        ]
        assert at["Setting"].text == told["setting"]
        checker.told(at["Setting"], "page")
        counts = {"Seed": seed, "Clips": len(run.answers), "Cells": len(run.cells), "Not scored": told["num_unscored"]}
        for column, number in counts.items():
            checker.count(table, at[column], number)
        checker.share(table, at["Chance"], 1 / run.num_classes)
        figures = {"Top-1": "top1", "Class mean": "class_mean", "Mean of batches": "mean_of_batches", "Top-5": "top5"}
        for place, (column, cell) in enumerate(cells):
            if column in figures:
                checker.share(table, cell, run.figure(figures[column]))
            if column == "95 %, cells":
                checker.ends(table, cell, run.interval(figures[cells[place - 1][0]]))
        for column, figure in zip(("Seen", "Unseen", "Harmonic mean"), SIDES, strict=True):
            if column in at:
                checker.share(table, at[column], run.figure(figure), run.interval(figure))


def result_name(table: Table) -> str:
    """The result that a page is of."""
    return table.page.removeprefix("evaluate-").removesuffix(".html")


def panel(checker: Checker, table: Table) -> None:
    space, num_classes = space_of(table.note), candidates_of(table.note)
    for _, row in table.rows:
        runs = checker.world.of(result_of(row), is_leaky(row), space, num_classes)
        answer = row[2]
        below = [text for text in answer.smalls[1:] if text.startswith("corrected")]
        sides = [text for text in answer.smalls[1:] if text.startswith("seen")]
        first = Cell("td", None, answer.text, answer.smalls[:1])
        checker.share(table, first, by_hand.mean(runs, "top1"), by_hand.interval(runs, "top1"))
        corrected = by_hand.interval(runs, "top1", is_corrected=True)
        assert bool(below) == bool(corrected)
        if corrected:
            checker.ends(table, Cell("td", None, below[0]), corrected)
        assert bool(sides) == (space == "gzsl")
        for text, name in zip(sides[0].split(", ") if sides else (), SIDES, strict=False):
            checker.share(table, Cell("td", None, text), by_hand.mean(runs, name))
        checker.seen |= {id(answer), id(row[1])}


def matrix(checker: Checker, table: Table) -> None:
    num_classes = candidates_of(table.label)
    for _, row in table.rows:
        for cell in row[1:]:
            if cell.links:
                runs = checker.world.of(result_of([cell]), False, "unseen", num_classes)
                checker.share(table, cell, by_hand.mean(runs, "top1"), wide(runs, "top1"))
            elif row[0].text == "Guessing":
                checker.share(table, cell, 1 / num_classes)
            else:
                assert cell.smalls == ["not measured"]


def generalised(checker: Checker, table: Table) -> None:
    num_classes = candidates_of(table.label)
    for _, row in table.rows:
        runs = checker.world.of(result_of(row), is_leaky(row), "gzsl", num_classes)
        for cell, name in zip(row[1:4], SIDES, strict=True):
            checker.share(table, cell, by_hand.mean(runs, name), by_hand.interval(runs, name))
        for cell, why in zip(row[4:], ["calibrated"] * 3 + ["gated"] * 3 + ["area"], strict=True):
            checker.told(cell, why)


def ranking(checker: Checker, table: Table) -> None:
    space, num_classes = space_of(table.label), candidates_of(table.label)
    lines = []
    for _, row in table.rows:
        runs = checker.world.of(result_of(row), False, space, num_classes)
        lines.append((row, runs))
        if space == "gzsl":
            for cell in row[2:5]:
                checker.told(cell, "area")
        else:
            checker.share(table, row[2], by_hand.mean(runs, "top1"))
            checker.ends(table, row[3], wide(runs, "top1"))
            if lines[0][1] is not runs:
                gain, _ = by_hand.difference(runs, lines[0][1], "top1")
                checker.share(table, row[4], sum(gain.values()) / len(gain))
        if space == "gzsl":
            checker.told(row[0], "area")
    if space != "gzsl":
        for row, runs in lines:
            surely = [gap(runs, others) for _, others in lines if others is not runs]
            first, last = 1 + surely.count("behind"), len(lines) - surely.count("ahead")
            wanted = str(first) if first == last else f"{first} – {last}"
            if row[0].text != wanted:
                checker.faults.append(f"{table.name}: place '{row[0].text}', recomputed '{wanted}'")
            checker._done(row[0])


def gap(one: Sequence[Run], other: Sequence[Run]) -> str:
    """Whether one is ahead of another for certain, behind, or neither."""
    by_split, ratio = by_hand.difference(one, other, "top1")
    values = list(by_split.values())
    ends = (
        by_hand.student_interval(values, 0 if math.isinf(ratio) else ratio)
        if len(values) > 1
        else by_hand.over_cells(one, other)
    )
    if ends is None or ends[1] - ends[0] < 1e-9:
        return "nobody knows"
    return "ahead" if ends[0] > 0 else "behind" if ends[1] < 0 else "noise"


def differences(checker: Checker, table: Table) -> None:
    """The lines that the best row is compared with, or the oracle with a method's own choice."""
    space, num_classes = space_of(table.label), candidates_of(table.label)
    is_gap = table.label.startswith("Own choice")
    best = None if is_gap or space == "gzsl" else the_best(checker.world, table, space, num_classes)
    for _, row in table.rows:
        places = dict(zip(table.columns, row, strict=True))
        other = checker.world.of(result_of(row), False, space, num_classes)
        one = checker.world.of(result_of(row), True, space, num_classes) if is_gap else best
        if is_gap and one is not None:
            checker.share(table, places["Top-1"], by_hand.mean(other, "top1"), wide(other, "top1"))
            oracle = places["Oracle"]
            shown = Cell("td", oracle.value, oracle.flags, oracle.smalls)
            checker.share(table, shown, by_hand.mean(one, "top1"), wide(one, "top1"))
            checker.seen.add(id(oracle))
        gain, spread, corrected, ahead = row[-4:] if is_gap else row[-5:-1]
        if one is None:
            for cell in (gain, spread, corrected, ahead):
                checker.told(cell, "area")
            continue
        by_split, ratio = by_hand.difference(one, other, "top1")
        values = list(by_split.values())
        checker.share(table, gain, sum(values) / len(values))
        plain = by_hand.student_interval(values, 0.0) if len(values) > 1 else by_hand.over_cells(one, other)
        checker.ends(table, spread, plain and ((plain[0], plain[0]), (plain[1], plain[1])))
        wider = by_hand.student_interval(values, ratio) if len(values) > 1 and not math.isinf(ratio) else None
        checker.ends(table, corrected, wider and ((wider[0], wider[0]), (wider[1], wider[1])))
        assert ahead.text == f"{sum(value > 0 for value in values)} of {len(values)}"
        checker._done(ahead)


def the_best(world: World, table: Table, space: str, num_classes: int) -> list[Run]:
    """The runs of the best plain line of the question of a table: more right than all that it is compared with."""
    compared = {result_of(row) for _, row in table.rows}
    told = world.rows[next(iter(compared))][0]
    names = [
        name
        for name, rows in world.rows.items()
        if (rows[0]["dataset"], rows[0]["split_table"]) == (told["dataset"], told["split_table"])
        and any(not row["leaks"] and row["num_classes"] == num_classes and row["label_space"] == space for row in rows)
    ]
    (best,) = set(names) - compared
    return world.of(best, False, space, num_classes)


def question_of_breakdown(checker: Checker, table: Table, words: str) -> list[PredictionRow]:
    space, name = space_of(words), result_name(table)
    number = re.search(r", (\d+) at a time", words)
    runs = checker.world.runs[name, False, space]
    return [one for run in runs if number is None or run.num_classes == int(number[1]) for one in run.answers]


def bars(checker: Checker, table: Table) -> None:
    answers, names = question_of_breakdown(checker, table, table.heading), checker.world.names[result_name(table)]
    for _, row in table.rows:
        mine = [one for one in answers if names[one.class_id] == row[0].text]
        right = sum(one.predicted == one.class_id for one in mine) / len(mine)
        people = {one.clip_id if one.subject is None else one.subject for one in mine}
        clips, span = row[2].smalls
        assert clips == f"of {len(mine)}"
        low, high = by_hand.wilson(right, len(people))
        shown = Cell("td", None, row[2].text, [span])
        checker.share(table, shown, right, ((low, low), (high, high)))
        checker.seen |= {id(row[1]), id(row[2])}


def confusion(checker: Checker, table: Table) -> None:
    answers, names = question_of_breakdown(checker, table, table.caption), checker.world.names[result_name(table)]
    columns = [re.sub(r" seen( in \d+ of \d+ splits)?$", "", head.text) for head in table.heads[-1][1:]]
    for _, row in table.rows:
        for column, cell in zip(columns, row[1:], strict=True):
            pairs = [(names[one.class_id], names[one.predicted]) for one in answers]
            number = pairs.count((row[0].text, column))
            if number:
                checker.count(table, cell, number)
            else:
                assert not cell.text


def as_told(why: str) -> Callable[[Checker, Table], None]:
    """Figures that answers do not hold."""

    def rule(checker: Checker, table: Table) -> None:
        for _, row in table.rows:
            for cell in row:
                checker.told(cell, why)

    return rule


def clips(checker: Checker, table: Table) -> None:
    """Used and rejected clips add up, and so do the reasons; the counts themselves are of the clips tables."""
    for _, row in table.rows:
        listed, used, rejected = (int(cell.text) for cell in row[2:5])
        assert listed == used + rejected
        assert sum(map(int, re.findall(r"\((\d+)\)", row[5].text))) == rejected
        for cell in row[2:]:
            checker._done(cell)


def result_table(checker: Checker, table: Table) -> None:
    for title, cell, column in placed(table):
        if not cell.links:
            checker.told(cell, "printed" if title != "Guessing" else "page")
        elif column not in TABLE:
            checker.told(cell, "cost")
        else:
            space, figure = TABLE[column]
            space = "all" if table.heading.endswith("among all classes") else space
            name = result_of([cell])
            (num_classes,) = {run.num_classes for run in checker.world.runs[name, False, space]}
            runs = checker.world.of(name, False, space, num_classes)
            # The last of what stands beneath is the number of splits and seeds.
            *spans, sizes = cell.smalls
            shown = Cell("td", cell.value, cell.text, spans[:1])
            if figure is None:
                checker.told(cell, "area")
                continue
            checker.share(
                table,
                shown,
                by_hand.mean(runs, figure),
                by_hand.interval(runs, figure) if spans and SPAN.search(spans[0]) else None,
            )
            splits = by_hand.by_split(runs, figure)
            assert sizes == f"{len(splits)} × {max(map(len, splits.values()))}"
            checker.seen.add(id(cell))


def placed(table: Table) -> Iterator[tuple[str, Cell, str]]:
    """The cells of a table of the profile with their row's title and column."""
    for _, row in table.rows:
        for cell, column in zip(row[1:], table.columns[1:], strict=True):
            yield row[0].text, cell, column


# What the columns of the tables of the fixtures profile and of the small world ask; None: not in the answers.
TABLE: dict[str, tuple[str, str | None]] = {
    "skeleton": ("unseen", "top1"),
    "video": ("unseen", "top1"),
    "top-1": ("unseen", "top1"),
    "mean of batches": ("unseen", "mean_of_batches"),
    "H, calibrated": ("gzsl", None),
    "H, gated": ("gzsl", None),
    "area": ("gzsl", None),
}
RULES: list[tuple[Callable[[Table], bool], Callable[[Checker, Table], None]]] = [
    (lambda table: table.label.startswith("All summaries"), summaries),
    (lambda table: "matrix" in table.classes, matrix),
    (lambda table: table.caption.startswith("Top-1 accuracy of each method"), panel),
    (lambda table: table.caption == "Accuracy of each class", bars),
    (lambda table: "confusion" in table.classes, confusion),
    (lambda table: table.label.startswith("Every split, among"), every_split),
    (lambda table: table.label.startswith("Ranking"), ranking),
    (lambda table: table.page == "index.html" and table.label.startswith(("Differences", "Own choice")), differences),
    (lambda table: table.label.startswith("Seen, unseen and harmonic mean"), generalised),
    (lambda table: table.page == "index.html" and table.label == "Clips", clips),
    (lambda table: table.page.startswith("table-"), result_table),
    (lambda table: "audit" in table.classes, as_told("audit")),
    (lambda table: table.page == "provenance.html", as_told("versions")),
    # Pages of stages, and those that explain a result, which stand before its splits.
    (lambda table: bool({"narrow", "marks"} & set(table.classes)), as_told("page")),
]
