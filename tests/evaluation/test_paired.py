"""The paired bootstrap against every resample that there is, counted one by one."""

import itertools
import math

import numpy as np
import pytest

from pipeline.core.schemas import PredictionRow
from pipeline.core.seeds import generator
from pipeline.evaluation import paired
from tests.core.table_rows import prediction_row

NUM = 200_000


def answers(right: dict[str, list[int]], seed: int = 0) -> list[PredictionRow]:
    """A row a clip; `right` has 1 or 0 for each clip of a split."""
    return [
        prediction_row(split=split, seed=seed, clip_id=f"{split}/{place}", rank=2 - one)
        for split, ones in right.items()
        for place, one in enumerate(ones)
    ]


def found(ours: list[PredictionRow], theirs: list[PredictionRow]) -> paired.OnSameClips:
    made = paired.on_same_clips(ours, theirs, num_resamples=NUM, generator=generator(0, "test"))
    assert made is not None
    return made


OURS = {"a": [1, 1, 1, 0], "b": [1, 0, 1]}
THEIRS = {"a": [0, 1, 0, 1], "b": [0, 0, 1]}


def every_resample() -> tuple[np.ndarray, np.ndarray]:
    """The mean difference of every pair of resamples (4^4 times 3^3), as values with their probabilities."""
    per_split = [
        [sum(draw) / len(draw) for draw in itertools.product(differences, repeat=len(differences))]
        for differences in ([1, 0, 1, -1], [1, 0, 0])
    ]
    means = np.array([(one + other) / 2 for one, other in itertools.product(*per_split)])
    values, counts = np.unique(means.round(12), return_counts=True)
    return values, counts / len(means)


def test_the_interval_holds_the_middle_of_every_resample() -> None:
    values, probabilities = every_resample()
    made = found(answers(OURS), answers(THEIRS))
    assert made.mean == pytest.approx((1 / 4 + 1 / 3) / 2)
    below = np.cumsum(probabilities)
    low, high = (values[np.searchsorted(below, share)] for share in (0.025, 0.975))
    assert made.ci95 == pytest.approx((low, high), abs=1e-9)
    assert (made.num_clips, made.num_splits, made.is_partial) == (7, 2, False)


def test_many_clips_give_the_width_of_the_normal_distribution() -> None:
    draw = np.random.default_rng(3)
    ours, theirs = ({"a": (draw.random(2000) < share).astype(int).tolist()} for share in (0.7, 0.5))
    made = found(answers(ours), answers(theirs))
    differences = np.array(ours["a"]) - np.array(theirs["a"])
    half = 1.959964 * math.sqrt(differences.var() / 2000)
    assert made.ci95 == pytest.approx((differences.mean() - half, differences.mean() + half), abs=1e-3)


def test_turned_round_the_difference_has_the_other_sign() -> None:
    there, back = found(answers(OURS), answers(THEIRS)), found(answers(THEIRS), answers(OURS))
    assert there.mean == -back.mean
    assert there.ci95 == pytest.approx((-back.ci95[1], -back.ci95[0]))


def test_only_clips_that_both_answered_count() -> None:
    more = [*answers(OURS), prediction_row(split="a", clip_id="a/other", rank=1), *answers({"c": [1, 1]})]
    made = found(more, answers(THEIRS))
    assert made.mean == found(answers(OURS), answers(THEIRS)).mean
    assert (made.num_clips, made.num_ours, made.num_theirs, made.is_partial) == (7, 8, 7, True)
    assert paired.on_same_clips(answers({"c": [1]}), answers(THEIRS), num_resamples=9, generator=generator(0)) is None
    apart = [prediction_row(split="a", clip_id="a/other", rank=1)]
    assert paired.on_same_clips(apart, answers(THEIRS), num_resamples=9, generator=generator(0)) is None


def test_seeds_that_both_have_are_compared_and_the_others_left_out() -> None:
    ours = answers({"a": [1, 0]}) + answers({"a": [1, 1]}, seed=1)
    assert found(ours, answers({"a": [0, 1]}, seed=1)).mean == pytest.approx(0.5)
    assert found(ours, answers({"a": [0, 1]}, seed=7)).mean == pytest.approx((1 - 0.5) / 2)  # none in common: all


@pytest.mark.parametrize(("ours", "theirs", "mean"), [(1, 0, 1), (0, 1, -1), (1, 1, 0)])
def test_where_every_clip_says_the_same_the_interval_has_a_width(ours: int, theirs: int, mean: int) -> None:
    made = found(answers({"a": [ours] * 20}), answers({"a": [theirs] * 20}))
    # of n trials without one of the contrary, a share p of it would be missed with probability (1 - p)^n
    unlikely = 1 - 0.025 ** (1 / 20)
    ends = {1: (1 - unlikely, 1), -1: (-1, unlikely - 1), 0: (-unlikely, unlikely)}[mean]
    assert made.mean == mean
    assert made.ci95 == pytest.approx(ends)
