"""E2E: a linear map of the mean token, and the squared error of label vectors."""

import pytest
import torch

from pipeline.models.rest import e2e
from tests.models.rest.conftest import encoder


def made(frames=None, dropout=0.0):
    torch.manual_seed(0)
    return e2e.E2E(e2e.E2EParams(kind="e2e", dropout=dropout), frames, 5 if frames is None else frames.dim, 3).eval()


def test_a_clip_is_the_linear_map_of_its_mean_token(tokens):
    model = made()
    expected_NE = tokens["x"].double().mean(dim=1) @ model.regress.weight.double().T + model.regress.bias.double()
    torch.testing.assert_close(model(tokens).double(), expected_NE, rtol=1e-5, atol=1e-6)
    assert torch.equal(model.represent(tokens), model(tokens))


def test_frames_enter_by_their_encoder(pictures):
    net = encoder().eval()
    model = made(net)
    torch.testing.assert_close(model({"x": pictures}), model.regress(net(pictures).mean(dim=1)))


def test_padding_is_not_in_the_mean(tokens):
    model, known_NS = made(), torch.ones(4, 6, dtype=torch.bool)
    known_NS[1, 4:] = False
    found_NE = model({**tokens, "known": known_NS})
    torch.testing.assert_close(found_NE[1:2], model({"x": tokens["x"][1:2, :4]}))
    torch.testing.assert_close(found_NE[2:], model(tokens)[2:])


def test_dropout_is_of_training_alone(tokens):
    assert torch.equal(made(dropout=0.5)(tokens), made()(tokens))
    assert not torch.equal(made(dropout=0.5).train()(tokens), made()(tokens))


def test_the_loss_is_the_mean_squared_error():
    predicted_NE, target_NE = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    total, metrics = e2e.loss(predicted_NE, target_NE)
    assert total.item() == pytest.approx((0 + 4 + 0 + 1) / 4)
    assert metrics["cosine"].item() == pytest.approx((1 / 5**0.5 + 1) / 2)
