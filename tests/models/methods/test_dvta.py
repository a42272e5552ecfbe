"""DVTA as a method: what is learnt and scored, what every switch changes, what is refused."""

# Shapes: B clips, D feature size, K classes, T text size.
import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import parse
from pipeline.models.gradient_training import cosine_rates
from pipeline.models.methods import dvta
from pipeline.models.methods.shared import ClassTexts, Clips, unit
from tests.models.dvta import plain

B, K, D, T = 7, 4, 6, 5
CLASSES_B = (0, 2, 2, 1, 0, 2, 3)
LEAKY, SDE = plain.VARIANT["augmented"], plain.VARIANT["sde"]


@pytest.fixture
def toy():
    random = np.random.default_rng(1)
    label_KT, context_KT, synonym_KT = (unit(random.normal(size=(K, T)).astype(np.float32)) for _ in range(3))
    clips = Clips(random.normal(size=(B, D)).astype(np.float32), CLASSES_B)
    return clips, ClassTexts(tuple(range(K)), label_KT, context_KT, {"synonym": synonym_KT})


def trained(toy, **changed):
    clips, texts = toy
    *_, candidate = dvta.candidates(clips, texts, plain.params_of(**changed), 0)
    return candidate


def scored(toy, **changed):
    clips, texts = toy
    return trained(toy, **changed).score(clips.features_ND, texts)


def test_scores_are_probabilities_over_the_candidates(toy):
    np.testing.assert_allclose(scored(toy).sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(scored(toy, **plain.RELEASED).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("changed", [{}, plain.RELEASED, {"augmented": None}], ids=["paper", "released", "direct"])
def test_scores_are_those_of_the_plain_formulas_of_unit_features(toy, changed):
    clips, texts = toy
    candidate, params = trained(toy, **changed), plain.params_of(**changed)
    model = candidate.module.model.double()
    unit_ND = torch.from_numpy(clips.features_ND.astype(np.float64))
    unit_ND /= unit_ND.norm(dim=1, keepdim=True)
    text_SKT = torch.from_numpy(np.stack([texts.label_KT, texts.contexts()]).astype(np.float64))
    expected = plain.scores(model, params, unit_ND, text_SKT).detach().numpy()
    model.float()
    np.testing.assert_allclose(candidate.score(clips.features_ND, texts), expected, atol=1e-5)


def test_training_is_that_of_the_plain_formulas(toy):
    """One batch an epoch, so that the order of clips decides nothing; Adam by hand."""
    clips, texts = toy
    params = plain.params_of(batch_size=B, epochs=6, keep_every=6)
    [candidate] = dvta.candidates(clips, texts, params, 0)
    with dvta.torch_seeded(0, "dvta"):
        model = dvta.network.DVTA(params, feature_dim=D, text_dim=T)
    v_BD, text_SKT = (
        torch.from_numpy(unit(clips.features_ND)),
        torch.from_numpy(np.stack([texts.label_KT, texts.contexts()])),
    )
    optimizer = torch.optim.Adam(model.parameters())
    for rate in cosine_rates(params.lr, params.epochs):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        plain.loss(model, params, v_BD, text_SKT, torch.tensor(CLASSES_B)).backward()
        optimizer.step()
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(candidate.module.model.state_dict()[name], weight, rtol=1e-3, atol=1e-4)


def test_the_temperature_stays_positive_under_a_wild_learning_rate(toy):
    value = trained(toy, lr=5.0).module.model.temperature.value
    assert value.exp() > 0
    assert value.item() != pytest.approx(np.log(0.1))


def test_the_length_of_a_clips_features_says_nothing(toy):
    """Eq. 1, in training as in scoring."""
    clips, texts = toy
    lengths = 2.0 ** np.arange(B, dtype=np.float32)[:, None]
    np.testing.assert_allclose(scored((Clips(clips.features_ND * lengths, clips.class_ids), texts)), scored(toy), 1e-5)


def test_the_seed_decides_where_training_starts(toy):
    """One batch an epoch, so the order of batches decides nothing."""
    params = plain.params_of(batch_size=B, lr=1e-6, epochs=1)
    starts = [next(dvta.candidates(*toy, params, seed)).module.model.text.weight.detach() for seed in (0, 1)]
    assert (starts[0] - starts[1]).abs().max() > 0.01


@pytest.mark.parametrize(
    "changed",
    [
        {"lr": 0.02},
        {"weight_decay": 0.5},
        {"batch_size": 7},
        {"epochs": 2},
        {"warmup_epochs": 1},
        {"texts": ["label", "synonym"]},
        {"texts": ["label", "context", "synonym"]},
        {"texts": ["label"], "sde": None},
        {"centre": "seen"},
        {"visual": "linear"},
        {"text": "none", "sde": SDE | {"keys": "raw"}},
        {"sde": None},
        {"sde": SDE | {"query": "column"}},
        {"sde": SDE | {"keys": "raw"}},
        {"sde": SDE | {"measure": "cosine"}},
        {"sde": SDE | {"scale": 1.0}},
        {"direct": False},
        {"augmented": None},
        {"augmented": LEAKY | {"gamma": 0.2}},
        {"augmented": LEAKY | {"activation": "sigmoid", "gamma": None}},
        {"augmented": LEAKY | {"activation": "none", "gamma": None}},
        {"temperature": {"start": 0.5, "shared": True, "positive": True}},
        {"temperature": {"start": 0.1, "shared": True, "positive": False}},
        {"combine": "logits"},
        {"loss": {"name": "softmax_ce"}},
    ],
    ids=str,
)
def test_every_option_changes_the_scores(toy, changed):
    assert np.abs(scored(toy) - scored(toy, **changed)).max() > 1e-5


@pytest.mark.parametrize(
    "changed",
    [
        {"augmented": LEAKY | {"activation": "sigmoid", "gamma": None, "detached": True}},
        {"temperature": {"start": 0.1, "shared": False, "positive": True}},
        {"loss": {"name": "kld", "target": "softmax", "directions": "sum"}},
    ],
    ids=str,
)
def test_every_option_changes_the_scores_where_the_metric_network_learns(toy, changed):
    """Below 0 LeakySigmoid is all but flat, and its network learns next to nothing in so few steps."""
    alive = {"augmented": LEAKY | {"activation": "sigmoid", "gamma": None}, "epochs": 20}
    assert np.abs(scored(toy, **alive) - scored(toy, **alive | changed)).max() > 1e-5


def test_adding_both_directions_doubles_the_loss_and_trains_the_same(toy):
    """Adam divides by the size of the slopes."""
    halved = {"loss": {"name": "kld", "target": "uniform", "directions": "mean"}}
    first = [trained(toy, **changed, epochs=1, lr=1e-9).loss for changed in ({}, halved)]
    assert first[0] == pytest.approx(2 * first[1], rel=1e-4)
    np.testing.assert_allclose(scored(toy, **halved), scored(toy), atol=1e-4)


def test_the_order_of_two_texts_says_nothing_but_the_first_alone_does(toy):
    """SDE has no place for a label that a context has not."""
    np.testing.assert_allclose(scored(toy, texts=["context", "label"]), scored(toy), rtol=1e-3, atol=1e-4)
    alone = [scored(toy, texts=[kind], sde=None) for kind in ("label", "context")]
    assert np.abs(alone[0] - alone[1]).max() > 1e-3


def test_info_nce_learns_what_several_positives_teach_unless_each_column_has_its_own_blend(toy):
    """The losses differ, their slopes do not (tests/models/dvta/test_losses.py)."""
    nce = {"loss": {"name": "info_nce", "directions": "sum"}}
    assert trained(toy, **nce).loss > trained(toy).loss + 0.1
    np.testing.assert_allclose(scored(toy, **nce), scored(toy), rtol=1e-3, atol=1e-4)
    by_column = {"sde": SDE | {"query": "column"}}
    assert np.abs(scored(toy, **by_column) - scored(toy, **by_column, **nce)).max() > 1e-5


def test_blocks_of_pairs_score_as_one(toy, monkeypatch):
    whole_NK = scored(toy)
    monkeypatch.setattr(dvta, "PAIRS_IN_BLOCK", 2 * K)
    np.testing.assert_allclose(scored(toy), whole_NK, rtol=1e-5)


def test_what_lies_behind_the_scores_makes_them(toy):
    clips, texts = toy
    candidate = trained(toy)
    found = candidate.explain(clips.features_ND, texts)
    temperature = candidate.module.model.temperature.value.exp().item()
    p_NK = sum(np.exp(found[name] / temperature) for name in ("direct",))
    q_NK = np.exp(found["augmented"] / temperature)
    expected = (p_NK / p_NK.sum(axis=1, keepdims=True) + q_NK / q_NK.sum(axis=1, keepdims=True)) / 2
    np.testing.assert_allclose(candidate.score(clips.features_ND, texts), expected, rtol=1e-4)
    assert found["attention"].shape == (B, K, 2)
    np.testing.assert_allclose(found["attention"].sum(axis=2), 1, rtol=1e-5)
    assert (found["vectors"].shape, found["text_vectors"].shape) == ((B, T), (K, T))


def test_what_a_variant_has_not_is_not_explained(toy):
    clips, texts = toy
    found = trained(toy, sde=None, direct=False).explain(clips.features_ND, texts)
    assert set(found) == {"augmented", "vectors", "text_vectors"}
    assert set(trained(toy, augmented=None).explain(clips.features_ND, texts)) == {
        "direct",
        "attention",
        "vectors",
        "text_vectors",
    }


def test_without_sde_a_clips_cosines_are_those_of_the_explained_vectors(toy):
    clips, texts = toy
    found = trained(toy, sde=None, augmented=None).explain(clips.features_ND, texts)
    np.testing.assert_allclose(found["vectors"] @ found["text_vectors"].T, found["direct"], atol=1e-6)


def test_the_weights_that_are_kept_hold_the_mean_texts(toy):
    names = set(trained(toy, centre="seen").module.state_dict())
    assert {"text_mean.label", "text_mean.context", "metric.second.weight", "temperature.value"} <= names


def test_texts_without_contexts_are_refused_unless_the_label_is_enough(toy):
    clips, texts = toy
    bare = ClassTexts(texts.class_ids, texts.label_KT, None)
    with pytest.raises(DataError, match=r"no 'context' sentences.*prompt"):
        scored((clips, bare))
    label = {"texts": ["label"], "sde": None}
    np.testing.assert_array_equal(scored((clips, bare), **label), scored(toy, **label))


def test_texts_of_several_sizes_are_refused(toy):
    clips, texts = toy
    longer = ClassTexts(texts.class_ids, texts.label_KT, None, {"movement": np.eye(K, 9, dtype=np.float32)})
    with pytest.raises(DataError, match=r"equally long: label of 5, movement of 9 numbers; .*align\.methods\.dvta"):
        scored((clips, longer), texts=["label", "movement"])
    assert scored((clips, longer), texts=["label+movement"], sde=None).shape == (B, K)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"direct": False, "augmented": None}, "nothing is aligned"),
        ({"texts": ["label", "label"]}, "each of texts once"),
        ({"texts": ["label"]}, "nothing to blend"),
        ({"text": "none"}, "keys: projected needs text: linear"),
        ({"warmup_epochs": 3}, "fewer warmup_epochs than epochs"),
        ({"augmented": LEAKY | {"gamma": None}}, "gamma belongs to leaky_sigmoid"),
        ({"augmented": LEAKY | {"activation": "none"}}, "gamma belongs to leaky_sigmoid"),
        ({"sde": SDE | {"query": "column"}, "loss": {"name": "softmax_ce"}}, "texts without clips"),
        ({"sde": SDE | {"scale": 0.0}}, "scale"),
        ({"loss": {"name": "hinge"}}, "loss"),
    ],
    ids=str,
)
def test_a_variant_that_cannot_be_is_refused(changed, told):
    with pytest.raises(ParamsError, match=f"align.methods.dvta.toy.*{told}"):
        parse(dvta.Params, plain.VARIANT | changed, "align.methods.dvta.toy")
