"""One call from what is known to scores, against the equations in float64."""

import numpy as np
import pytest

from pipeline.transfer import recognise
from pipeline.transfer.prototypes import Setting
from pipeline.transfer.recognise import Knowledge, Scheme

NAMES = {0: "run", 1: "jump", 2: "hurdle"}
TEXT = {0: np.array([1.0, 0.2], "f4"), 1: np.array([0.1, 1.0], "f4"), 2: np.array([1.0, 0.6], "f4")}


def test_a_composite_is_of_the_seen_classes_means_whatever_their_length() -> None:
    """ResT equation 6 adds the prototypes as they are: a class of long features weighs more than its cosine says."""
    features_NF = np.array([[9.0, 1.0, 0.0], [7.0, 0.0, 1.0], [0.0, 1.0, 0.5]], dtype=np.float32)
    known = Knowledge(NAMES, TEXT, features_NF, [0, 0, 1])
    clips_NF = np.eye(3, dtype=np.float32)
    scheme = Scheme("visual_prototypes", "row", None)
    found = recognise.scores(known, [0, 1], [2], clips_NF, Setting(2, None, 0.0), scheme)
    text = {c: vector.astype(np.float64) / np.linalg.norm(vector.astype(np.float64)) for c, vector in TEXT.items()}
    means_SF = np.array([[8.0, 0.5, 0.5], [0.0, 1.0, 0.5]])
    cosine_S = np.array([text[2] @ text[0], text[2] @ text[1]])
    composed_F = cosine_S @ means_SF / cosine_S.sum()
    rows_CF = np.vstack([means_SF, composed_F])
    expected_NC = (rows_CF / np.linalg.norm(rows_CF, axis=1, keepdims=True)).T
    assert found.values_NC == pytest.approx(expected_NC, abs=1e-6)
