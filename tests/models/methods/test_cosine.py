"""Cosine against the plain formula; what every method must do is in tests/contracts/test_methods.py."""

# Shapes: N clips, D feature size, K classes.

import numpy as np
import pytest

from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import parse
from pipeline.models.methods import cosine
from pipeline.models.methods.shared import ClassTexts, Clips, unit

RANDOM = np.random.default_rng(0)
TEXTS = ClassTexts((4, 7), *(unit(RANDOM.normal(size=(2, 3)).astype(np.float32)) for _ in range(2)))
CLIPS = Clips(RANDOM.normal(size=(3, 3)).astype(np.float32), (7, 4, 7))


def chosen(text_type="label", clips=CLIPS):
    (candidate,) = cosine.candidates(clips, TEXTS, cosine.Params(text_type=text_type, fusion=None), 0)
    return candidate


def cosines(a_ND, b_KD):
    a_ND, b_KD = a_ND.astype(np.float64), b_KD.astype(np.float64)
    return a_ND @ b_KD.T / np.linalg.norm(a_ND, axis=1)[:, None] / np.linalg.norm(b_KD, axis=1)


@pytest.mark.parametrize(
    ("text_type", "target_KD"), [("label", TEXTS.label_KT), ("mean", TEXTS.label_KT + TEXTS.contexts())]
)
def test_a_score_is_the_cosine_of_clip_and_text(text_type, target_KD):
    expected_NK = cosines(CLIPS.features_ND, target_KD)
    found = chosen(text_type)
    np.testing.assert_allclose(found.score(CLIPS.features_ND, TEXTS), expected_NK, atol=1e-6)
    assert found.loss == pytest.approx(1 - expected_NK[[0, 1, 2], [1, 0, 1]].mean(), abs=1e-6)


def test_features_of_another_space_are_refused_in_one_line():
    wide = Clips(np.ones((1, 5), np.float32), (4,))
    with pytest.raises(DataError, match=r"features of 5 numbers, class texts of 3: .* of the same CLIP") as caught:
        chosen(clips=wide)
    assert "\n" not in str(caught.value)


SENSES = ("hub", "skeleton", "depth")
WEIGHTS = [[1.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.5, 0.3, 0.2]]
JOINED = Clips(RANDOM.normal(size=(3, 9)).astype(np.float32), (7, 4, 7), SENSES)


def fused(clips=JOINED, senses=SENSES, weights=WEIGHTS):
    fusion = {"senses": list(senses), "weights": weights}
    params = cosine.Params.model_validate({"text_type": "label", "fusion": fusion})
    return params, list(cosine.candidates(clips, TEXTS, params, 0))


def test_fused_scores_are_cosines_of_the_weighted_sum_of_unit_vectors():
    params, found = fused()
    assert params.settings == [one.setting for one in found]
    assert params.settings[1] == "0.0 hub + 1.0 skeleton + 2.0 depth"
    assert (params.trains, params.setting_name) == (False, "weights")
    for candidate, weights in zip(found, WEIGHTS, strict=True):
        expected = []
        for clip in JOINED.features_ND.astype(np.float64):
            parts = [clip[3 * s : 3 * s + 3] for s in range(3)]
            total = sum(w * part / np.sqrt(part @ part) for w, part in zip(weights, parts, strict=True))
            expected.append([total @ text / np.sqrt(total @ total) for text in TEXTS.label_KT.astype(np.float64)])
        np.testing.assert_allclose(candidate.score(JOINED.features_ND, TEXTS), expected, atol=1e-6)
        assert candidate.loss == pytest.approx(1 - np.mean([expected[n][k] for n, k in enumerate((1, 0, 1))]), abs=1e-6)
        assert candidate.module.state_dict()["fusion"].tolist() == pytest.approx(weights)


def test_all_weight_on_a_sense_is_that_sense_alone():
    _, (alone, *_) = fused()
    hub = Clips(JOINED.features_ND[:, :3].copy(), JOINED.class_ids, ("hub",))
    expected_NK = chosen(clips=hub).score(hub.features_ND, TEXTS)
    np.testing.assert_allclose(alone.score(JOINED.features_ND, TEXTS), expected_NK, atol=1e-6)


@pytest.mark.parametrize("senses", [("skeleton", "hub", "depth"), ("hub", "skeleton", "video")])
def test_senses_in_another_order_or_of_another_name_are_refused(senses):
    with pytest.raises(
        DataError, match=r"fusion joins .* but the features hold \['hub', 'skeleton', 'depth'\]"
    ) as caught:
        fused(senses=senses)
    assert "\n" not in str(caught.value)


def test_features_of_one_encoder_are_not_fused():
    for senses in ((), ("hub",)):
        with pytest.raises(DataError, match="the features are of one encoder; name a fused"):
            fused(clips=Clips(CLIPS.features_ND, CLIPS.class_ids, senses))


def test_features_of_several_senses_are_not_taken_for_one_vector():
    with pytest.raises(DataError, match=r"the features join the senses \['hub', 'skeleton', 'depth'\]; name them"):
        chosen(clips=JOINED)


@pytest.mark.parametrize(
    ("senses", "weights", "words"),
    [
        (["hub"], [[1.0]], "at least 2"),
        (["hub", "hub"], [[1.0, 1.0]], "senses: expected each once"),
        (["hub", "depth"], [], "at least 1"),
        (["hub", "depth"], [[1.0]], "expected 2 numbers each time"),
        (["hub", "depth"], [[0.0, 0.0]], "not all of them 0"),
        (["hub", "depth"], [[1.0, -1.0]], "greater than or equal to 0"),
        (["hub", "depth"], [[1.0, 2.0], [1.0, 2.0]], "each choice once"),
    ],
)
def test_weights_that_are_none_are_refused(senses, weights, words):
    with pytest.raises(ParamsError, match=words):
        parse(cosine.Params, {"text_type": "label", "fusion": {"senses": senses, "weights": weights}}, "test")
