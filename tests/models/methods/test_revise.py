"""ReViSE's loss against formulas written by hand in double precision, and its options."""

# Shapes: B clips of a batch, C size of a code, D feature size.
import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.models.methods import revise
from pipeline.models.methods.shared import Clips, unit
from tests.models.methods import toy

PARAMS = {
    **toy.DESCENT,
    "text_type": "label",
    "centre": "none",
    "features": "log1p",
    "rectified": True,
    "text_hidden": 7,
    "code_dim": 8,
    "common_dim": 3,
    "margin": 0.3,
    "contraction": 1e-4,
    "kernel": 1.5,
}


def side(x, autoencoder, last):
    """Code, rebuilt input and common vector of one side."""
    encoder, decoder = toy.layers(autoencoder.encoder), toy.layers(autoencoder.decoder)
    code = x
    for weights in encoder:
        code = toy.through(code, weights, toy.relu)
    rebuilt = code
    for number, weights in enumerate(decoder):
        rebuilt = toy.through(rebuilt, weights, last if number == len(decoder) - 1 else toy.relu)
    return code, rebuilt, toy.through(code, toy.layers(autoencoder.common)[0], np.tanh)


def discrepancy(one, other, kernel):
    def mean(left, right):
        return np.mean([[np.exp(-kernel * ((a - b) ** 2).sum()) for b in right] for a in left])

    return mean(one, one) + mean(other, other) - 2 * mean(one, other)


@pytest.mark.parametrize(
    "changed",
    [{}, {"rectified": False}, {"text_hidden": None}, {"contraction": 2.0, "kernel": 0.2, "margin": 1.0}],
    ids=str,
)
def test_the_loss_is_the_sum_of_its_four_terms(changed):
    clips, texts = toy.task()
    params = revise.Params.model_validate({**PARAMS, **changed})
    torch.manual_seed(0)
    model = revise.ReViSE(params, clips.features_ND, toy.T).double()
    rows = [0, 3, 4, 6, 7]
    labels = [clips.class_ids[row] for row in rows]
    last = toy.relu if params.rectified else toy.same

    x_BD = np.log1p(clips.features_ND[rows].astype(np.float64))
    text_KT = texts.label_KT.astype(np.float64)
    code_BC, rebuilt_BD, common_BH = side(x_BD, model.visual, last)
    text_code_KC, text_rebuilt_KT, text_common_KH = side(text_KT, model.text, last)
    weight_CD = toy.layers(model.visual.encoder)[0][0]
    steepness = np.mean([((row > 0)[:, None] * weight_CD**2).sum() for row in code_BC])
    expected = (
        toy.hinge(common_BH @ text_common_KH.T, labels, params.margin)
        + ((rebuilt_BD - x_BD) ** 2).mean()
        + params.contraction * steepness
        + ((text_rebuilt_KT - text_KT)[labels] ** 2).mean()
        + discrepancy(code_BC, text_code_KC[labels], params.kernel)
    )
    features_BD = torch.from_numpy(clips.features_ND[rows].astype(np.float64))
    found = revise.batch_loss(model, params, features_BD, torch.from_numpy(text_KT), torch.tensor(labels))
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_steepness_is_the_squared_jacobian_of_the_code():
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(torch.nn.Linear(toy.D, 8), torch.nn.ReLU()).double()
    x_BD = torch.randn(5, toy.D, dtype=torch.float64)
    expected = np.mean([torch.autograd.functional.jacobian(encoder, x_D).square().sum().item() for x_D in x_BD])
    assert revise.steepness(encoder(x_BD), encoder[0].weight).item() == pytest.approx(expected, rel=1e-12)


def test_two_samples_of_the_same_numbers_do_not_differ():
    one_BC = torch.randn(6, 3, dtype=torch.float64)
    assert revise.discrepancy(one_BC, one_BC.flip(0), 2.0).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("changed", [{}, {"rectified": False, "text_hidden": None, "features": "raw"}], ids=str)
def test_scores_are_products_of_the_common_vectors(changed):
    clips, texts = toy.task()
    candidate = toy.trained(revise, PARAMS, **changed)
    model = candidate.module.model
    x_ND = clips.features_ND.astype(np.float64)
    clip_NH = side(x_ND if changed else np.log1p(x_ND), model.visual, toy.relu)[2]
    class_KH = side(texts.label_KT.astype(np.float64), model.text, toy.relu)[2]
    np.testing.assert_allclose(candidate.score(clips.features_ND, texts), clip_NH @ class_KH.T, atol=1e-6)
    found = candidate.explain(clips.features_ND, texts)
    np.testing.assert_allclose(found["vectors"], unit(clip_NH.astype(np.float32)), atol=1e-5)
    np.testing.assert_allclose(found["text_vectors"], unit(class_KH.astype(np.float32)), atol=1e-5)


def test_nothing_is_rebuilt_to_score():
    clips, texts = toy.task()
    candidate = toy.trained(revise, PARAMS)
    for side in (candidate.module.model.visual, candidate.module.model.text):
        side.decoder.register_forward_pre_hook(lambda *_: pytest.fail("an input is rebuilt"))
    assert candidate.score(clips.features_ND, texts).shape == (toy.N, toy.K)


def test_its_cost_is_that_of_the_layers_that_score():
    cost = toy.trained(revise, PARAMS).cost(10)
    visual = (toy.D * 8 + 8) + (8 * toy.D + toy.D) + (8 * 3 + 3)
    text = (toy.T * 7 + 7 + 7 * 8 + 8) + (8 * 7 + 7 + 7 * toy.T + toy.T) + (8 * 3 + 3)
    assert (cost.num_params, cost.macs) == (visual + text, toy.D * 8 + 8 * 3 + 10 * 3)


@pytest.mark.parametrize(
    "changed",
    [
        {"text_type": "hands"},
        {"centre": "seen"},
        {"features": "raw"},
        {"features": "unit"},
        {"features": "standardised"},
        {"rectified": False},
        {"text_hidden": None},
        {"code_dim": 9},
        {"common_dim": 4},
        {"margin": 0.01},
        {"contraction": 0.5},
        {"kernel": 0.1},
        *toy.DESCENT_CHANGED,
    ],
    ids=str,
)
def test_every_option_changes_the_scores(changed):
    assert toy.change_of_scores(revise, PARAMS, changed) > 1e-5


def test_features_that_have_no_logarithm_are_refused():
    clips, texts = toy.task()
    params = revise.Params.model_validate(PARAMS)
    with pytest.raises(DataError, match=r"features: log1p takes the logarithm of 1 \+ x, and the features go down to"):
        next(revise.candidates(Clips(clips.features_ND - 3, clips.class_ids), texts, params, 0))
