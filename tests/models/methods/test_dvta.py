"""DVTA against loops and NumPy in float64, written from the paper's equations."""

# Shapes: B clips, D feature size, K classes, T = H text size, S texts of a class.
import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.models.methods import dvta
from pipeline.models.methods.shared import ClassTexts, Clips, unit

B, K, D, T = 7, 4, 6, 5
LABEL_B = torch.tensor([0, 2, 2, 1, 0, 2, 3])
PARAMS = {
    "sde": True,
    "gamma": 0.01,
    "temperature": 0.1,
    "lr": 0.01,
    "weight_decay": 0.0,
    "batch_size": 4,
    "epochs": 3,
    "keep_every": 3,
}


def double(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


@pytest.fixture
def model():
    torch.manual_seed(3)
    return dvta.DVTA(feature_dim=D, text_dim=T, gamma=0.01, temperature=0.1).double()


@pytest.fixture
def toy():
    random = np.random.default_rng(1)
    label_KT, context_KT = (unit(random.normal(size=(K, T)).astype(np.float32)) for _ in range(2))
    clips = Clips(random.normal(size=(B, D)).astype(np.float32), tuple(LABEL_B.tolist()))
    return clips, ClassTexts(tuple(range(K)), label_KT, context_KT)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def leaky(x, gamma):
    return 1 / (1 + np.exp(-x)) if x > 0 else gamma * np.exp(gamma * x)


def num_parameters(module):
    return sum(weight.numel() for weight in module.parameters())


def test_the_size_for_768_dimensional_texts_is_the_papers():
    model = dvta.DVTA(feature_dim=256, text_dim=768, gamma=0.01, temperature=0.1)
    parts = [num_parameters(part) for part in (model.visual, model.text, model.metric, model)]
    assert parts == [755_584, 590_592, 3_542_017, 4_888_194]


@pytest.mark.parametrize(
    ("dims", "widths"),
    [((256, 768), [256, 384, 512, 768]), ((256, 384), [256, 288, 320, 384]), ((512, 384), [512, 480, 448, 384])],
)
def test_the_visual_projector_widens_or_narrows_step_by_step(dims, widths):
    projector = dvta.VisualProjector(*dims)
    linear = [projector.residual, *(layer for layer in projector.rest if isinstance(layer, torch.nn.Linear))]
    assert [layer.out_features for layer in linear] == widths


def test_the_visual_projector_is_an_mlp_with_a_residual_first_layer():
    torch.manual_seed(0)
    projector = dvta.VisualProjector(D, T).double()
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
    np.testing.assert_allclose(dvta.leaky_sigmoid(x, 0.01).numpy(), expected, rtol=1e-12)
    assert dvta.leaky_sigmoid(torch.tensor([0.0, 1e-6]), 0.01).tolist() == pytest.approx([0.01, 0.5])


@pytest.mark.parametrize(("x", "slope"), [(-2.0, 1e-4 * np.exp(-0.02)), (0.0, 1e-4), (1.0, 0.1966119), (1e5, 0.0)])
def test_the_slope_of_leaky_sigmoid_never_breaks_off_below_0(x, slope):
    at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    dvta.leaky_sigmoid(at, 0.01).backward()
    assert at.grad.item() == pytest.approx(slope, rel=1e-5)


def test_sde_is_equation_3_for_every_pair():
    v_BH, text_SKH = double(B, T), double(2, K, T, seed=1)
    found = dvta.blended(text_SKH, dvta.attention(v_BH, text_SKH)).numpy()
    for b in range(B):
        for k in range(K):
            key_value = text_SKH[:, k].numpy()
            weight = softmax(v_BH[b].numpy() @ key_value.T / np.sqrt(T))
            np.testing.assert_allclose(found[b, k], weight @ key_value, rtol=1e-10)


def test_sde_with_the_label_alone_is_the_label():
    text_SKH = double(1, K, T)
    found = dvta.blended(text_SKH, dvta.attention(double(B, T, seed=1), text_SKH))
    torch.testing.assert_close(found, text_SKH.expand(B, K, T))


def test_the_deep_metric_sees_each_clip_joined_to_its_blend(model):
    v_BH, text_SKH = double(B, T), double(2, K, T, seed=1)
    blend_BKS = dvta.attention(v_BH, text_SKH)
    pairs = torch.cat([v_BH[:, None].expand(B, K, T), dvta.blended(text_SKH, blend_BKS)], dim=-1)
    naive = model.metric.rest(model.metric.first(pairs)).squeeze(-1)
    torch.testing.assert_close(model.metric(v_BH, text_SKH, blend_BKS), naive)


def test_the_logits_are_those_of_the_paper_pair_by_pair(model):
    v_BD, text_SKT = double(B, D), double(2, K, T, seed=1)
    direct_BK, augmented_BK = model(v_BD, text_SKT)
    temperature = model.log_temperature.exp().item()
    for b in range(B):
        v_e = model.visual(v_BD[b : b + 1])[0]
        for k in range(K):
            stack = model.text(text_SKT[:, k])
            t_aug = torch.softmax(stack @ v_e / T**0.5, 0) @ stack
            cosine = (v_e @ t_aug / (v_e.norm() * t_aug.norm())).item()
            metric = model.metric.rest(model.metric.first(torch.cat([v_e, t_aug]))).item()
            assert direct_BK[b, k].item() == pytest.approx(cosine / temperature)
            assert augmented_BK[b, k].item() == pytest.approx(leaky(metric, 0.01) / temperature)


def reference_loss(direct_BK, augmented_BK, label_B):
    """Eqs. 4, 8, 9 and 10 over all pairs of a batch, the text of each clip repeated."""
    size, total = len(label_B), 0.0
    pairs = [x[:, label_B] for x in (direct_BK, augmented_BK)]
    for direct, augmented in ((pairs[0], pairs[1]), (pairs[0].T, pairs[1].T)):
        for i in range(size):
            p = (softmax(direct[i]) + softmax(augmented[i])) / 2
            positives = [j for j in range(size) if label_B[j] == label_B[i]]
            total += sum(1 / len(positives) * np.log(1 / len(positives) / p[j]) for j in positives) / size
    return total


def test_the_loss_is_equation_10_with_normalised_positives():
    direct_BK, augmented_BK = 10 * double(B, K), 10 * double(B, K, seed=1)
    expected = reference_loss(direct_BK.numpy(), augmented_BK.numpy(), LABEL_B.numpy())
    assert dvta.alignment_loss(direct_BK, augmented_BK, LABEL_B).item() == pytest.approx(expected, rel=1e-10)


def test_the_loss_has_the_gradient_of_its_differences():
    logits = [double(B, K, seed=seed).requires_grad_() for seed in (0, 1)]
    assert torch.autograd.gradcheck(lambda *x: dvta.alignment_loss(*x, LABEL_B), logits)


def test_the_loss_stays_finite_where_a_positive_is_hopeless():
    direct_BK = torch.full((B, K), -1e4, dtype=torch.float32)
    direct_BK[:, 0] = 1e4
    assert torch.isfinite(dvta.alignment_loss(direct_BK, direct_BK, LABEL_B))


def test_augmented_alignment_trains_the_projectors_too(model):
    _, augmented_BK = model(double(B, D), double(2, K, T, seed=1))
    augmented_BK.sum().backward()
    assert model.visual.residual.weight.grad.abs().sum() > 0
    assert model.text.weight.grad.abs().sum() > 0
    assert model.log_temperature.grad.abs() > 0


def test_the_temperature_stays_positive_under_a_wild_learning_rate(toy):
    params = dvta.Params.model_validate({**PARAMS, "lr": 5.0})
    *_, candidate = dvta.candidates(*toy, params, 0)
    assert candidate.module.log_temperature.exp() > 0
    assert candidate.module.log_temperature.item() != pytest.approx(np.log(0.1))


def scored(toy, **changed):
    clips, texts = toy
    *_, candidate = dvta.candidates(clips, texts, dvta.Params.model_validate({**PARAMS, **changed}), 0)
    return candidate.score(clips.features_ND, texts)


def test_scores_are_probabilities_over_the_candidates(toy):
    np.testing.assert_allclose(scored(toy).sum(axis=1), 1, rtol=1e-5)


def test_scores_are_the_mean_of_the_two_softmaxes_of_unit_features(toy):
    """Eqs. 1 and 9: the average of two distributions, not one softmax of summed logits."""
    clips, texts = toy
    *_, candidate = dvta.candidates(clips, texts, dvta.Params.model_validate(PARAMS), 0)
    model = candidate.module.double()
    unit_ND = clips.features_ND.astype(np.float64)
    unit_ND /= np.linalg.norm(unit_ND, axis=1, keepdims=True)
    text_SKT = torch.from_numpy(np.stack([texts.label_KT, texts.contexts()]).astype(np.float64))
    direct, augmented = (logits.detach().numpy() for logits in model(torch.from_numpy(unit_ND), text_SKT))
    expected = [(softmax(d) + softmax(a)) / 2 for d, a in zip(direct, augmented, strict=True)]
    candidate.module.float()
    np.testing.assert_allclose(candidate.score(clips.features_ND, texts), expected, atol=1e-5)


def test_the_length_of_a_clips_features_says_nothing(toy):
    """Eq. 1, in training as in scoring."""
    clips, texts = toy
    lengths = 2.0 ** np.arange(B, dtype=np.float32)[:, None]
    np.testing.assert_allclose(scored((Clips(clips.features_ND * lengths, clips.class_ids), texts)), scored(toy), 1e-5)


def test_the_seed_decides_where_training_starts(toy):
    """One batch an epoch, so the order of batches decides nothing."""
    params = dvta.Params.model_validate({**PARAMS, "batch_size": B, "lr": 1e-6, "epochs": 1})
    starts = [next(dvta.candidates(*toy, params, seed)).module.text.weight.detach() for seed in (0, 1)]
    assert (starts[0] - starts[1]).abs().max() > 0.01


@pytest.mark.parametrize(
    "changed",
    [
        {"sde": False},
        {"gamma": 0.2},
        {"temperature": 0.5},
        {"lr": 0.02},
        {"weight_decay": 0.5},
        {"batch_size": 7},
        {"epochs": 2},
    ],
    ids=str,
)
def test_every_option_changes_the_scores(toy, changed):
    assert np.abs(scored(toy) - scored(toy, **changed)).max() > 1e-5


def test_blocks_of_pairs_score_as_one(toy, monkeypatch):
    whole_NK = scored(toy)
    monkeypatch.setattr(dvta, "PAIRS_IN_BLOCK", 2 * K)
    np.testing.assert_allclose(scored(toy), whole_NK, rtol=1e-5)


def test_texts_without_contexts_are_refused_unless_sde_is_off(toy):
    clips, texts = toy
    bare = ClassTexts(texts.class_ids, texts.label_KT, None)
    with pytest.raises(DataError, match=r"no 'context' sentences.*prompt"):
        scored((clips, bare))
    np.testing.assert_array_equal(scored((clips, bare), sde=False), scored(toy, sde=False))
