"""DeViSE's start and its options; tests/models/test_ranking.py has its loss."""

import numpy as np
import pytest
import torch

from pipeline.models.methods import devise
from pipeline.models.methods.shared import ClassTexts, Clips
from tests.models.methods import toy

PARAMS = {**toy.DESCENT, "text_type": "label", "centre": "none", "margin": 0.1}


def test_the_map_standardises_and_ignores_what_was_constant_in_training():
    features_ND = np.array([[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]], np.float32)
    mapping = devise.LinearMap(features_ND, 2)
    torch.nn.init.eye_(mapping.linear.weight)
    mapped_ND = mapping(torch.from_numpy(features_ND + np.array([0.0, 9.0], np.float32)))
    np.testing.assert_allclose(mapped_ND.detach().numpy(), [[-(1.5**0.5), 0], [0, 0], [1.5**0.5, 0]], atol=1e-6)


def test_the_seed_decides_where_training_starts():
    """One batch an epoch, so the order of batches decides nothing."""
    texts = ClassTexts((0, 1), np.eye(2, 5, dtype=np.float32), None)
    clips = Clips(np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32), (0, 1, 0, 1))
    params = devise.Params.model_validate({**PARAMS, "lr": 1e-6, "epochs": 1})
    starts = [
        next(devise.candidates(clips, texts, params, seed)).module.state_dict()["linear.weight"].clone()
        for seed in (0, 1)
    ]
    assert (starts[0] - starts[1]).abs().max() > 0.01


@pytest.mark.parametrize(
    "changed",
    [{"text_type": "hands"}, {"centre": "seen"}, {"margin": 0.5}, *toy.DESCENT_CHANGED],
    ids=str,
)
def test_every_option_changes_the_scores(changed):
    assert toy.change_of_scores(devise, PARAMS, changed) > 1e-5
