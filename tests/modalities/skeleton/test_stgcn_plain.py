"""ST-GCN against the same network written plainly: values, gradients, and the same bytes when it runs again."""

import pytest
import torch

from pipeline.core.joints import LAYOUTS
from pipeline.modalities.skeleton import stgcn
from pipeline.training.determinism import deterministic
from tests.modalities.skeleton import plain_stgcn


def encoder(plan, dtype, dropout=0.0):
    torch.manual_seed(0)
    model = stgcn.Encoder(stgcn.Params(graph="paper", plan=plan, dropout=dropout), LAYOUTS["ntu25"]).to(dtype)
    with torch.no_grad():  # as after some training: no weight and no statistic where it began
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith(("edge_weight_KVW", "running_var")) or ("time.0." in name and name.endswith("weight")):
                value.uniform_(0.5, 1.5)
            elif name.endswith("running_mean"):
                value.normal_(std=0.1)
    return model


def clips(dtype, frames=20):
    x = torch.randn(3, 3, frames, 25, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[1, ..., 1] = 0  # one body
    return x.to(dtype)


def slopes(model, feature_ND):
    weight_ND = torch.randn(feature_ND.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    model.zero_grad()
    (feature_ND * weight_ND.to(feature_ND.dtype)).sum().backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("plan", ["reduced", "full"])
class TestAsPlainlyWritten:
    def test_features_in_single_precision(self, plan, training):
        model, x = encoder(plan, torch.float32).train(training), clips(torch.float32)
        expected = plain_stgcn.features(model, x)
        largest = expected.detach().abs().max().item()
        torch.testing.assert_close(model(x), expected, rtol=1e-5, atol=1e-5 * largest)

    def test_features_and_gradients_in_double(self, plan, training):
        model, x = encoder(plan, torch.float64).train(training), clips(torch.float64)
        expected = plain_stgcn.features(model, x)
        found = model(x)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        # A bias before a normalisation by the batch has no slope but rounding: 1e-9 of the others, which are near 1.
        torch.testing.assert_close(slopes(model, found), slopes(model, expected), rtol=1e-9, atol=1e-9)


def test_gradients_in_single_precision():
    model = encoder("reduced", torch.float32).eval()
    exact = encoder("reduced", torch.float64).eval()
    exact.load_state_dict(model.state_dict())
    found = slopes(model, model(clips(torch.float32)))
    expected = slopes(exact, plain_stgcn.features(exact, clips(torch.float64)))
    for name, slope in expected.items():
        scale = slope.abs().max().item()
        torch.testing.assert_close(found[name].double(), slope, rtol=1e-4, atol=1e-5 * scale)


def test_the_same_seed_gives_the_same_bytes():
    def run():
        with deterministic(3, 1):
            model = encoder("reduced", torch.float32, dropout=0.3)
            feature_ND = model(clips(torch.float32))
            return feature_ND.detach(), slopes(model, feature_ND)

    (first, its), (second, their) = run(), run()
    assert torch.equal(first, second)
    assert all(torch.equal(slope, their[name]) for name, slope in its.items())
