"""Cosine against the plain formula; what every method must do is in tests/contracts/test_methods.py."""

# Shapes: N clips, D feature size, K classes.
import subprocess
import sys

import numpy as np
import pytest

from pipeline.core.errors import DataError
from pipeline.models.methods import cosine
from pipeline.models.methods.shared import ClassTexts, Clips, unit

RANDOM = np.random.default_rng(0)
TEXTS = ClassTexts((4, 7), *(unit(RANDOM.normal(size=(2, 3)).astype(np.float32)) for _ in range(2)))
CLIPS = Clips(RANDOM.normal(size=(3, 3)).astype(np.float32), (7, 4, 7))


def chosen(text_type="label", clips=CLIPS):
    (candidate,) = cosine.candidates(clips, TEXTS, cosine.Params(text_type=text_type), 0)
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


def test_it_starts_without_torch():
    code = "import sys; import pipeline.models.methods.cosine; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
