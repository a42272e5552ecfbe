"""DVTA's losses against sums over all pairs of a batch, and what they have in common."""

# Shapes: B clips, K classes.
import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from pipeline.models.dvta import losses
from pipeline.models.dvta.params import LossParams

B, K = 7, 4
LABEL_B = torch.tensor([0, 2, 2, 1, 0, 2, 3])
PAIRING = losses.by_class(LABEL_B, K)


def named(name, **about):
    return TypeAdapter(LossParams).validate_python({"name": name, **about})


KLD = named("kld", target="uniform", directions="sum")
INFO_NCE = named("info_nce", directions="sum")


def logits(*seeds, scale=10.0):
    return [torch.from_numpy(scale * np.random.default_rng(seed).normal(size=(B, K))) for seed in seeds]


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def reference(direct_BK, augmented_BK):
    """Eqs. 4, 8, 9 and 10 over all pairs of a batch, the text of each clip repeated."""
    total = 0.0
    pairs = [x[:, LABEL_B] for x in (direct_BK, augmented_BK)]
    for direct, augmented in ((pairs[0], pairs[1]), (pairs[0].T, pairs[1].T)):
        for i in range(B):
            p = (softmax(direct[i]) + softmax(augmented[i])) / 2
            positives = [j for j in range(B) if LABEL_B[j] == LABEL_B[i]]
            total += sum(1 / len(positives) * np.log(1 / len(positives) / p[j]) for j in positives) / B
    return total


def test_the_loss_is_equation_10_with_normalised_positives():
    both = logits(0, 1)
    expected = reference(*(x.numpy() for x in both))
    assert losses.alignment_loss(both, PAIRING, KLD, "probabilities").item() == pytest.approx(expected, rel=1e-10)


def test_the_loss_has_the_gradient_of_its_differences():
    both = [x.requires_grad_() for x in logits(0, 1)]
    assert torch.autograd.gradcheck(lambda *x: losses.alignment_loss(x, PAIRING, KLD, "probabilities"), both)


@pytest.mark.parametrize("combine", ["probabilities", "logits"])
def test_the_loss_stays_finite_where_a_positive_is_hopeless(combine):
    direct_BK = torch.full((B, K), -1e4, dtype=torch.float32)
    direct_BK[:, 0] = 1e4
    assert torch.isfinite(losses.alignment_loss([direct_BK, direct_BK], PAIRING, KLD, combine))


def test_several_positives_train_as_one_where_a_class_has_one_text():
    """KL with uniform positives is InfoNCE less the entropy of its target, which no weight changes."""
    both = [x.requires_grad_() for x in logits(0, 1, scale=1.0)]
    of_kld, of_nce = (losses.alignment_loss(both, PAIRING, params, "probabilities") for params in (KLD, INFO_NCE))
    entropy = PAIRING.count_C[LABEL_B].double().log().mean().item()
    assert (of_nce - of_kld).item() == pytest.approx(2 * entropy)
    for ours, theirs in zip(*(torch.autograd.grad(one, both) for one in (of_kld, of_nce)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-15)


def test_they_differ_where_each_clip_has_its_own_blend():
    [square_BB] = [torch.from_numpy(np.random.default_rng(2).normal(size=(B, B)))]
    square_BB.requires_grad_()
    pairing = losses.by_clip(LABEL_B)
    slopes = [
        torch.autograd.grad(losses.alignment_loss([square_BB], pairing, params, "logits"), [square_BB])[0]
        for params in (KLD, INFO_NCE)
    ]
    assert (slopes[0] - slopes[1]).abs().max() > 0.01


def test_the_released_target_is_a_softmax_of_ten_times_the_positives():
    """128 clips, 3 positives: .3327 each and .19 % for all others."""
    same_BC = torch.zeros(1, 2, dtype=torch.float64)
    same_BC[0, 0] = 1
    target_BC = losses._targets(same_BC, torch.tensor([[3.0]], dtype=torch.float64), 128, "softmax")
    assert target_BC[0, 0].item() == pytest.approx(0.3327, abs=5e-5)
    assert 125 * target_BC[0, 1].item() == pytest.approx(0.0019, abs=5e-5)


def test_softmax_ce_is_the_mean_cross_entropy_of_all_classes():
    [direct_BK] = logits(0)
    expected = torch.nn.functional.cross_entropy(direct_BK, LABEL_B)
    found = losses.alignment_loss([direct_BK], PAIRING, named("softmax_ce"), "probabilities")
    torch.testing.assert_close(found, expected)
