"""The closed forms against their normal equations, solved clip by clip and class by class in float64."""

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.core.errors import DataError
from pipeline.core.measures import MEASURES
from pipeline.models import closed_forms
from pipeline.models.methods import eszsl, ours, prototypes
from pipeline.models.methods.shared import ClassTexts, Clips, unit
from pipeline.text.prompts import TOLD

SEEN, ALL = range(5), range(8)
M = len(MEASURES)
CLIP = 1.5


@pytest.fixture
def toy():
    random = np.random.default_rng(1)
    label_KT, context_KT, told_KM = (unit(random.normal(size=(8, size)).astype(np.float32)) for size in (4, 4, M))
    features_ND = (3 + 2 * random.normal(size=(40, M + 6))).astype(np.float32)
    clips = Clips(features_ND, tuple(random.integers(0, 5, 35).tolist()) + tuple(SEEN), (), MEASURES)
    return clips, ClassTexts(tuple(ALL), label_KT, context_KT, {TOLD: told_KM})


def scaled(features_ND):
    x = features_ND.astype(np.float64)
    return np.clip((x - x.mean(0)) / x.std(0), -CLIP, CLIP)


def centred(texts, vectors_KT):
    """Unit vectors about the mean of the seen classes."""
    shifted = vectors_KT.astype(np.float64) - vectors_KT[list(SEEN)].astype(np.float64).mean(0)
    return shifted / np.linalg.norm(shifted, axis=1, keepdims=True)


COMMON = {"text_type": "context", "centre": "seen", "clip": CLIP}
FORMS = {
    "prototypes": (prototypes, {**COMMON, "gammas": [0.5]}),
    "eszsl": (eszsl, {**COMMON, "lambdas": [0.3], "text_penalty": 0.7}),
    "ours": (
        ours,
        {
            **COMMON,
            "lambdas": [0.3],
            "scorers": ["ridge", "prototypes", "eszsl", "measured"],
            "gamma": 0.5,
            "text_penalty": 0.7,
        },
    ),
}


def candidate(toy, name, **changed):
    member, params = FORMS[name]
    return next(member.candidates(*toy, member.Params.model_validate({**params, **changed}), 0))


def expected_ridge(clips, texts):
    x_ND, text_KT = scaled(clips.features_ND), centred(texts, texts.context_KT)
    y_NT = text_KT[list(clips.class_ids)]
    rows = np.vstack([x_ND / np.sqrt(len(x_ND)), np.sqrt(0.3) * np.eye(x_ND.shape[1])])
    targets = np.vstack([(y_NT - y_NT.mean(0)) / np.sqrt(len(x_ND)), np.zeros((x_ND.shape[1], 4))])
    w_DT, *_ = np.linalg.lstsq(rows, targets)
    mapped_NT = x_ND @ w_DT + y_NT.mean(0)
    return mapped_NT @ text_KT.T / np.linalg.norm(mapped_NT, axis=1, keepdims=True)


def expected_prototypes(clips, texts):
    """The weights minimise |t - sum w_s s|^2 + gamma |w|^2, which least squares of the extended system give."""
    x_ND, text_KT = scaled(clips.features_ND), centred(texts, texts.context_KT)
    label_N = np.array(clips.class_ids)
    mean_SD = np.stack([x_ND[label_N == s].mean(0) for s in SEEN])
    found = (candidate(toy, name), candidate(toy, name, **changed))
    assert not np.allclose(*(some.score(clips.features_ND, texts) for some in found), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("prototypes", {"gammas": [1.0, 0.5]}, "ascending"),
        ("ours", {"scorers": ["ridge", "ridge"]}, "each scorer once"),
        ("ours", {"scorers": []}, "at least 1 item"),
    ],
)
def test_params_that_mean_nothing_are_refused(toy, name, changed, message):
    with pytest.raises(ValidationError, match=message):
        candidate(toy, name, **changed)


def test_features_that_measure_no_movements_are_refused(toy):
    clips, texts = toy
    without = Clips(clips.features_ND, clips.class_ids)
    with pytest.raises(DataError, match="hold no measured movements"):
        candidate((without, texts), "ours")
    assert candidate((without, texts), "ours", scorers=["ridge"]).loss >= 0


def test_texts_that_tell_no_movements_are_refused_with_what_there_is(toy):
    clips, texts = toy
    with pytest.raises(DataError, match="no type 'told'; they have label, context"):
        candidate((clips, ClassTexts(texts.class_ids, texts.label_KT, texts.context_KT)), "ours")


def test_one_class_alone_scores_zero():
    np.testing.assert_array_equal(closed_forms.z_scores(np.array([[0.4], [2.0]], np.float32)), [[0], [0]])


def test_a_wild_number_decides_no_more_than_the_clipping_lets_it(toy):
    clips, texts = toy
    found = candidate(toy, "ours", scorers=["ridge"])
    wild_ND = clips.features_ND[:1].repeat(2, axis=0)
    wild_ND[:, -1] = [1e3, 1e6]
    score_NK = found.score(wild_ND, texts)
    np.testing.assert_allclose(score_NK[0], score_NK[1], atol=1e-6)


def test_the_cost_is_what_the_arrays_say(toy):
    d = M + 6
    assert candidate(toy, "prototypes").cost(7) == closed_forms.Cost(5 * d, 7 * d)
    assert candidate(toy, "eszsl").cost(7) == closed_forms.Cost(d * 4 + 4, d * 4 + 7 * 4)
    parts = [candidate(toy, "ours", scorers=[name]).cost(7) for name in EXPECTED]
    whole = candidate(toy, "ours").cost(7)
    assert (whole.num_params, whole.macs) == (sum(c.num_params for c in parts), sum(c.macs for c in parts))
