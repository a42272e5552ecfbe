"""The inference modes on numbers small enough to work by hand."""

import numpy as np
import pytest

from pipeline.transfer import inference
from pipeline.transfer.relatedness import unit_rows

CLIPS_NF = unit_rows([[0.8, 0.6], [-1.0, 0.0]], ["x", "y"])
SEEN_SF = unit_rows([[1, 0], [0, 1]], ["jump", "run"])
SEEN_SD = unit_rows([[1, 0, 0], [0, 1, 0]], ["jump", "run"])
TEXT_CD = unit_rows([[0.6, 0.8, 0], [0.8, 0, 0.6]], ["sprint", "hop"])


def test_visual_prototypes_score_by_cosine() -> None:
    scores = inference.visual_prototypes(CLIPS_NF, SEEN_SF)
    assert scores == pytest.approx(np.array([[0.8, 0.6], [-1.0, 0.0]]))


def test_seen_label_then_text_scores_by_the_label_of_the_nearest_seen_class() -> None:
    # clip x is nearest to jump (1, 0, 0), clip y to run (0, 1, 0)
    scores = inference.seen_label_then_text(CLIPS_NF, SEEN_SF, SEEN_SD, TEXT_CD)
    assert scores == pytest.approx(np.array([[0.6, 0.8], [0.8, 0.0]]))


def test_reverse_transfer_composes_a_label_vector_for_the_clip() -> None:
    # clip x: (.8 jump + .6 run) has length 1, so (.8, .6, 0); clip y: no positive cosine, its nearest is run
    scores = inference.reverse_transfer(CLIPS_NF, SEEN_SF, SEEN_SD, TEXT_CD, num_neighbours=None)
    assert scores == pytest.approx(np.array([[0.8 * 0.6 + 0.6 * 0.8, 0.8 * 0.8], [0.8, 0.0]]))


def test_reverse_transfer_reads_only_its_nearest_seen_classes() -> None:
    scores = inference.reverse_transfer(CLIPS_NF, SEEN_SF, SEEN_SD, TEXT_CD, num_neighbours=1)
    assert scores[0] == pytest.approx([0.6, 0.8])
