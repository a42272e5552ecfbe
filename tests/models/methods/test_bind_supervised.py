"""bind_supervised against the regression written out in float64; the suite of all methods is in tests/contracts."""

# Shapes: N clips, D size of a sense's vector, K classes, T text size.

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.core.errors import DataError
from pipeline.models.methods import bind_supervised
from pipeline.models.methods.shared import ClassTexts, Clips, unit

PARAMS = {"text_type": "label", "centre": "none", "lambdas": [0.1], "learns_from": "hub", "scores": "skeleton"}


@pytest.fixture
def toy():
    """Classes whose texts are a linear map of the hub's vectors; the skeleton's vectors lie near the hub's."""
    random = np.random.default_rng(2)
    label_KT, hands_KT = (unit(random.normal(size=(9, 4)).astype(np.float32)) for _ in range(2))
    class_ids = tuple(random.integers(0, 6, 60).tolist()) + (6, 7, 8) * 5
    hub_ND = label_KT[list(class_ids)] @ random.normal(size=(4, 5)) + 0.05 * random.normal(size=(75, 5))
    parts = [unit((hub_ND + 0.1 * random.normal(size=hub_ND.shape)).astype(np.float32)) for _ in range(2)]
    features = np.concatenate([unit(hub_ND.astype(np.float32)), *parts], axis=1)
    return Clips(features, class_ids, ("hub", "skeleton", "depth")), ClassTexts(
        tuple(range(9)), label_KT, None, {"hands": hands_KT}
    )


def of_seen(clips):
    return Clips(clips.features_ND[:60], clips.class_ids[:60], clips.senses)


def candidate(toy, **changed):
    clips, texts = toy
    params = bind_supervised.Params.model_validate({**PARAMS, **changed})
    return next(bind_supervised.candidates(of_seen(clips), texts.of(range(6)), params, 0))


def test_scores_are_those_of_the_map_from_the_hub_asked_through_the_other_sense(toy):
    clips, texts = toy
    hub_ND, skeleton_ND = (clips.features_ND[:, at : at + 5].astype(np.float64) for at in (0, 5))
    mean_D, deviation_D = hub_ND[:60].mean(0), hub_ND[:60].std(0)
    x_ND = (hub_ND[:60] - mean_D) / deviation_D
    y_NT = texts.label_KT[list(clips.class_ids[:60])].astype(np.float64)
    w_DT = np.linalg.inv(x_ND.T @ x_ND / 60 + 0.1 * np.eye(5)) @ x_ND.T @ (y_NT - y_NT.mean(0)) / 60
    mapped_NT = (skeleton_ND - mean_D) / deviation_D @ w_DT + y_NT.mean(0)
    expected_NK = mapped_NT / np.linalg.norm(mapped_NT, axis=1, keepdims=True) @ texts.label_KT.T
    found = candidate(toy)
    np.testing.assert_allclose(found.score(clips.features_ND, texts), expected_NK, atol=1e-5)
    assert found.loss == pytest.approx(np.square(x_ND @ w_DT + y_NT.mean(0) - y_NT).sum(1).mean(), rel=1e-5)


def test_a_planted_link_is_found_for_classes_whose_texts_were_never_read(toy):
    clips, texts = toy
    unseen = clips.features_ND[60:]
    guesses = 6 + candidate(toy, lambdas=[0.001]).score(unseen, texts.of([6, 7, 8])).argmax(axis=1)
    assert np.mean(guesses == clips.class_ids[60:]) > 0.8


def test_the_other_senses_of_training_clips_teach_nothing_and_the_hub_of_test_clips_tells_nothing(toy):
    clips, texts = toy
    spoilt = clips.features_ND.copy()
    spoilt[:60, 5:], spoilt[60:, :5] = 3.0, 9.0
    expected = candidate(toy).score(clips.features_ND[60:], texts)
    found = candidate((Clips(spoilt, clips.class_ids, clips.senses), texts)).score(spoilt[60:], texts)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "changed",
    [{"lambdas": [9.0]}, {"text_type": "hands"}, {"scores": "depth"}, {"learns_from": "depth"}],
    ids=str,
)
def test_every_option_changes_the_scores(toy, changed):
    clips, texts = toy
    scores = [found.score(clips.features_ND, texts) for found in (candidate(toy), candidate(toy, **changed))]
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


@pytest.mark.parametrize("key", ["learns_from", "scores"])
def test_a_sense_that_the_features_do_not_join_is_refused(toy, key):
    with pytest.raises(DataError, match=r"no vectors of the sense 'thermal': they join \['hub', 'skeleton', 'depth'\]"):
        candidate(toy, **{key: "thermal"})


def test_features_of_one_encoder_are_refused(toy):
    clips, texts = toy
    with pytest.raises(DataError, match="no vectors of the sense 'skeleton': they are of one encoder; name a fused"):
        candidate((Clips(clips.features_ND, clips.class_ids), texts))


def test_features_that_are_no_whole_senses_are_refused(toy):
    clips, texts = toy
    with pytest.raises(DataError, match="features of 14 numbers are not those of 3 senses"):
        candidate((Clips(clips.features_ND[:, :14], clips.class_ids, clips.senses), texts))


def test_one_sense_twice_is_refused():
    with pytest.raises(ValidationError, match="both 'hub'; that is the method ridge"):
        bind_supervised.Params.model_validate({**PARAMS, "scores": "hub"})
