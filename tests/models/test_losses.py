"""Losses against plain loops in float64, their edges, and how the scale changes the pull of a negative."""

import math

import numpy as np
import pytest
import torch

from pipeline.models import losses


@pytest.fixture
def vectors() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    draws = np.random.default_rng(0)
    image, text, negative = (torch.from_numpy(draws.standard_normal(s) * 3) for s in ((5, 4), (5, 4), (5, 3, 4)))
    has = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 0, 0], [0, 1, 1], [1, 1, 0]], dtype=torch.bool)
    return image, text, negative, has


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    x, y = a.tolist(), b.tolist()
    return sum(p * q for p, q in zip(x, y, strict=True)) / math.sqrt(sum(p * p for p in x) * sum(q * q for q in y))


@pytest.mark.parametrize("scale", [1.0, 14.3, 100.0])
def test_info_nce_is_the_mean_of_both_cross_entropies(vectors, scale: float) -> None:
    image, text, _, _ = vectors
    table = [[math.exp(scale * cosine(i, t)) for t in text] for i in image]
    rows = [-math.log(table[n][n] / sum(table[n])) for n in range(5)]
    columns = [-math.log(table[n][n] / sum(table[m][n] for m in range(5))) for n in range(5)]
    assert losses.info_nce(image, text, scale).item() == pytest.approx((sum(rows) + sum(columns)) / 10, abs=1e-9)


@pytest.mark.parametrize("scale", [1.0, 14.3, 100.0])
def test_info_nce_leaves_out_pairs_that_are_no_negatives(vectors, scale: float) -> None:
    image, text, _, _ = vectors
    performance = [0, 0, 1, 2, 1]
    table = [[math.exp(scale * cosine(i, t)) for t in text] for i in image]
    kept = [[n == m or performance[n] != performance[m] for m in range(5)] for n in range(5)]
    rows = [-math.log(table[n][n] / sum(table[n][m] for m in range(5) if kept[n][m])) for n in range(5)]
    columns = [-math.log(table[n][n] / sum(table[m][n] for m in range(5) if kept[m][n])) for n in range(5)]
    left_out = torch.tensor([[performance[n] == performance[m] for m in range(5)] for n in range(5)])
    found = losses.info_nce(image, text, scale, left_out).item()
    assert found == pytest.approx((sum(rows) + sum(columns)) / 10, abs=1e-9)
    assert found < losses.info_nce(image, text, scale).item()


def test_pairs_left_out_give_gradients_that_are_numbers_and_those_of_a_shorter_softmax(vectors) -> None:
    """Item 4 has no negative but item 0; the temperature learns as well."""
    image, text, _, _ = (each.clone() for each in vectors)
    left_out = torch.zeros(5, 5, dtype=torch.bool)
    left_out[4, 1:4] = left_out[1:4, 4] = True
    log_scale = torch.tensor(1.2, dtype=torch.float64, requires_grad=True)
    image.requires_grad_(True)
    losses.info_nce(image, text, log_scale.exp(), left_out).backward()
    image_2, log_scale_2 = image.detach().clone().requires_grad_(True), log_scale.detach().clone().requires_grad_(True)
    unit, other = (torch.nn.functional.normalize(each, dim=1) for each in (image_2, text))
    logits = log_scale_2.exp() * unit @ other.T
    keep = ~left_out
    rows = [logits[n, keep[n]].logsumexp(0) + logits[keep[:, n], n].logsumexp(0) - 2 * logits[n, n] for n in range(5)]
    (torch.stack(rows).sum() / 10).backward()
    torch.testing.assert_close(image.grad, image_2.grad, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(log_scale.grad, log_scale_2.grad, rtol=1e-10, atol=1e-12)
    assert torch.isfinite(image.grad).all()


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_graph_negatives_are_the_mean_of_an_items_pairs_and_of_items(vectors, scale: float) -> None:
    image, text, negative, has = vectors
    items = []
    for n in range(5):
        right = math.exp(scale * cosine(image[n], text[n]))
        wrong = [math.exp(scale * cosine(image[n], negative[n, k])) for k in range(3) if has[n, k]]
        if wrong:
            items.append(sum(-math.log(right / (right + w)) for w in wrong) / len(wrong))
    assert len(items) == 4
    found = losses.graph_negatives(image, text, negative, has, scale).item()
    assert found == pytest.approx(sum(items) / len(items), abs=1e-9)


def test_one_negative_an_item_and_scale_1_is_equation_3(vectors) -> None:
    image, text, negative, _ = vectors
    cosines = torch.stack([torch.cosine_similarity(image, t) for t in (text, negative[:, 0])], dim=1)
    equation_3 = torch.nn.functional.cross_entropy(cosines, torch.zeros(5, dtype=torch.int64))
    found = losses.graph_negatives(image, text, negative[:, :1], torch.ones(5, 1, dtype=torch.bool), 1.0)
    assert found.item() == pytest.approx(equation_3.item(), abs=1e-12)


@pytest.mark.parametrize("filler", [0.0, 1e30, math.inf, math.nan])
def test_what_stands_at_padding_changes_neither_loss_nor_gradients(vectors, filler: float) -> None:
    image, text, negative, has = vectors
    found = []
    for fill in (negative, negative.masked_fill(~has[:, :, None], filler)):
        leaves = [x.clone().requires_grad_() for x in (image, text, fill)]
        losses.graph_negatives(*leaves, has, 100.0).backward()
        found.append([losses.graph_negatives(*leaves, has, 100.0).detach(), *(x.grad for x in leaves)])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert not found[1][3][~has].any()


@pytest.mark.parametrize("kept", [(5, 3), (5, 0), (0, 3)])
def test_a_batch_without_negatives_gives_0_and_no_gradient(vectors, kept: tuple[int, int]) -> None:
    items, num = kept
    leaves = [vectors[0][:items], vectors[1][:items], vectors[2][:items, :num]]
    leaves = [x.clone().requires_grad_() for x in leaves]
    loss = losses.graph_negatives(*leaves, torch.zeros(items, num, dtype=torch.bool), 100.0)
    loss.backward()
    assert loss.item() == 0.0
    assert all(torch.equal(x.grad, torch.zeros_like(x)) for x in leaves)


def test_a_vector_of_zeros_has_finite_gradients(vectors) -> None:
    image, text, negative, has = vectors
    leaves = [x.clone() for x in (image, text, negative)]
    for leaf in leaves:
        leaf[0] = 0
        leaf.requires_grad_()
    (losses.graph_negatives(*leaves, has, 1.0) + losses.info_nce(leaves[0], leaves[1], 1.0)).backward()
    assert all(x.grad.isfinite().all() for x in leaves)


def test_length_of_a_vector_does_not_matter(vectors) -> None:
    image, text, negative, has = vectors
    assert losses.info_nce(image * 7, text / 9, 10.0).item() == pytest.approx(losses.info_nce(image, text, 10.0).item())
    found = [losses.graph_negatives(image * f, text / f, negative * f, has, 10.0).item() for f in (1, 7)]
    assert found[0] == pytest.approx(found[1])


def test_a_learned_scale_gets_its_gradient(vectors) -> None:
    image, text, negative, has = vectors
    log_scale = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    for loss in (
        lambda a: losses.info_nce(image, text, a.exp()),
        lambda a: losses.graph_negatives(image, text, negative, has, a.exp()),
    ):
        assert torch.autograd.gradcheck(loss, (log_scale,))


def test_bfloat16_around_a_loss_does_not_reach_into_it(vectors) -> None:
    image, text, negative, has = (x.float() if x.is_floating_point() else x for x in vectors)
    plain = losses.info_nce(image, text, 100.0), losses.graph_negatives(image, text, negative, has, 100.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = losses.info_nce(image, text, 100.0), losses.graph_negatives(image, text, negative, has, 100.0)
    assert [x.dtype for x in inside] == [torch.float32] * 2
    assert all(torch.equal(a, b) for a, b in zip(plain, inside, strict=True))
    assert losses.info_nce(image.bfloat16(), text.bfloat16(), 100.0).dtype == torch.float32


# Of a caption (cosine s+) and its negative (s-): margin s+ - s-, loss and pull = gradient of the loss towards s+.
PULLS = [
    # margin, loss at 1, pull at 1, loss at 100, pull at 100
    (0.30, 0.5544, 0.4256, 0.0000, 0.0000),
    (0.02, 0.6832, 0.4950, 0.1269, 11.9203),
    (0.00, 0.6931, 0.5000, 0.6931, 50.0000),
    (-0.02, 0.7032, 0.5050, 2.1269, 88.0797),
    (-0.30, 0.8544, 0.5744, 30.0000, 100.0000),
]


@pytest.mark.parametrize("row", PULLS, ids=lambda row: f"margin {row[0]}")
def test_without_a_temperature_the_pull_hardly_tells_right_from_wrong(row: tuple[float, ...]) -> None:
    """At scale 1 a pair that is right by 0.3 is pulled three quarters as hard as one wrong by 0.3."""
    margin, *expected = row
    found = []
    for scale in (1.0, 100.0):
        right = torch.tensor(0.28 + margin, dtype=torch.float64, requires_grad=True)
        text = torch.stack([right, (1 - right.square()).sqrt()])[None]
        wrong = torch.tensor([[[0.28, math.sqrt(1 - 0.28**2)]]], dtype=torch.float64)
        image = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
        loss = losses.graph_negatives(image, text, wrong, torch.ones(1, 1, dtype=torch.bool), scale)
        loss.backward()
        assert right.grad is not None
        found += [loss.item(), -right.grad.item()]
    assert found == pytest.approx(expected, abs=5e-5)


def test_reconstruction_is_the_mean_over_masked_patches_only() -> None:
    draws = np.random.default_rng(1)
    predicted, target = (torch.from_numpy(draws.standard_normal((3, 4, 6))) for _ in range(2))
    masked = torch.tensor([[1, 1, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0]], dtype=torch.bool)
    error = [[sum((predicted[n, s, q] - target[n, s, q]).item() ** 2 for q in range(6)) / 6 for s in range(4)]
             for n in range(3)]  # fmt: skip
    wanted = (error[0][0] + error[0][1] + error[0][2] + error[2][2]) / 4
    assert losses.reconstruction(predicted, target, masked).item() == pytest.approx(wanted, abs=1e-12)
    everything = sum(map(sum, error)) / 12
    assert losses.reconstruction(predicted, target, None).item() == pytest.approx(everything, abs=1e-12)


def test_reconstruction_of_a_single_masked_patch_is_its_error() -> None:
    masked = torch.zeros(2, 3, dtype=torch.bool)
    masked[1, 2] = True
    predicted = torch.zeros(2, 3, 4)
    predicted[1, 2] = 3
    assert losses.reconstruction(predicted, torch.zeros(2, 3, 4), masked).item() == 9


def test_reconstruction_of_nothing_is_0_without_gradient() -> None:
    predicted = torch.ones(2, 3, 4, requires_grad=True)
    loss = losses.reconstruction(predicted, torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(predicted.grad, torch.zeros(2, 3, 4))
