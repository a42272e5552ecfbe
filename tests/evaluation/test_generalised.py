"""Generalised figures against sweeps that take numbers from scores and name the best class, clip by clip."""

import itertools

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.evaluation import generalised, intervals
from pipeline.evaluation.generalised import AllScores
from pipeline.evaluation.metrics import harmonic_mean

CLASS_IDS = [1, 3, 4, 7, 9]
UNSEEN = {3, 7}


def case(seed: int, levels: int = 6) -> tuple[np.ndarray, list[int]]:
    """Scores on few levels, so that clips share leads, with seen classes ahead as they are in life."""
    draw = np.random.default_rng(seed)
    truth = [*draw.choice([1, 4, 9], size=30).tolist(), *draw.choice([3, 7], size=20).tolist()]
    scores = draw.integers(0, levels, size=(50, 5)) / 4
    scores += 0.75 * (np.array(truth)[:, None] == np.array(CLASS_IDS)) + 0.5 * ~np.isin(CLASS_IDS, [3, 7])
    return scores.astype(np.float32), truth


def named(row: np.ndarray, taken: float = 0.0, allowed: set[int] | None = None) -> int:
    """The best class of one clip after a number was taken from seen ones; the first of equals."""
    best, answer = -np.inf, -1
    for class_id, score in zip(CLASS_IDS, row.tolist(), strict=True):
        value = score - (taken if class_id not in UNSEEN else 0)
        if (allowed is None or class_id in allowed) and value > best:
            best, answer = value, class_id
    return answer


def told(answers: list[int], truth: list[int]) -> tuple[float, float, float]:
    hits = {side: [a == t for a, t in zip(answers, truth, strict=True) if (t in UNSEEN) == side] for side in (0, 1)}
    seen, unseen = (sum(hits[side]) / len(hits[side]) for side in (0, 1))
    return seen, unseen, harmonic_mean(seen, unseen)


def figures(asked: AllScores, calibration: float | None = None, gate_N: np.ndarray | None = None) -> dict[str, float]:
    return generalised.figures(asked, generalised.answers(asked, calibration=calibration, gate_N=gate_N))


def triple(found: dict[str, float], way: str) -> tuple[float, float, float]:
    seen, unseen, mean = (found[name + way] for name in generalised.TRIPLE)
    return seen, unseen, mean


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("taken", [-0.5, 0.0, 0.3, 0.75, 2.0])
def test_plain_and_calibrated_figures_agree_with_plain_loops(seed: int, taken: float) -> None:
    scores, truth = case(seed)
    asked = AllScores.of(scores, truth, CLASS_IDS, UNSEEN)
    found = figures(asked, taken)
    assert triple(found, "") == pytest.approx(told([named(row) for row in scores], truth))
    assert triple(found, "_calibrated") == pytest.approx(told([named(row, taken) for row in scores], truth))
    assert "harmonic_mean_gated" not in found


@pytest.mark.parametrize("seed", range(4))
def test_a_gate_leaves_a_clip_the_classes_of_one_side(seed: int) -> None:
    scores, truth = case(seed)
    gate = np.random.default_rng(seed).choice([0.1, 0.5, 0.50001, 0.9], size=50)
    seen = set(CLASS_IDS) - UNSEEN
    answers = [named(row, allowed=UNSEEN if p > 0.5 else seen) for row, p in zip(scores, gate, strict=True)]
    found = figures(AllScores.of(scores, truth, CLASS_IDS, UNSEEN), None, gate)
    assert triple(found, "_gated") == pytest.approx(told(answers, truth))
    assert "harmonic_mean_calibrated" not in found


@pytest.mark.parametrize("seed", range(4))
def test_the_area_is_that_of_a_sweep_in_small_steps(seed: int) -> None:
    """Leads are multiples of a quarter: numbers between them give every point of the curve."""
    scores, truth = case(seed)
    points = [told([named(row, taken) for row in scores], truth)[:2] for taken in np.arange(-5.125, 5.2, 0.25)]
    area = 0.0
    for (seen, unseen), (next_seen, next_unseen) in itertools.pairwise(points):
        area += (seen - next_seen) * (unseen + next_unseen) / 2
    asked = AllScores.of(scores, truth, CLASS_IDS, UNSEEN)
    assert figures(asked)["ausuc"] == pytest.approx(area)
    found = zip(*generalised.curve(asked), strict=True)
    assert all(any(np.allclose(point, other) for other in points) for point in found)


def test_the_area_of_a_perfect_method_is_one_and_of_guesses_by_side_a_half() -> None:
    truth = [1, 4, 3, 7]
    perfect = (np.array(truth)[:, None] == np.array(CLASS_IDS)).astype(np.float32)
    asked = AllScores.of(perfect, truth, CLASS_IDS, UNSEEN)
    assert figures(asked)["ausuc"] == 1.0
    # Always right within its side, but nothing tells the sides apart: all leads are equal.
    blind = perfect.copy()
    blind[:2, 1] = blind[2:, 0] = 1.0
    assert figures(AllScores.of(blind, truth, CLASS_IDS, UNSEEN))["ausuc"] == pytest.approx(0.5)


@pytest.mark.parametrize(("truth", "told_"), [([1, 4], "no test clip is of an unseen"), ([3, 7], "of a seen class")])
def test_clips_of_one_side_alone_are_one_line(truth: list[int], told_: str) -> None:
    with pytest.raises(DataError, match=told_):
        AllScores.of(np.zeros((2, 5)), truth, CLASS_IDS, UNSEEN)


def test_intervals_are_those_of_drawing_cells_of_subject_and_class_with_replacement() -> None:
    scores, truth = case(3)
    draw = np.random.default_rng(5)
    subject = draw.integers(1, 7, size=50).tolist()
    asked = AllScores.of(scores, truth, CLASS_IDS, UNSEEN)
    right = generalised.answers(asked, calibration=0.5, gate_N=draw.random(50))
    found = generalised.spans(asked, right, subject, num_resamples=20_000, generator=draw)
    assert set(found) == {name + way for way in generalised.WAYS for name in generalised.TRIPLE}
    both = list(zip(truth, subject, strict=True))
    cells = [np.array([i for i, one in enumerate(both) if one == cell]) for cell in sorted(set(both))]
    for way, is_right_N in right.items():
        values = []
        for _ in range(2_000):
            clips = np.concatenate([cells[place] for place in draw.integers(0, len(cells), size=len(cells))])
            sides = [is_right_N[clips][asked.is_seen_N[clips] == side].mean() for side in (True, False)]
            values.append((*sides, harmonic_mean(*sides)))
        for name, drawn in zip(generalised.TRIPLE, zip(*values, strict=True), strict=True):
            assert found[name + way] == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.03)


def test_resamples_without_a_side_are_left_out_and_nothing_right_has_the_harmonic_mean_0() -> None:
    truth = [1, 3]
    asked = AllScores.of((np.array(truth)[:, None] == 1) * (np.array(CLASS_IDS) == 1), truth, CLASS_IDS, UNSEEN)
    right = generalised.answers(asked, calibration=None, gate_N=None)
    found = generalised.spans(asked, right, [5, 5], num_resamples=50, generator=np.random.default_rng(0))
    one_cell = intervals.wilson(1, 1)[0]
    assert found == {
        "top1_seen": (one_cell, 1.0),
        "top1_unseen": (0.0, 1 - one_cell),
        "harmonic_mean": (0.0, pytest.approx(harmonic_mean(1.0, 1 - one_cell))),
    }


def test_where_no_resample_has_both_sides_there_are_no_intervals() -> None:
    seen, unseen = [c for c in CLASS_IDS if c not in UNSEEN][:2], sorted(UNSEEN)[:2]
    truth = [*seen, *unseen]
    given = np.array([seen[0], seen[0], unseen[0], unseen[0]])  # half of either side is right
    asked = AllScores.of((given[:, None] == np.array(CLASS_IDS)) * 1.0, truth, CLASS_IDS, UNSEEN)
    right = generalised.answers(asked, calibration=None, gate_N=None)
    seeds = [np.random.default_rng(seed) for seed in range(40)]
    found = [generalised.spans(asked, right, [5] * 4, num_resamples=1, generator=seed) for seed in seeds]
    assert {len(one) for one in found} == {0, 3}
