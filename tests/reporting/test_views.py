"""Class by class: intervals of few clips, and which columns of a confusion are of seen classes."""

from typing import Any

from pipeline.core.schemas import PredictionRow
from pipeline.evaluation import intervals
from pipeline.reporting import views
from pipeline.reporting.evidence import Result

NAMES = {number: f"class {number}" for number in range(5)}


def answer(split: str, space: str, class_id: int, predicted: int, subject: int | None, number: int) -> PredictionRow:
    rank = 1 if predicted == class_id else 2
    told = {"split": split, "seed": 0, "selection": "validation", "label_space": space, "clip_id": f"c{number}"}
    return PredictionRow(**told, subject=subject, class_id=class_id, predicted=predicted, rank=rank, margin=None)


def result(answers: list[PredictionRow], num_unseen: int = 2) -> Result:
    runs = sorted({(one.split, one.label_space) for one in answers})
    rows: list[dict[str, Any]] = [
        {"split": split, "label_space": space, "num_classes": 5, "num_unseen_classes": num_unseen}
        for split, space in runs
    ]
    return Result("r", rows, [], answers, NAMES, None)


def test_a_classs_interval_counts_its_subjects_and_clips_of_nobody_known_by_themselves() -> None:
    known = [
        answer("s0", "unseen", 0, 0 if subject else 1, subject, number)
        for number, subject in enumerate((0, 0, 1, 1, 2))
    ]
    nobody = [answer("s0", "unseen", 1, 1, None, 10 + number) for number in range(7)]
    again = [answer("s1", "unseen", 1, 1, None, 10 + number) for number in range(7)]  # the very same clips
    (part,) = views.breakdowns(result([*known, *nobody, *again]))
    all_right, some = part.bars
    assert (all_right.num_clips, all_right.num_cells, all_right.ci95) == (14, 7, intervals.wilson(7, 7))
    assert (some.num_clips, some.num_cells, some.value) == (5, 3, 0.6)
    assert some.ci95 == intervals.wilson(0.6 * 3, 3)


def test_columns_of_seen_classes_are_marked_and_those_seen_in_some_splits_say_in_how_many() -> None:
    answers = [answer("s0", "all", true, given, 1, number) for number, (true, given) in enumerate(((0, 2), (1, 4)))]
    answers += [answer("s1", "all", true, given, 1, number) for number, (true, given) in enumerate(((0, 2), (2, 0)))]
    (part,) = views.breakdowns(result(answers))
    assert part.confusion.names == ["class 0", "class 1", "class 2", "class 4"]
    assert part.confusion.seen == ["", "seen in 1 of 2 splits", "seen in 1 of 2 splits", "seen"]


def test_among_unseen_classes_no_column_is_marked_and_nothing_is_claimed_where_unseen_classes_are_not_all_known() -> (
    None
):
    pairs = enumerate(((0, 1), (1, 1)))
    (part,) = views.breakdowns(result([answer("s0", "unseen", true, given, 1, n) for n, (true, given) in pairs]))
    assert part.confusion.seen == ["", ""]
    answers = [answer("s0", "all", 0, 4, 1, 0)]  # of two unseen classes one has no clip
    assert views.breakdowns(result(answers))[0].confusion.seen == ["", ""]
    assert views.breakdowns(result(answers, num_unseen=1))[0].confusion.seen == ["", "seen"]


def test_what_tells_lines_apart_is_said_in_words() -> None:
    row = {"encoder": "stgcn", "variant": "all", "refit": "none", "source": None, "num_kept_overlap": 2}
    assert views.told(row, list(row)) == "stgcn, variant all, refit none, learnt from itself, 2 classes kept"
    assert views.told(row | {"source": "yard"}, ["source"]) == "learnt from yard"
    assert views.told(row, []) == ""
