"""PGFA against plain loops; what every method must do is in tests/contracts/test_methods.py."""

# Shapes: N clips, D feature size, K classes.
import math

import numpy as np
import pytest

from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import parse
from pipeline.models.methods import pgfa
from pipeline.models.methods.shared import ClassTexts, Clips, unit

RANDOM = np.random.default_rng(1)
TEXTS = ClassTexts(tuple(range(4)), *(unit(RANDOM.normal(size=(4, 6)).astype(np.float32)) for _ in range(2)))
FEATURES = RANDOM.normal(size=(40, 6)).astype(np.float32)
CLIPS = Clips(FEATURES, tuple(i % 4 for i in range(40)))


def params(share=0.5, scale=5.0, **changes):
    prototypes = None if share is None else {"support_factors": [share], "scale": scale}
    told = {"text_type": "label", "centre": "none", "prototypes": prototypes}
    return parse(pgfa.Params, told | changes, "pgfa")


def chosen(texts=TEXTS, clips=CLIPS, **changes):
    (candidate,) = pgfa.candidates(clips, texts, params(**changes), 0)
    return candidate


def by_loops(features, targets, share, scale):
    """In float64: named by text, of each name the surest clips averaged, named again."""
    clips = [row / math.sqrt(sum(v * v for v in row)) for row in features.astype(np.float64)]
    texts = [row / math.sqrt(sum(v * v for v in row)) for row in targets.astype(np.float64)]
    members = {k: [] for k in range(len(texts))}
    for clip in clips:
        logits = [scale * float(clip @ text) for text in texts]
        total = sum(math.exp(logit) for logit in logits)
        probabilities = [math.exp(logit) / total for logit in logits]
        entropy = -sum(p * math.log(p) for p in probabilities)
        members[logits.index(max(logits))].append((entropy, clip))
    found = []
    for k, text in enumerate(texts):
        ranked = [clip for _, clip in sorted(members[k], key=lambda pair: pair[0])]
        kept = ranked[: int(share * len(ranked) + 1e-9)]
        mean = sum(kept) / len(kept) if kept else text
        found.append(mean / math.sqrt(float(mean @ mean)))
    return np.array([[float(clip @ one) for one in found] for clip in clips])


@pytest.mark.parametrize("share", [0.2, 0.4, 0.9, 1.0])
@pytest.mark.parametrize("scale", [2.0, 14.3])
def test_scores_are_cosines_with_the_mean_of_the_surest_of_those_called_so(share, scale):
    found = chosen(share=share, scale=scale).score(FEATURES, TEXTS)
    np.testing.assert_allclose(found, by_loops(FEATURES, TEXTS.label_KT, share, scale), atol=1e-5)


def test_the_plain_figure_is_the_cosine_with_the_text_as_it_is_worded():
    centred = unit(TEXTS.label_KT - TEXTS.label_KT.mean(axis=0))
    for centre, target_KD in (("none", TEXTS.label_KT), ("seen", centred)):
        found = chosen(share=None, centre=centre)
        np.testing.assert_allclose(found.score(FEATURES, TEXTS), unit(FEATURES) @ target_KD.T, atol=1e-5)
    context = chosen(share=None, text_type="context").score(FEATURES, TEXTS)
    np.testing.assert_allclose(context, unit(FEATURES) @ TEXTS.contexts().T, atol=1e-5)


@pytest.mark.parametrize("change", [{"share": 0.3}, {"scale": 30.0}, {"centre": "seen"}, {"text_type": "context"}])
def test_every_option_changes_the_scores(change):
    usual, other = chosen().score(FEATURES, TEXTS), chosen(**change).score(FEATURES, TEXTS)
    assert not np.allclose(usual, other)


def planted(num=60):
    """Six classes whose clips lie off their texts, all in one direction: the texts confuse the neighbours."""
    random = np.random.default_rng(7)
    texts_KD = unit(random.normal(size=(6, 16)).astype(np.float32))
    off_KD = 0.9 * unit(random.normal(size=(6, 16)).astype(np.float32))
    labels = np.repeat(np.arange(6), num)
    noise_ND = 0.22 * random.normal(size=(len(labels), 16))
    features_ND = (texts_KD[labels] + off_KD[labels] + noise_ND).astype(np.float32)
    return ClassTexts(tuple(range(6)), texts_KD, None), features_ND, labels


def top1(share):
    texts, features_ND, labels = planted()
    candidate = chosen(texts, Clips(features_ND, tuple(labels.tolist())), share=share, scale=1 / 0.07)
    return float(np.mean(candidate.score(features_ND, texts).argmax(axis=1) == labels))


def test_prototypes_mend_what_lies_off_its_text():
    assert chosen().loss == chosen(share=None).loss
    assert top1(None) < 0.97
    assert top1(0.9) > top1(None) + 0.02


def test_the_order_of_the_clips_changes_no_bit():
    found = chosen(share=0.4)
    order = np.random.default_rng(2).permutation(len(FEATURES))
    assert found.score(FEATURES[order], TEXTS).tobytes() == found.score(FEATURES, TEXTS)[order].tobytes()


def test_a_class_that_no_clip_is_called_keeps_its_text():
    towards = np.repeat(TEXTS.label_KT[[1]], 8, axis=0) + 0.01 * RANDOM.normal(size=(8, 6)).astype(np.float32)
    found = chosen(share=1.0).score(towards, TEXTS)
    plain = chosen(share=None).score(towards, TEXTS)
    assert set(plain.argmax(axis=1)) == {1}
    np.testing.assert_allclose(found[:, [0, 2, 3]], plain[:, [0, 2, 3]], atol=1e-6)
    assert not np.allclose(found[:, 1], plain[:, 1], atol=1e-6)


def test_a_single_clip_is_named_by_text():
    """A share of one clip below 1 is none; all of it is the clip itself, which is called what it was called."""
    plain = chosen(share=None).score(FEATURES[:1], TEXTS)
    np.testing.assert_allclose(chosen(share=0.9).score(FEATURES[:1], TEXTS), plain, atol=1e-6)
    alone = chosen(share=1.0).score(FEATURES[:1], TEXTS)
    assert alone.argmax() == plain.argmax()
    assert alone.max() == pytest.approx(1, abs=1e-6)


def test_no_clip_and_a_clip_of_zeros_are_scored():
    assert chosen().score(FEATURES[:0], TEXTS).shape == (0, 4)
    found = chosen(share=1.0).score(np.concatenate([FEATURES[:3], np.zeros((2, 6), np.float32)]), TEXTS)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("share", "num_called", "num_kept"),
    [(0.29, 100, 29), (0.9, 10, 9), (0.4, 2, 0), (1.0, 7, 7), (0.7, 10, 7), (0.5, 3, 1)],
)
def test_a_share_is_rounded_down_and_not_by_chance(share, num_called, num_kept):
    angles = np.linspace(0.01, 0.5, num_called)
    unit_ND = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found_KD = pgfa.prototypes(unit_ND, np.eye(2), share, 10.0)
    expected_D = unit_ND[:num_kept].mean(axis=0) if num_kept else np.array([1.0, 0.0])
    np.testing.assert_allclose(found_KD[0], expected_D / np.linalg.norm(expected_D), atol=1e-12)


def test_shares_are_candidates_and_say_that_clips_are_scored_together():
    several = params(prototypes={"support_factors": [0.4, 0.9, 1.0], "scale": 14.3})
    assert (
        [one.setting for one in pgfa.candidates(CLIPS, TEXTS, several, 0)] == several.settings == ["0.4", "0.9", "1.0"]
    )
    assert (several.transductive, several.setting_name) == (True, "share of the clips")
    assert (params(None).transductive, params(None).settings) == (False, ["0"])


@pytest.mark.parametrize("wrong", [{"support_factors": [0.9, 0.4]}, {"support_factors": [0.5, 0.5]}])
def test_shares_stand_once_and_ascend(wrong):
    with pytest.raises(ParamsError, match=r"support_factors.*ascending values, each once"):
        params(prototypes={"scale": 1.0, **wrong})


@pytest.mark.parametrize("wrong", [[], [0.0], [1.1]])
def test_shares_are_shares(wrong):
    with pytest.raises(ParamsError, match="support_factors"):
        params(prototypes={"scale": 1.0, "support_factors": wrong})


@pytest.mark.parametrize("share", [None, 0.9])
def test_features_of_another_space_are_refused_in_one_line(share):
    with pytest.raises(DataError, match=r"pgfa: features of 5 numbers, class texts of 6: .* text\.keep_map") as caught:
        chosen(share=share).score(np.ones((2, 5), np.float32), TEXTS)
    assert "\n" not in str(caught.value)
