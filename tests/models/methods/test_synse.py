"""SynSE as a method: nouns and verbs each in their half, every option, what is refused."""

import numpy as np
import pytest

from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import parse
from pipeline.models.methods import synse
from pipeline.models.methods.shared import ClassTexts
from tests.models.methods import test_cada_vae
from tests.models.methods.test_cada_vae import CHANGES, D, K, T

WORDS = {"noun": "noun", "verb": "verb", "centre": "none"}
PARAMS = {name: value for name, value in test_cada_vae.PARAMS.items() if name != "text_type"} | WORDS
toy = test_cada_vae.toy


def trained(toy, **changed):
    clips, texts = toy
    *_, candidate = synse.candidates(clips, texts, synse.Params.model_validate(PARAMS | changed), 0)
    return candidate


def asked(toy):
    clips, texts = toy
    return clips.features_ND, texts


@pytest.fixture(scope="module")
def usual(toy):
    return trained(toy).score(*asked(toy))


@pytest.mark.parametrize("changed", [{"noun": "hands"}, {"verb": "hands"}, *CHANGES], ids=str)
def test_every_option_changes_the_scores(toy, usual, changed):
    assert np.abs(usual - trained(toy, **changed).score(*asked(toy))).max() > 1e-5


def test_noun_and_verb_have_an_autoencoder_each_for_half_of_the_latent(toy):
    _, texts = toy
    candidate = trained(toy)
    shapes = {name: tuple(value.shape) for name, value in candidate.module.state_dict().items()}
    assert shapes["clips.mean.weight"] == (4, D)
    assert shapes["texts.0.mean.weight"] == shapes["texts.1.mean.weight"] == (2, T)
    explained = candidate.explain(toy[0].features_ND, texts)
    weights = {name: np.asarray(value, np.float64) for name, value in candidate.module.state_dict().items()}
    halves = [
        texts.further[word] @ weights[f"texts.{place}.mean.weight"].T + weights[f"texts.{place}.mean.bias"]
        for place, word in enumerate(("noun", "verb"))
    ]
    np.testing.assert_allclose(explained["text_vectors"], np.concatenate(halves, axis=1), rtol=1e-4, atol=1e-5)
    assert candidate.cost(K).macs == D * 4 + K * 4


def test_labels_without_verb_or_noun_are_refused_by_name(toy):
    clips, texts = toy
    without = ClassTexts(texts.class_ids, texts.label_KT, None, {"noun": texts.further["noun"]})
    with pytest.raises(DataError, match=r"no type 'verb'; they have label, noun; .* among its sources"):
        next(synse.candidates(clips, without, synse.Params.model_validate(PARAMS), 0))


def test_a_latent_that_has_no_halves_is_refused():
    with pytest.raises(ParamsError, match="expected an even latent_dim"):
        parse(synse.Params, PARAMS | {"latent_dim": 5}, "align.methods.synse.small")
