"""Ranking losses against loops, in double precision."""

import numpy as np
import pytest
import torch

from pipeline.models import ranking
from pipeline.models.methods.shared import unit


def test_the_loss_is_the_hinge_over_all_wrong_labels():
    score_BK = np.random.default_rng(0).normal(size=(6, 4))
    label_B = [0, 3, 3, 1, 2, 0]
    expected = np.mean(
        [
            sum(max(0.0, 0.1 - score_BK[b, right] + score_BK[b, wrong]) for wrong in range(4) if wrong != right)
            for b, right in enumerate(label_B)
        ]
    )
    found = ranking.rank_loss(torch.from_numpy(score_BK), torch.tensor(label_B), 0.1)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_the_loss_is_0_where_the_label_leads_by_the_margin():
    score_BK = torch.tensor([[1.0, 0.89], [0.2, 0.31]])
    assert ranking.rank_loss(score_BK, torch.tensor([0, 1]), 0.1).item() == 0
    assert ranking.rank_loss(score_BK, torch.tensor([0, 1]), 0.2).item() == pytest.approx(0.09, abs=1e-6)


def hardest(vector_BD, labels):
    """The products with the like and the unlike of every clip, by loops; None for a clip without an unlike."""
    products = vector_BD @ vector_BD.T
    for clip, label in enumerate(labels):
        like = min(products[clip][j] for j, other in enumerate(labels) if other == label)
        unlike = [products[clip][j] for j, other in enumerate(labels) if other != label]
        yield like, max(unlike) if unlike else None


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1, 2], [0, 1, 2, 3, 4, 5]])
@pytest.mark.parametrize("margin", [0.01, 0.5])
def test_a_triplet_is_a_clip_its_least_like_and_its_most_unlike(labels, margin):
    vector_BD = np.random.default_rng(3).normal(size=(6, 4))
    expected = np.mean([max(0.0, margin - like + unlike) for like, unlike in hardest(vector_BD, labels)])
    found = ranking.triplet_loss(torch.from_numpy(vector_BD), torch.tensor(labels), margin)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_clips_of_one_label_are_no_triplets():
    vector_BD = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    loss = ranking.triplet_loss(vector_BD, torch.tensor([2, 2, 2]), 0.3)
    loss.backward()
    assert loss.item() == 0
    assert vector_BD.grad is not None
    assert vector_BD.grad.abs().max() == 0


def test_the_two_that_a_clip_is_compared_with_are_held():
    """Its gradient is their difference, were it mined among held vectors."""
    start_BD = torch.from_numpy(np.random.default_rng(4).normal(size=(4, 3)))
    labels = torch.tensor([0, 0, 1, 1])
    vector_BD = start_BD.clone().requires_grad_()
    ranking.triplet_loss(vector_BD, labels, 100.0).backward()
    products = start_BD @ start_BD.T
    for clip in range(4):
        others = [j for j in range(4) if labels[j] != labels[clip]]
        unlike = max(others, key=lambda j: products[clip, j])
        like = min((j for j in range(4) if labels[j] == labels[clip]), key=lambda j: products[clip, j])
        torch.testing.assert_close(vector_BD.grad[clip], (start_BD[unlike] - start_BD[like]) / 4)


def test_texts_that_are_one_are_found():
    one, other, third = unit(np.random.default_rng(5).normal(size=(3, 7)).astype(np.float32))
    rows, place_K = ranking.distinct(np.stack([other, one, other, third, one]))
    assert (rows.tolist(), place_K.tolist()) == ([0, 1, 3], [0, 1, 0, 2, 1])


def test_texts_that_say_nothing_are_one_with_no_other():
    one, other = unit(np.random.default_rng(5).normal(size=(2, 7)).astype(np.float32))
    rows, place_K = ranking.distinct(np.stack([one, np.zeros_like(one), other, np.zeros_like(one), one]))
    assert (rows.tolist(), place_K.tolist()) == ([0, 1, 2, 3], [0, 1, 2, 3, 0])
