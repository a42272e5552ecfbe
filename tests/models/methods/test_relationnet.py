"""RelationNet's relations and loss against formulas written by hand in double precision, and its options."""

# Shapes: N clips, K classes.
import numpy as np
import pytest
import torch

from pipeline.models.methods import relationnet
from tests.models.methods import toy

PARAMS = {**toy.DESCENT, "text_type": "label", "centre": "none", "features": "raw", "hidden_dim": 7}


def relations(model, x_ND, text_KT):
    """Every clip beside every class, end to end, the text's part first."""
    attribute_KD = text_KT
    for weights in toy.layers(model.attribute):
        attribute_KD = toy.through(attribute_KD, weights, toy.relu)
    [joined], [last] = toy.layers(model.joined), toy.layers(model.relation)
    pairs = [[np.concatenate([attribute_D, x_D]) for attribute_D in attribute_KD] for x_D in x_ND]
    hidden_NKH = toy.through(np.array(pairs), joined, toy.relu)
    return toy.through(hidden_NKH, last, lambda logit: 1 / (1 + np.exp(-logit)))[..., 0]


def test_the_loss_is_the_squared_distance_to_one_hot_over_the_classes_of_the_batch():
    clips, texts = toy.task()
    params = relationnet.Params.model_validate(PARAMS)
    torch.manual_seed(0)
    model = relationnet.RelationNet(params, clips.features_ND, toy.T).double()
    rows = [1, 3, 5, 0]  # of classes 1, 3, 1 and 0: class 2 does not occur
    x_BD, text_KT = clips.features_ND[rows].astype(np.float64), texts.label_KT.astype(np.float64)
    labels = [clips.class_ids[row] for row in rows]
    relation_BC = relations(model, x_BD, text_KT[[0, 1, 3]])
    expected = ((relation_BC - np.array([[0, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]])) ** 2).mean()
    found = relationnet.batch_loss(model, torch.from_numpy(x_BD), torch.from_numpy(text_KT), torch.tensor(labels))
    assert found.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("block", [1, 10_000], ids=["one clip at a time", "all at once"])
def test_scores_are_the_relations(monkeypatch, block):
    monkeypatch.setattr(relationnet, "_NUMBERS_IN_BLOCK", block)
    clips, texts = toy.task()
    candidate = toy.trained(relationnet, PARAMS)
    x_ND, text_KT = clips.features_ND.astype(np.float64), texts.label_KT.astype(np.float64)
    expected_NK = relations(candidate.module.model, x_ND, text_KT)
    np.testing.assert_allclose(candidate.score(clips.features_ND, texts), expected_NK, atol=1e-6)
    np.testing.assert_allclose(candidate.explain(clips.features_ND, texts)["direct"], expected_NK, atol=1e-6)


def test_its_cost_is_that_of_the_layers_that_score():
    cost = toy.trained(relationnet, PARAMS).cost(10)
    attribute = (toy.T * 7 + 7) + (7 * toy.D + toy.D)
    relation = (2 * toy.D * 7 + 7) + (7 + 1)
    assert (cost.num_params, cost.macs) == (attribute + relation, toy.D * 7 + 10 * 7)


@pytest.mark.parametrize(
    "changed",
    [
        {"text_type": "hands"},
        {"centre": "seen"},
        {"features": "standardised"},
        {"features": "unit"},
        {"features": "log1p"},
        {"hidden_dim": 8},
        *toy.DESCENT_CHANGED,
    ],
    ids=str,
)
def test_every_option_changes_the_scores(changed):
    assert toy.change_of_scores(relationnet, PARAMS, changed) > 1e-5
