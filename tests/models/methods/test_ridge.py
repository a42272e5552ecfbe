"""Ridge against NumPy's least squares in float64."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.core.errors import DataError
from pipeline.models import regression
from pipeline.models.methods import ridge, shared
from pipeline.models.methods.shared import ClassTexts, Clips, unit


@pytest.fixture
def toy():
    random = np.random.default_rng(1)
    label_KT, context_KT, hands_KT = (unit(random.normal(size=(5, 4)).astype(np.float32)) for _ in range(3))
    features_ND = (3 + 2 * random.normal(size=(30, 6))).astype(np.float32)
    return Clips(features_ND, tuple(random.integers(0, 5, 30).tolist())), ClassTexts(
        tuple(range(5)), label_KT, context_KT, {"hands": hands_KT}
    )


def fitted(toy, **changed):
    params = ridge.Params.model_validate({"text_type": "label", "centre": "none", "lambdas": [0.3], **changed})
    return next(ridge.candidates(*toy, params, 0))


@pytest.mark.parametrize("penalty", [1e-6, 0.1, 10.0])
def test_the_solution_is_the_least_squares_one_of_the_extended_system(penalty):
    random = np.random.default_rng(0)
    x_ND, y_NT = random.normal(size=(20, 7)), random.normal(size=(20, 3))
    rows = np.vstack([x_ND / np.sqrt(20), np.sqrt(penalty) * np.eye(7)])
    expected, *_ = np.linalg.lstsq(rows, np.vstack([y_NT / np.sqrt(20), np.zeros((7, 3))]))
    found = regression.ridge_solution(x_ND, y_NT, penalty)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)


def test_scores_are_cosines_of_the_regression_with_the_texts(toy):
    clips, texts = toy
    x_ND = clips.features_ND.astype(np.float64)
    x_ND = (x_ND - x_ND.mean(0)) / x_ND.std(0)
    y_NT = texts.label_KT[list(clips.class_ids)].astype(np.float64)
    w_DT = np.linalg.inv(x_ND.T @ x_ND / 30 + 0.3 * np.eye(6)) @ x_ND.T @ (y_NT - y_NT.mean(0)) / 30
    mapped_NT = x_ND @ w_DT + y_NT.mean(0)
    cosine_NK = mapped_NT / np.linalg.norm(mapped_NT, axis=1, keepdims=True) @ texts.label_KT.T
    candidate = fitted(toy)
    np.testing.assert_allclose(candidate.score(clips.features_ND, texts), cosine_NK, atol=1e-5)
    assert candidate.loss == pytest.approx(np.square(mapped_NT - y_NT).sum(1).mean(), rel=1e-5)


def test_what_is_compared_stands_behind_the_scores(toy):
    clips, texts = toy
    candidate = fitted(toy, text_type="label+hands", centre="seen")
    found = candidate.explain(clips.features_ND, texts)
    score_NK = candidate.score(clips.features_ND, texts)
    np.testing.assert_array_equal(found["direct"], score_NK)
    np.testing.assert_allclose(found["vectors"] @ found["text_vectors"].T, score_NK, atol=1e-6)
    assert candidate.cost(7) == shared.Cost(6 * 8 + 8, 6 * 8 + 7 * 8)
    assert {"text_mean.label", "text_mean.hands"} <= set(candidate.module.state_dict())


@pytest.mark.parametrize(
    "changed",
    [
        {"text_type": "mean"},
        {"text_type": "hands"},
        {"text_type": "label+hands"},
        {"centre": "seen"},
        {"lambdas": [3.0]},
    ],
    ids=str,
)
def test_every_option_changes_the_scores(toy, changed):
    clips, texts = toy
    scores = [candidate.score(clips.features_ND, texts) for candidate in (fitted(toy), fitted(toy, **changed))]
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


def test_the_mean_text_is_half_way_between_label_and_context(toy):
    _, texts = toy
    target_KT = texts.of_type("mean")
    expected = [(one @ other) for one, other in zip(target_KT, texts.label_KT, strict=True)]
    np.testing.assert_allclose(np.linalg.norm(target_KT, axis=1), 1, rtol=1e-6)
    assert expected == pytest.approx([(a @ b) for a, b in zip(target_KT, texts.context_KT, strict=True)], abs=1e-6)


def test_the_mean_text_needs_contexts(toy):
    clips, texts = toy
    with pytest.raises(DataError, match="no 'context' sentences"):
        fitted((clips, ClassTexts(texts.class_ids, texts.label_KT, None)), text_type="mean")


def test_any_type_of_text_is_a_target_and_an_unknown_one_is_refused_with_those_there_are(toy):
    clips, texts = toy
    as_label = (clips, ClassTexts(texts.class_ids, texts.further["hands"], None))
    expected = fitted(as_label).score(clips.features_ND, as_label[1])
    assert np.array_equal(fitted(toy, text_type="hands").score(clips.features_ND, texts), expected)
    with pytest.raises(DataError, match="no type 'legs'; they have label, context, mean, hands; run `dvc repro prompt"):
        fitted(toy, text_type="legs")


@pytest.mark.parametrize("lambdas", [[], [0.0], [1.0, 0.1], [1.0, 1.0]], ids=str)
def test_a_grid_that_does_not_ascend_from_above_0_is_refused(lambdas):
    with pytest.raises(ValidationError):
        ridge.Params.model_validate({"text_type": "label", "centre": "none", "lambdas": lambdas})


def test_a_constant_feature_says_nothing(toy):
    clips, texts = toy
    constant = np.concatenate([clips.features_ND, np.full((30, 1), 7, np.float32)], axis=1)
    candidate = fitted((replace(clips, features_ND=constant), texts))
    moved = constant + np.eye(7, dtype=np.float32)[6] * 9
    np.testing.assert_array_equal(candidate.score(moved, texts), candidate.score(constant, texts))
