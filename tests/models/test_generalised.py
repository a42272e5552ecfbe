"""Calibration and gate against brute force and another library's regression."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.models import generalised
from pipeline.models.generalised import ScoredClips

IS_SEEN = np.array([True, False, True, True, False])


def drawn(seed, favour, num_clips=60):
    """Scores that favour the true class and, more or less, all seen ones."""
    random = np.random.default_rng(seed)
    truth_N = random.integers(0, 5, num_clips)
    score_NK = random.normal(size=(num_clips, 5)) + 1.5 * np.eye(5)[truth_N] + favour * IS_SEEN
    return ScoredClips(score_NK.astype(np.float32), IS_SEEN, truth_N)


def harmonic(scored, taken):
    guesses_N = (scored.score_NK.astype(np.float64) - taken * scored.is_seen_K).argmax(axis=1)
    seen, unseen = (np.mean(guesses_N[of] == scored.truth_N[of]) for of in (scored.of_seen, ~scored.of_seen))
    return 2 * seen * unseen / (seen + unseen) if seen + unseen else 0.0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("favour", [-2.0, 0.0, 3.0])
def test_no_other_number_gives_a_greater_harmonic_mean(seed, favour):
    scored = drawn(seed, favour)
    found = harmonic(scored, generalised.calibration(scored))
    assert found == pytest.approx(max(harmonic(scored, taken) for taken in np.linspace(-8, 8, 4001)), abs=1e-12)


def test_of_equally_good_numbers_that_with_most_room_is_taken():
    """Seen clips lead by 1 and 9, unseen ones by -4: whatever lies between -4 and 1 names all rightly."""
    score_NK = np.array([[1, 0], [9, 0], [0, 4]], np.float32)
    assert generalised.calibration(ScoredClips(score_NK, np.array([True, False]), np.array([0, 0, 1]))) == -1.5


@pytest.mark.parametrize("score_NK", [[[1, 0], [1, 0]], [[0, 1], [1, 0]]])
def test_where_no_number_helps_nothing_is_taken(score_NK):
    """Of clips that lead alike, or the wrong way round, no threshold names both sides."""
    scored = ScoredClips(np.array(score_NK, np.float32), np.array([True, False]), np.array([0, 1]))
    assert generalised.calibration(scored) == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_regression_is_that_of_another_library(seed):
    random = np.random.default_rng(seed)
    x_NF, is_one_N = random.normal(size=(40, 3)), random.random(40) < 0.3
    x_NF[is_one_N] += 1
    weight_N = random.random(40)
    other = LogisticRegression(C=1 / 0.02, tol=1e-12, max_iter=10_000).fit(x_NF, is_one_N, sample_weight=weight_N)
    weight_F, bias = generalised.fit_logistic(x_NF, is_one_N, weight_N, 0.02)
    np.testing.assert_allclose(weight_F, other.coef_[0], atol=1e-4)
    assert bias == pytest.approx(other.intercept_[0], abs=1e-4)


def test_clips_that_a_line_parts_keep_the_weights_finite():
    x_NF = np.array([[-2.0], [-1.0], [1.0], [2.0]]) * 50
    weight_F, bias = generalised.fit_logistic(x_NF, x_NF[:, 0] > 0, np.full(4, 0.25), generalised.PENALTY)
    assert np.isfinite([*weight_F, bias]).all()
    assert weight_F[0] > 0


def test_a_gate_tells_the_sides_apart_on_other_clips():
    learnt, asked = drawn(0, 2.0, 400), drawn(1, 2.0, 400)
    p_N = generalised.fit_gate(learnt, 2)(asked.score_NK, IS_SEEN)
    assert (p_N.dtype, p_N.shape) == (np.float32, (400,))
    assert ((p_N >= 0) & (p_N <= 1)).all()
    told = np.mean([np.mean((p_N > 0.5)[of] == unseen) for of, unseen in ((asked.of_seen, 0), (~asked.of_seen, 1))])
    plain_N = ~IS_SEEN[asked.score_NK.argmax(axis=1)]
    plain = np.mean([np.mean(plain_N[of] == u) for of, u in ((asked.of_seen, 0), (~asked.of_seen, 1))])
    assert told > plain + 0.05


def test_a_gate_does_not_ask_which_class_is_which():
    learnt, asked = drawn(0, 1.0), drawn(1, 1.0)
    order = np.array([4, 2, 0, 1, 3])
    gate = generalised.fit_gate(learnt, 2)
    np.testing.assert_array_equal(gate(asked.score_NK, IS_SEEN), gate(asked.score_NK[:, order], IS_SEEN[order]))
    one = generalised.fit_gate(learnt, 1)
    assert np.abs(one(asked.score_NK, IS_SEEN) - gate(asked.score_NK, IS_SEEN)).max() > 1e-3


def test_scores_of_one_size_say_nothing():
    flat = ScoredClips(np.ones((4, 2), np.float32), np.array([True, False]), np.array([0, 0, 0, 1]))
    assert generalised.fit_gate(flat, 1)(flat.score_NK, flat.is_seen_K).tolist() == [0.5] * 4
