"""An encoder that is taught by texts."""

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core import store
from pipeline.core.errors import DataError
from pipeline.models.mapped import MappedEncoder
from pipeline.models.text_space import TextSpace
from pipeline.training import sentences
from tests import toy

TEXTS = {
    "text_type": "context",
    "centre": "seen",
    "scale": 5.0,
    "label_weight": 0.0,
    "loss": "classes",
    "keep_map": False,
}


class Linear(nn.Module):
    dim, parts = 3, {}

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 3)

    def with_tokens(self, x):
        return self(x), self(x)[:, None]

    def forward(self, x):
        return self.layer(x)


def params(**changes):
    return sentences.Params(**{**TEXTS, **changes})


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


VECTORS = unit(np.random.default_rng(0).normal(size=(5, 4)) + 1).astype(np.float32)


@pytest.fixture
def embeddings(tmp_path):
    """Of five classes."""
    toy.write_texts(tmp_path / "t.zarr", {"label": VECTORS[::-1], "context": VECTORS})
    return tmp_path / "t.zarr"


def told(params, embeddings, class_ids, seed=0, dataset="toy"):
    return sentences.teaching_texts(params, sentences.open_texts(embeddings, dataset, class_ids), class_ids, seed)


def test_the_texts_are_those_of_the_training_classes_without_what_they_share(embeddings):
    found = told(params(), embeddings, [1, 3, 4]).text_KT
    chosen = VECTORS[[1, 3, 4]].astype(np.float64)
    np.testing.assert_allclose(found, unit(chosen - chosen.mean(axis=0)), atol=1e-6)
    np.testing.assert_allclose(told(params(centre="none"), embeddings, [3]).text_KT, VECTORS[[3]], atol=1e-6)
    plain = told(params(text_type="label", centre="none"), embeddings, [3]).text_KT
    np.testing.assert_allclose(plain, VECTORS[[1]], atol=1e-6)


def test_texts_of_another_dataset_or_class_are_refused(embeddings):
    with pytest.raises(DataError, match=r"class texts of 'toy', not of 'other'; mend taught_by"):
        told(params(), embeddings, [1], dataset="other")
    with pytest.raises(DataError, match=r"no 'label' text for classes \[7\]"):
        told(params(), embeddings, [1, 7])
    with pytest.raises(DataError, match="no type 'synonym'"):
        told(params(text_type="synonym"), embeddings, [1])


def batch(num=6):
    random = torch.Generator().manual_seed(1)
    return {"x": torch.randn(num, 2, generator=random), "label": torch.randint(0, 3, (num,), generator=random)}


@pytest.mark.parametrize("label_weight", [0.0, 0.7])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_cross_entropy_of_the_cosines_and_of_the_classifier(label_weight, smoothing):
    """Against the formula, in float64 and clip by clip."""
    torch.manual_seed(0)
    asked, rows = params(label_weight=label_weight), batch()
    reader = sentences.Reader(Linear(), sentences.TeachingTexts(VECTORS[:3], asked))
    loss, metrics = sentences.loss_of(asked, smoothing)(reader, rows)
    weights = {name: value.detach().double().numpy() for name, value in reader.named_parameters()}
    total, hits = 0.0, 0
    for x, label in zip(rows["x"].double().numpy(), rows["label"].tolist(), strict=True):
        feature = weights["encoder.layer.weight"] @ x + weights["encoder.layer.bias"]
        told = 5.0 * unit(weights["map.weight"] @ feature + weights["map.bias"]) @ VECTORS[:3].T.astype(np.float64)
        total += entropy(told, label, smoothing)
        hits += told.argmax() == label
        if label_weight:
            total += label_weight * entropy(weights["head.weight"] @ feature + weights["head.bias"], label, smoothing)
    assert loss.item() == pytest.approx(total / 6, rel=1e-5)
    assert metrics["accuracy"].item() == pytest.approx(hits / 6)


def entropy(logit, label, smoothing):
    target = np.full(len(logit), smoothing / len(logit))
    target[label] += 1 - smoothing
    return -(target * (logit - np.log(np.exp(logit).sum()))).sum()


def test_a_classifier_stands_beside_only_where_it_has_a_weight():
    plain, both = (
        sentences.Reader(Linear(), sentences.TeachingTexts(VECTORS, params(label_weight=w))) for w in (0.0, 0.5)
    )
    assert [name for name, _ in plain.named_parameters() if name.startswith("head")] == []
    assert plain(torch.zeros(2, 2))[1] is None
    assert both(torch.zeros(2, 2))[1].shape == (2, 5)


def test_all_that_learns_has_a_part_in_the_loss():
    """Several devices wait for the gradient of every weight."""
    asked = params(label_weight=0.5)
    reader = sentences.Reader(Linear(), sentences.TeachingTexts(VECTORS[:3], asked))
    sentences.loss_of(asked, 0.0)(reader, batch())[0].backward()
    assert [name for name, weight in reader.named_parameters() if weight.grad is None] == []
    assert "text_KT" not in reader.state_dict()


def divergence(logit, target):
    """Of a row: the sum of what is wanted times the log of its ratio to the softmax."""
    log = logit - np.log(np.exp(logit).sum())
    return sum(t * (np.log(t) - each) for t, each in zip(target, log, strict=True) if t)


def plain_within_batch(weights, rows, text_KT, scale):
    """Over the clips of a batch, in float64 and clip by clip."""
    labels = rows["label"].tolist()
    mapped = []
    for x in rows["x"].double().numpy():
        feature = weights["encoder.layer.weight"] @ x + weights["encoder.layer.bias"]
        mapped.append(unit(weights["map.weight"] @ feature + weights["map.bias"]))
    told = text_KT.astype(np.float64)
    total = 0.0
    for one, label in enumerate(labels):
        target = np.array([float(label == other) for other in labels]) / labels.count(label)
        total += divergence(np.array([scale * mapped[one] @ told[other] for other in labels]), target) / 2
        total += divergence(np.array([scale * told[label] @ clip for clip in mapped]), target) / 2
    return total / len(labels)


@pytest.mark.parametrize("label_weight", [0.0, 0.7])
def test_the_loss_within_a_batch_is_the_mean_of_both_divergences(label_weight):
    torch.manual_seed(0)
    asked, rows = params(loss="batch", scale=14.3, label_weight=label_weight), batch(9)
    assert sorted({rows["label"].tolist().count(label) for label in rows["label"].tolist()})[-1] > 1
    reader = sentences.Reader(Linear(), sentences.TeachingTexts(VECTORS[:3], asked))
    loss, metrics = sentences.loss_of(asked, 0.1)(reader, rows)
    weights = {name: value.detach().double().numpy() for name, value in reader.named_parameters()}
    expected = plain_within_batch(weights, rows, VECTORS[:3], 14.3)
    told_NK, logit_NK = reader(rows["x"])
    if label_weight:
        labels = nn.functional.cross_entropy(logit_NK, rows["label"], label_smoothing=0.1)
        expected += label_weight * labels.item()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert metrics["accuracy"].item() == (told_NK.argmax(1) == rows["label"]).float().mean().item()


def test_a_batch_that_points_where_its_texts_do_costs_nothing_and_the_gradient_leads_there():
    """What is wanted is reached where a scale is large; a class that is alone in a batch asks nothing."""
    label = torch.tensor([0, 1, 1, 2])
    right_NK = 50 * nn.functional.one_hot(label, 3).double()
    assert sentences.within_batch(right_NK, label).item() == pytest.approx(0, abs=1e-12)
    assert sentences.within_batch(torch.randn(4, 3)[:, [0, 0, 0]], torch.zeros(4, dtype=torch.int64)).item() > 0
    told_NK = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    sentences.within_batch(told_NK, label).backward()
    grad_NK = told_NK.grad
    assert grad_NK is not None
    for row, own in enumerate(label.tolist()):
        assert grad_NK[row, own] < 0 < min(grad_NK[row, k] for k in range(3) if k != own)


def test_of_several_processes_the_batch_is_all_their_clips(monkeypatch):
    torch.manual_seed(0)
    asked, rows = params(loss="batch"), batch(9)
    reader = sentences.Reader(Linear(), sentences.TeachingTexts(VECTORS[:3], asked))
    whole = sentences.loss_of(asked, 0.0)(reader, rows)[0]
    of_others = [reader(rows["x"][5:])[0], rows["label"][5:]]
    monkeypatch.setattr(sentences.ranks, "gathered", lambda tensor: torch.cat([tensor, of_others.pop(0)]))
    first = sentences.loss_of(asked, 0.0)(reader, {name: value[:5] for name, value in rows.items()})[0]
    assert first.item() == pytest.approx(whole.item(), rel=1e-6)


def test_an_encoder_that_keeps_the_map_learns_as_one_that_does_not():
    """The same weights are drawn, and the same loss is found: only what is saved differs."""
    found = []
    for keeps in (False, True):
        torch.manual_seed(0)
        encoder = MappedEncoder(Linear(), 4) if keeps else Linear()
        asked = params(loss="batch", label_weight=0.5, keep_map=keeps)
        reader = sentences.Reader(encoder, sentences.TeachingTexts(VECTORS[:3], asked))
        loss = sentences.loss_of(asked, 0.0)(reader, batch())[0]
        found.append((loss.item(), {name: value.tolist() for name, value in reader.state_dict().items()}))
        if keeps:
            assert encoder.map.weight is reader.map.weight
            assert reader.head.in_features == 3
    assert found[0] == found[1]


def test_a_kept_map_names_the_texts_that_it_leads_to(tmp_path, embeddings):
    assert told(params(), embeddings, [1, 3]).space is None
    with pytest.raises(DataError, match=r"t\.zarr: does not say which weights made its vectors.*run `dvc repro embed`"):
        told(params(keep_map=True), embeddings, [1, 3])
    with store.create(tmp_path / "u.zarr", {"dataset": "toy", "dim": 4, "weights_hash": "of all"}) as writer:
        for group, about in (("label", {}), ("label@1", {"weights_hash": "of 1"})):
            writer.group(group, toy.text_ids(5), about).put("pooled", VECTORS)
    asked = params(keep_map=True, text_type="label+label")
    for seed, name in ((0, "of all"), (1, "of 1")):
        found = told(asked, tmp_path / "u.zarr", [1, 3], seed).space
        assert found == TextSpace(dim=8, weights_hash=name, text_type="label+label", centre="seen")
