"""Generalised figures against sweeps that take numbers from scores and name the best class, clip by clip."""

import itertools

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.evaluation import generalised
from pipeline.evaluation.generalised import Asked
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


def triple(found: dict[str, float], way: str) -> tuple[float, float, float]:
    seen, unseen, mean = (found[name + way] for name in generalised.TRIPLE)
    return seen, unseen, mean


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("taken", [-0.5, 0.0, 0.3, 0.75, 2.0])
def test_plain_and_calibrated_figures_agree_with_plain_loops(seed: int, taken: float) -> None:
    scores, truth = case(seed)
    asked = Asked.of(scores, truth, CLASS_IDS, UNSEEN)
    found = generalised.figures(asked, calibration=taken, gate_N=None)
    assert triple(found, "") == pytest.approx(told([named(row) for row in scores], truth))
    assert triple(found, "_calibrated") == pytest.approx(told([named(row, taken) for row in scores], truth))
    assert "harmonic_mean_gated" not in found


@pytest.mark.parametrize("seed", range(4))
def test_a_gate_leaves_a_clip_the_classes_of_one_side(seed: int) -> None:
    scores, truth = case(seed)
    gate = np.random.default_rng(seed).choice([0.1, 0.5, 0.50001, 0.9], size=50)
    seen = set(CLASS_IDS) - UNSEEN
    answers = [named(row, allowed=UNSEEN if p > 0.5 else seen) for row, p in zip(scores, gate, strict=True)]
    found = generalised.figures(Asked.of(scores, truth, CLASS_IDS, UNSEEN), calibration=None, gate_N=gate)
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
    asked = Asked.of(scores, truth, CLASS_IDS, UNSEEN)
    assert generalised.figures(asked, calibration=None, gate_N=None)["ausuc"] == pytest.approx(area)
    found = zip(*generalised.curve(asked), strict=True)
    assert all(any(np.allclose(point, other) for other in points) for point in found)


def test_the_area_of_a_perfect_method_is_one_and_of_guesses_by_side_a_half() -> None:
    truth = [1, 4, 3, 7]
    perfect = (np.array(truth)[:, None] == np.array(CLASS_IDS)).astype(np.float32)
    asked = Asked.of(perfect, truth, CLASS_IDS, UNSEEN)
    assert generalised.figures(asked, calibration=None, gate_N=None)["ausuc"] == 1.0
    # Always right within its side, but nothing tells the sides apart: all leads are equal.
    blind = perfect.copy()
    blind[:2, 1] = blind[2:, 0] = 1.0
    assert generalised.figures(Asked.of(blind, truth, CLASS_IDS, UNSEEN), calibration=None, gate_N=None)[
        "ausuc"
    ] == pytest.approx(0.5)


@pytest.mark.parametrize(("truth", "told_"), [([1, 4], "no test clip is of an unseen"), ([3, 7], "of a seen class")])
def test_clips_of_one_side_alone_are_one_line(truth: list[int], told_: str) -> None:
    with pytest.raises(DataError, match=told_):
        Asked.of(np.zeros((2, 5)), truth, CLASS_IDS, UNSEEN)
