"""The parts of DVTA against loops and NumPy in float64, written from the paper's equations, and their sizes."""

# Shapes: B clips, D feature size, K classes, T = H text size, S texts of a class.
import numpy as np
import pytest
import torch

from pipeline.models import dense
from pipeline.models.dvta import blending, cost, network, projectors
from pipeline.models.dvta.params import SdeParams
from tests.models.dvta import plain

B, K, D, T = 7, 4, 6, 5
PAPER_SDE = SdeParams.model_validate(plain.VARIANT["sde"])


def double(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def built(feature_dim=D, text_dim=T, **changed):
    torch.manual_seed(3)
    return network.DVTA(plain.params_of(**changed), feature_dim=feature_dim, text_dim=text_dim)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def leaky(x, gamma):
    return 1 / (1 + np.exp(-x)) if x > 0 else gamma * np.exp(gamma * x)


def test_the_size_for_768_dimensional_texts_is_the_papers():
    model = built(256, 768)
    parts = [dense.num_params(part) for part in (model.visual, model.text, model.metric, model)]
    assert parts == [755_584, 590_592, 3_542_017, 4_888_194]


def test_the_size_of_the_released_network_is_that_of_its_code():
    """Two temperatures; one class is what Table 9 counts as its "FLOPs"."""
    model = built(256, 768, **plain.RELEASED)
    assert dense.num_params(model) == 4_888_195
    assert cost.weight_macs(model, 1) == 4_883_200
    assert cost.weight_macs(model, 10) == 753_664 + 10 * (589_824 + 3_539_712) == 42_049_024


@pytest.mark.parametrize(
    ("changed", "per_clip", "per_class"),
    [
        ({}, 36 + 36 + 36 + 30, 10 * 10 + 10 * 5 + 5 + 5 + 4 * 5),
        ({"visual": "linear"}, 30, 10 * 10 + 10 * 5 + 5 + 5 + 4 * 5),
        ({"augmented": None}, 138, 5 + 4 * 5),
        ({"augmented": None, "sde": None}, 138, 5),
        ({"direct": False, "sde": None}, 138, 10 * 10 + 10 * 5 + 5),
        ({"sde": plain.RELEASED["sde"]}, 138, 25 + 10 * 10 + 10 * 5 + 5 + 5 + 4 * 5),
    ],
    ids=str,
)
def test_what_a_clip_costs_follows_the_formulas(changed, per_clip, per_class):
    model = built(**changed)
    assert [cost.macs(model, num_classes) for num_classes in (1, 8)] == [per_clip + n * per_class for n in (1, 8)]


@pytest.mark.parametrize(
    ("dims", "widths"),
    [((256, 768), [256, 384, 512, 768]), ((256, 384), [256, 288, 320, 384]), ((512, 384), [512, 480, 448, 384])],
)
def test_the_visual_projector_widens_or_narrows_step_by_step(dims, widths):
    projector = projectors.VisualProjector(*dims)
    linear = [projector.residual, *(layer for layer in projector.rest if isinstance(layer, torch.nn.Linear))]
    assert [layer.out_features for layer in linear] == widths


def test_the_visual_projector_is_an_mlp_with_a_residual_first_layer():
    torch.manual_seed(0)
    projector = projectors.VisualProjector(D, T).double()
    linear = [projector.residual, *(layer for layer in projector.rest if isinstance(layer, torch.nn.Linear))]
    v_BD = double(B, D).numpy()
    w, b = ([getattr(layer, name).detach().numpy() for layer in linear] for name in ("weight", "bias"))
    hidden = np.maximum(v_BD + v_BD @ w[0].T + b[0], 0)
    hidden = np.maximum(hidden @ w[1].T + b[1], 0)
    hidden = np.maximum(hidden @ w[2].T + b[2], 0)
    found = projector(torch.from_numpy(v_BD)).detach().numpy()
    np.testing.assert_allclose(found, hidden @ w[3].T + b[3], rtol=1e-10)


def test_leaky_sigmoid_is_equation_7_with_its_jump_at_0():
    x = torch.tensor([-1e4, -3.0, 0.0, 1e-9, 2.0], dtype=torch.float64)
    expected = [leaky(value, 0.01) for value in x.tolist()]
    np.testing.assert_allclose(network.leaky_sigmoid(x, 0.01).numpy(), expected, rtol=1e-12)
    assert network.leaky_sigmoid(torch.tensor([0.0, 1e-6]), 0.01).tolist() == pytest.approx([0.01, 0.5])


@pytest.mark.parametrize(("x", "slope"), [(-2.0, 1e-4 * np.exp(-0.02)), (0.0, 1e-4), (1.0, 0.1966119), (1e5, 0.0)])
def test_the_slope_of_leaky_sigmoid_never_breaks_off_below_0(x, slope):
    at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    network.leaky_sigmoid(at, 0.01).backward()
    assert at.grad.item() == pytest.approx(slope, rel=1e-5)


def test_sde_is_equation_3_for_every_pair():
    v_BH, text_SKH = double(B, T), double(2, K, T, seed=1)
    found_BKS = blending.attention(v_BH, text_SKH, PAPER_SDE).numpy()
    for b in range(B):
        for k in range(K):
            expected = softmax(v_BH[b].numpy() @ text_SKH[:, k].numpy().T / np.sqrt(T))
            np.testing.assert_allclose(found_BKS[b, k], expected, rtol=1e-10)


def test_the_clip_of_a_column_attends_its_class_as_it_does_among_all():
    v_BH, key_SKH = double(B, T), double(2, K, T, seed=1)
    label_B = torch.tensor([0, 2, 2, 1, 0, 2, 3])
    among_all_BKS = blending.attention(v_BH, key_SKH, PAPER_SDE)
    found_BS = blending.own_attention(v_BH, key_SKH[:, label_B], PAPER_SDE)
    torch.testing.assert_close(found_BS, among_all_BKS[torch.arange(B), label_B])


def test_the_logits_are_those_of_the_paper_pair_by_pair():
    model = built().double()
    v_BD, text_SKT = double(B, D), double(2, K, T, seed=1)
    direct_BK, augmented_BK = model.temperature(model(v_BD, model.texts(text_SKT)).both)
    temperature = model.temperature.value.exp().item()
    for b in range(B):
        v_e = model.visual(v_BD[b : b + 1])[0]
        for k in range(K):
            stack = model.text(text_SKT[:, k])
            t_aug = torch.softmax(stack @ v_e / T**0.5, 0) @ stack
            cosine = (v_e @ t_aug / (v_e.norm() * t_aug.norm())).item()
            hidden = model.metric.first(torch.cat([v_e, t_aug])).relu()
            metric = model.metric.last(model.metric.second(hidden).relu()).item()
            assert direct_BK[b, k].item() == pytest.approx(cosine / temperature)
            assert augmented_BK[b, k].item() == pytest.approx(leaky(metric, 0.01) / temperature)


def test_texts_that_cancel_out_have_the_cosine_0_and_no_slope_that_is_no_number():
    v_BH, text_1H = double(B, T).requires_grad_(), double(1, T)
    text_SKH = torch.stack([text_1H, -text_1H])
    half_BKS = torch.full((B, 1, 2), 0.5, dtype=torch.float64)
    found_BK = blending.blended_cosines(blending.products(v_BH, text_SKH), half_BKS, v_BH, text_SKH)
    found_BK.sum().backward()
    assert found_BK.abs().max() < 1e-6
    assert v_BH.grad.isfinite().all()


@pytest.mark.parametrize("detached", [False, True])
def test_augmented_alignment_trains_the_projectors_unless_it_is_detached(detached):
    model = built(augmented={"activation": "leaky_sigmoid", "gamma": 0.01, "detached": detached}).double()
    found = model(double(B, D), model.texts(double(2, K, T, seed=1)))
    model.temperature(found.both)[1].sum().backward()
    for weight in (model.visual.residual.weight, model.text.weight):
        assert (weight.grad is None) == detached
    assert model.metric.first.weight.grad[:, T:].abs().sum() > 0
    assert model.temperature.value.grad.abs() > 0


def test_no_two_alignments_share_a_temperature_unless_told():
    model = built(temperature={"start": 0.1, "shared": False, "positive": False}).double()
    found = model(double(B, D), model.texts(double(2, K, T, seed=1)))
    model.temperature(found.both)[1].sum().backward()
    assert model.temperature.value.grad[0] == 0
    assert model.temperature.value.grad[1] != 0
