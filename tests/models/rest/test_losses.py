"""The losses against sums by hand in float64."""

import math

import pytest
import torch

from pipeline.models.rest.losses import LossParams, loss
from pipeline.models.rest.model import Output
from pipeline.models.rest.tokens import NO_TARGET

NUM_CLASSES, NUM_WORDS = 3, 7


def made(seed=6):
    generator = torch.Generator().manual_seed(seed)
    output = Output(
        torch.randn(4, NUM_CLASSES, generator=generator),
        torch.randn(4, 3, NUM_WORDS, generator=generator),
        torch.zeros(4, 2),
    )
    targets = [[2, NO_TARGET, 5], [NO_TARGET, 3, NO_TARGET], [6, 2, 3], [4, NO_TARGET, NO_TARGET]]
    return output, {"label": torch.tensor([0, 2, 1, 1]), "word_targets": torch.tensor(targets)}


def log_likelihood(logits, place):
    """log p of one place, summed by hand."""
    return logits[place] - math.log(sum(math.exp(logit) for logit in logits))


def by_hand(output, batch):
    """Class loss, word loss, and both accuracies."""
    classes = [
        -log_likelihood(logits, label)
        for logits, label in zip(output.class_logit_NK.tolist(), batch["label"].tolist(), strict=True)
    ]
    words, right = [], []
    for logits_WV, targets in zip(output.word_logit_NWV.tolist(), batch["word_targets"].tolist(), strict=True):
        masked = [(logits, target) for logits, target in zip(logits_WV, targets, strict=True) if target != NO_TARGET]
        words.append(sum(-log_likelihood(*pair) for pair in masked) / len(masked))
        right.append(sum(logits.index(max(logits)) == target for logits, target in masked) / len(masked))
    best = output.class_logit_NK.argmax(1) == batch["label"]
    return sum(classes) / 4, sum(words) / 4, best.double().mean().item(), sum(right) / 4


@pytest.mark.parametrize(("cls", "mlm"), [(True, 0.5), (True, 2.0), (True, None), (False, 0.5)])
def test_the_loss_is_that_of_the_class_plus_omega_times_that_of_the_words(cls, mlm):
    output, batch = made()
    of_class, of_words, accuracy, word_accuracy = by_hand(output, batch)
    total, metrics = loss(output, batch, LossParams(cls=cls, mlm=mlm, mask_share=0.15))
    assert total.item() == pytest.approx((of_class if cls else 0) + (mlm or 0) * of_words, rel=1e-6)
    expected = {"accuracy": accuracy} if cls else {}
    if mlm is not None:
        expected["word_accuracy"] = word_accuracy
    assert {name: value.item() for name, value in metrics.items()} == pytest.approx(expected)


def test_two_halves_of_a_batch_have_the_mean_loss_of_the_whole():
    """So that two devices learn what one does, however many words each has masked."""
    output, batch = made()
    losses = LossParams(cls=True, mlm=0.5, mask_share=0.15)
    halves = [
        loss(Output(*(part[rows] for part in output)), {name: value[rows] for name, value in batch.items()}, losses)[0]
        for rows in (slice(0, 2), slice(2, 4))
    ]
    assert sum(halves).item() / 2 == pytest.approx(loss(output, batch, losses)[0].item(), rel=1e-6)


def test_half_precision_is_left_before_the_loss():
    output, batch = made()
    halved = Output(*(part.bfloat16() for part in output))
    total, _ = loss(halved, batch, LossParams(cls=True, mlm=0.5, mask_share=0.15))
    of_class, of_words, *_ = by_hand(Output(*(part.float() for part in halved)), batch)
    assert total.dtype == torch.float32
    assert total.item() == pytest.approx(of_class + 0.5 * of_words, rel=1e-6)


def test_nothing_to_learn_is_refused():
    with pytest.raises(ValueError, match="nothing to learn: set cls to true, or mlm to a weight"):
        LossParams(cls=False, mlm=None, mask_share=0.15)
