"""DeViSE's loss against loops, and its options."""

import numpy as np
import pytest
import torch

from pipeline.models.methods import devise
from pipeline.models.methods.shared import ClassTexts, Clips, unit

PARAMS = {
    "text_type": "label",
    "centre": "none",
    "margin": 0.1,
    "lr": 0.01,
    "weight_decay": 0.0,
    "batch_size": 4,
    "epochs": 3,
    "keep_every": 3,
}


def test_the_loss_is_the_hinge_over_all_wrong_labels():
    score_BK = np.random.default_rng(0).normal(size=(6, 4))
    label_B = [0, 3, 3, 1, 2, 0]
    expected = np.mean(
        [
            sum(max(0.0, 0.1 - score_BK[b, right] + score_BK[b, wrong]) for wrong in range(4) if wrong != right)
            for b, right in enumerate(label_B)
        ]
    )
    found = devise.rank_loss(torch.from_numpy(score_BK), torch.tensor(label_B), 0.1)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_the_loss_is_0_where_the_label_leads_by_the_margin():
    score_BK = torch.tensor([[1.0, 0.89], [0.2, 0.31]])
    assert devise.rank_loss(score_BK, torch.tensor([0, 1]), 0.1).item() == 0
    assert devise.rank_loss(score_BK, torch.tensor([0, 1]), 0.2).item() == pytest.approx(0.09, abs=1e-6)


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
    [
        {"text_type": "hands"},
        {"centre": "seen"},
        {"margin": 0.5},
        {"lr": 0.02},
        {"weight_decay": 0.5},
        {"batch_size": 9},
        {"epochs": 2},
    ],
    ids=str,
)
def test_every_option_changes_the_scores(changed):
    random = np.random.default_rng(1)
    label_KT, hands_KT = (unit(random.normal(size=(4, 5)).astype(np.float32)) for _ in range(2))
    texts = ClassTexts(tuple(range(4)), label_KT, None, {"hands": hands_KT})
    clips = Clips(random.normal(size=(9, 6)).astype(np.float32), (0, 1, 2, 3, 0, 1, 2, 3, 0))

    def scored(**params):
        *_, candidate = devise.candidates(clips, texts, devise.Params.model_validate(params), 0)
        return candidate.score(clips.features_ND, texts)

    assert np.abs(scored(**PARAMS) - scored(**{**PARAMS, **changed})).max() > 1e-5
