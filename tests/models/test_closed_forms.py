"""The closed forms against their normal equations, solved clip by clip and class by class in float64."""

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.core.errors import DataError
from pipeline.core.measures import MEASURES
from pipeline.models import closed_forms
from pipeline.models.methods import eszsl, ours, prototypes
from pipeline.models.methods.shared import ClassTexts, Clips, unit
from pipeline.text.prompts import MOVEMENT, TOLD_MEASURES

SEEN, ALL = range(5), range(8)
M = len(MEASURES)
CLIP = 1.5


@pytest.fixture
def toy():
    random = np.random.default_rng(1)
    label_KT, context_KT, told_KM = (unit(random.normal(size=(8, size)).astype(np.float32)) for size in (4, 4, M))
    features_ND = (3 + 2 * random.normal(size=(40, M + 6))).astype(np.float32)
    clips = Clips(features_ND, tuple(random.integers(0, 5, 35).tolist()) + tuple(SEEN), (), MEASURES)
    return clips, ClassTexts(tuple(ALL), label_KT, context_KT, {TOLD_MEASURES: told_KM})


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
    scores = []
    for text_T in text_KT:
        rows = np.vstack([text_KT[list(SEEN)].T, np.sqrt(0.5) * np.eye(5)])
        w_S, *_ = np.linalg.lstsq(rows, np.r_[text_T, np.zeros(5)])
        prototype_D = w_S @ mean_SD
        scores.append(x_ND @ prototype_D / np.linalg.norm(x_ND, axis=1) / np.linalg.norm(prototype_D))
    return np.array(scores).T


def expected_eszsl(clips, texts):
    """V minimises |X V S' - Y|^2 + p N |V S'|^2 + q |X V|^2 + p N q |V|^2: its gradient is zero there."""
    x_ND, text_KT = scaled(clips.features_ND), centred(texts, texts.context_KT)
    text_ST = text_KT[list(SEEN)]
    y_NS = np.where(np.array(clips.class_ids)[:, None] == np.array(SEEN), 1.0, -1.0)
    left_DD = x_ND.T @ x_ND + 0.3 * len(x_ND) * np.eye(x_ND.shape[1])
    right_TT = text_ST.T @ text_ST + 0.7 * np.eye(4)
    v_DT = np.linalg.inv(left_DD) @ x_ND.T @ y_NS @ text_ST @ np.linalg.inv(right_TT)
    return x_ND @ v_DT @ text_KT.T


def expected_measured(clips, texts):
    label_N, shown_NM = np.array(clips.class_ids), clips.features_ND[:, :M].astype(np.float64)
    mean_SM = np.stack([shown_NM[label_N == s].mean(0) for s in SEEN])
    told_KM = texts.further[TOLD_MEASURES].astype(np.float64)
    z_NM = np.clip((shown_NM - mean_SM.mean(0)) / mean_SM.std(0), -3, 3)
    z_KM = np.clip((told_KM - told_KM[:5].mean(0)) / np.maximum(told_KM[:5].std(0), 0.1), -3, 3)
    lengths = np.linalg.norm(z_NM, axis=1)[:, None] * np.linalg.norm(z_KM, axis=1)
    return z_NM @ z_KM.T / lengths


EXPECTED = {
    "ridge": expected_ridge,
    "prototypes": expected_prototypes,
    "eszsl": expected_eszsl,
    "measured": expected_measured,
}


@pytest.mark.parametrize("name", ["prototypes", "eszsl"])
def test_a_form_is_what_its_equations_give(toy, name):
    clips, texts = toy
    found = candidate(toy, name)
    expected_NK = EXPECTED[name](clips, texts)
    np.testing.assert_allclose(found.score(clips.features_ND, texts), expected_NK, atol=1e-5)
    wrong = expected_NK[:, :5].argmax(1) != np.array(clips.class_ids)
    assert found.loss == pytest.approx(wrong.mean())


@pytest.mark.parametrize("names", [["ridge"], ["measured"], ["eszsl", "measured"], list(EXPECTED)], ids="+".join)
def test_ours_is_the_mean_of_its_scorers_z_scores(toy, names):
    clips, texts = toy
    parts = [EXPECTED[name](clips, texts) for name in names]
    z = [(part - part.mean(1, keepdims=True)) / part.std(1, keepdims=True) for part in parts]
    found = candidate(toy, "ours", scorers=names)
    np.testing.assert_allclose(found.score(clips.features_ND, texts), np.mean(z, axis=0), atol=1e-4)
    assert {key.partition(".")[0] for key in found.module.state_dict()} == set(names)


OPTIONS = [
    ("prototypes", {"gammas": [5.0]}),
    ("prototypes", {"clip": 9.0}),
    ("eszsl", {"lambdas": [9.0]}),
    ("eszsl", {"text_penalty": 9.0}),
    ("eszsl", {"clip": 9.0}),
    ("ours", {"scorers": ["ridge"]}),
    ("ours", {"lambdas": [9.0]}),
    ("ours", {"gamma": 9.0}),
    ("ours", {"text_penalty": 9.0}),
    ("ours", {"clip": 9.0}),
    *[(name, {"text_type": "label+context"}) for name in FORMS],
    *[(name, {"centre": "none"}) for name in FORMS],
]


@pytest.mark.parametrize(("name", "changed"), OPTIONS, ids=str)
def test_every_option_changes_the_scores(toy, name, changed):
    clips, texts = toy
    scores = [
        found.score(clips.features_ND, texts) for found in (candidate(toy, name), candidate(toy, name, **changed))
    ]
    assert not np.allclose(*scores, atol=1e-4)


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


def test_a_class_of_which_no_movement_is_told_is_like_the_mean_class(toy):
    """Where a movement is told that no measure is of, as of the head, nothing measured moves; that says something."""
    clips, texts = toy
    told_KM, movement_KA = texts.further[TOLD_MEASURES].copy(), np.ones((8, 3), np.float32)
    told_KM[6:], movement_KA[7] = 0, 0
    texts = ClassTexts(texts.class_ids, texts.label_KT, None, {TOLD_MEASURES: told_KM, MOVEMENT: movement_KA})
    score_NK = closed_forms.fit_measured(clips, texts).scores(clips.features_ND, texts)
    assert not score_NK[:, 7].any()
    assert score_NK[:, 6].all()


def test_rounding_does_not_tell_classes_of_one_text_apart():
    score_NK = np.float32(0.05) + np.arange(6, dtype=np.float32) * np.float32(4e-9)
    assert len(set(score_NK.tolist())) > 1
    np.testing.assert_array_equal(closed_forms.z_scores(score_NK[None]), np.zeros((1, 6)))
    further_NK = 0.05 + 1e-4 * np.arange(6, dtype=np.float32)[None]
    assert closed_forms.z_scores(further_NK).std() == pytest.approx(1, abs=1e-3)


def test_a_wild_number_decides_no_more_than_the_clipping_lets_it(toy):
    clips, texts = toy
    found = candidate(toy, "ours", scorers=["ridge"])
    wild_ND = clips.features_ND[:1].repeat(2, axis=0)
    wild_ND[:, -1] = [1e3, 1e6]
    score_NK = found.score(wild_ND, texts)
    np.testing.assert_allclose(score_NK[0], score_NK[1], atol=1e-6)


def test_ours_explains_itself_by_movements_where_they_take_part(toy):
    clips, texts = toy
    found, alone = candidate(toy, "ours"), candidate(toy, "ours", scorers=["measured"])
    behind = found.explain(clips.features_ND, texts)
    cosine_NK = behind["vectors"] @ behind["text_vectors"].T
    np.testing.assert_array_equal(closed_forms.z_scores(cosine_NK), alone.score(clips.features_ND, texts))
    assert candidate(toy, "ours", scorers=["ridge"]).explain(clips.features_ND, texts) == {}


def test_the_cost_is_what_the_arrays_say(toy):
    d = M + 6
    assert candidate(toy, "prototypes").cost(7) == closed_forms.Cost(5 * d, 7 * d)
    assert candidate(toy, "eszsl").cost(7) == closed_forms.Cost(d * 4 + 4, d * 4 + 7 * 4)
    parts = [candidate(toy, "ours", scorers=[name]).cost(7) for name in EXPECTED]
    whole = candidate(toy, "ours").cost(7)
    assert (whole.num_params, whole.macs) == (sum(c.num_params for c in parts), sum(c.macs for c in parts))
