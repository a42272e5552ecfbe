"""The attention that pages show is that of the network, and of nobody who may not look."""

import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.models.rest.inputs import ModelSizes
from pipeline.models.rest.model import Rest
from pipeline.models.rest.recurrent import RecurrentParams
from pipeline.models.rest.tokens import MASK, Vocabulary
from pipeline.models.rest.transformer import TransformerParams
from pipeline.training.attending import attended

NAMES = ["wave left hand", "clap hands"]
VOCABULARY = Vocabulary.of(NAMES)


def network(num_words: int | None = len(VOCABULARY)) -> Rest:
    params = TransformerParams(
        kind="transformer",
        dim=8,
        num_layers=2,
        num_heads=2,
        mlp_dim=8,
        dropout=0.5,
        attention="single",
        represents="cls",
    )
    torch.manual_seed(0)
    return Rest(params, None, ModelSizes(5, 4, False, 2, num_words, VOCABULARY.max_words if num_words else 0))


@pytest.fixture(name="arrays")
def _arrays() -> dict[str, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(1, 4, 5)).astype(np.float32)
    return {"x": x, "label": np.array([0])}


def test_it_is_the_mean_over_the_heads_of_the_last_layer(arrays: dict[str, np.ndarray]) -> None:
    found = attended(network(), arrays, NAMES[0], VOCABULARY, 1)
    assert found.rows == ["[CLS]", "wave", "left", "[MASK]"]
    numbers = VOCABULARY.encode(NAMES[0])
    batch = {"x": torch.from_numpy(arrays["x"]), "words": torch.tensor([[*numbers[:2], MASK]])}
    with torch.no_grad():
        weight_LL = network().eval().attention(batch)[-1][0].numpy().mean(axis=0)
    np.testing.assert_allclose(found.visual_RS, weight_LL[[0, 5, 6, 7], 1:5], rtol=1e-6)
    np.testing.assert_allclose(found.words_RW, weight_LL[[0, 5, 6, 7], 5:], rtol=1e-6)


def test_cls_looks_at_no_word_and_a_word_at_none_to_its_right(arrays: dict[str, np.ndarray]) -> None:
    found = attended(network(), arrays, NAMES[0], VOCABULARY, 1)
    assert (found.words_RW[0] == 0).all()
    assert (np.triu(found.words_RW[1:], k=1) == 0).all()
    assert (np.tril(found.words_RW[1:])[np.tril_indices(3)] > 0).all()


def test_a_model_of_classes_alone_has_no_words(arrays: dict[str, np.ndarray]) -> None:
    found = attended(network(None), arrays, NAMES[0], None, 1)
    assert (found.rows, found.visual_RS.shape, found.words_RW.shape) == (["[CLS]"], (1, 4), (1, 0))


def test_a_recurrent_model_has_no_attention(arrays: dict[str, np.ndarray]) -> None:
    params = RecurrentParams(kind="lstm", dim=8, num_layers=1, dropout=0.0)
    module = Rest(params, None, ModelSizes(5, 4, False, 2, None, 0))
    assert not module.attends
    with pytest.raises(DataError, match="no attention"):
        attended(module, arrays, NAMES[0], None, 1)
