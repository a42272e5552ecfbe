"""An encoder that is taught by texts."""

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.core import store
from pipeline.core.errors import DataError
from pipeline.training import sentences

TEXTS = {"text_type": "context", "centre": "seen", "scale": 5.0, "label_weight": 0.0}


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
    ids = [f"{class_id:04d}-00" for class_id in range(5)]
    with store.create(tmp_path / "t.zarr", {"dataset": "toy", "dim": 4}) as writer:
        writer.group("label", ids).put("pooled", VECTORS[::-1])
        writer.group("context", ids).put("pooled", VECTORS)
    return tmp_path / "t.zarr"


def test_the_texts_are_those_of_the_training_classes_without_what_they_share(embeddings):
    found = sentences.read(params(), embeddings, "toy", [1, 3, 4], 0).text_KT
    chosen = VECTORS[[1, 3, 4]].astype(np.float64)
    np.testing.assert_allclose(found, unit(chosen - chosen.mean(axis=0)), atol=1e-6)
    np.testing.assert_allclose(
        sentences.read(params(centre="none"), embeddings, "toy", [3], 0).text_KT, VECTORS[[3]], atol=1e-6
    )
    plain = sentences.read(params(text_type="label", centre="none"), embeddings, "toy", [3], 0).text_KT
    np.testing.assert_allclose(plain, VECTORS[[1]], atol=1e-6)


def test_texts_of_another_dataset_or_class_are_refused(embeddings):
    with pytest.raises(DataError, match=r"class texts of 'toy', not of 'other'; mend taught_by"):
        sentences.read(params(), embeddings, "other", [1], 0)
    with pytest.raises(DataError, match=r"no 'label' text for classes \[7\]"):
        sentences.read(params(), embeddings, "toy", [1, 7], 0)
    with pytest.raises(DataError, match="no type 'synonym'"):
        sentences.read(params(text_type="synonym"), embeddings, "toy", [1], 0)


def batch(num=6):
    random = torch.Generator().manual_seed(1)
    return {"x": torch.randn(num, 2, generator=random), "label": torch.randint(0, 3, (num,), generator=random)}


@pytest.mark.parametrize("label_weight", [0.0, 0.7])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_cross_entropy_of_the_cosines_and_of_the_classifier(label_weight, smoothing):
    """Against the formula, in float64 and clip by clip."""
    torch.manual_seed(0)
    asked, rows = params(label_weight=label_weight), batch()
    reader = sentences.Reader(Linear(), sentences.Told(VECTORS[:3], asked))
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
    plain, both = (sentences.Reader(Linear(), sentences.Told(VECTORS, params(label_weight=w))) for w in (0.0, 0.5))
    assert [name for name, _ in plain.named_parameters() if name.startswith("head")] == []
    assert plain(torch.zeros(2, 2))[1] is None
    assert both(torch.zeros(2, 2))[1].shape == (2, 5)


def test_all_that_learns_has_a_part_in_the_loss():
    """Several devices wait for the gradient of every weight."""
    asked = params(label_weight=0.5)
    reader = sentences.Reader(Linear(), sentences.Told(VECTORS[:3], asked))
    sentences.loss_of(asked, 0.0)(reader, batch())[0].backward()
    assert [name for name, weight in reader.named_parameters() if weight.grad is None] == []
    assert "text_KT" not in reader.state_dict()
