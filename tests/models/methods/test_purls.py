"""PURLS against loops in float64, its size, and its options."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pipeline.core.errors import DataError
from pipeline.models.methods import purls
from pipeline.models.methods.shared import Array, ClassTexts, Clips, unit

Doubles = npt.NDArray[np.float64]
KINDS = ["head", "hands", "torso", "legs", "start", "middle", "end", "global"]
PUBLISHED: dict[str, Any] = {
    "texts": KINDS,
    "centre": "none",
    "queries": "class",
    "heads": 2,
    "head_size": 150,
    "hidden_size": 1024,
    "hidden_layers": 1,
    "dropout": 0.5,
    "falling": False,
    "lr": 1e-4,
    "weight_decay": 0.0,
    "batch_size": 256,
    "epochs": 100,
    "keep_every": 10,
}
SMALL: dict[str, Any] = {
    **PUBLISHED,
    "texts": ["hands", "label"],
    "head_size": 3,
    "hidden_size": 7,
    "lr": 0.01,
    "batch_size": 5,
    "epochs": 4,
    "keep_every": 4,
}
TOKEN_DIM, TEXT_DIM, NUM_CLASSES = 4, 6, 3


def params(**changes: Any) -> purls.Params:
    return purls.Params.model_validate({**SMALL, **changes})


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def world() -> tuple[Clips, ClassTexts]:
    label_KT, hands_KT, legs_KT = (unit(drawn(NUM_CLASSES, TEXT_DIM, seed=seed)) for seed in range(3))
    texts = ClassTexts((0, 1, 2), label_KT, None, {"hands": hands_KT, "legs": legs_KT})
    return Clips(drawn(9, 3, 2, TOKEN_DIM), (0, 1, 2, 0, 1, 2, 0, 1, 2)), texts


def network(**changes: Any) -> purls.Network:
    torch.manual_seed(0)
    return purls.Network(TOKEN_DIM, TEXT_DIM, params(**changes)).double()


def array(values: torch.Tensor) -> Doubles:
    return values.detach().numpy().astype(np.float64)


def test_it_has_the_published_number_of_parameters() -> None:
    model = purls.Network(256, 512, purls.Params.model_validate(PUBLISHED))
    assert sum(values.numel() for values in model.parameters()) == 7_584_776
    of_configurations = purls.Network(256, 512, purls.Params.model_validate(PUBLISHED | {"hidden_layers": 0}))
    assert sum(values.numel() for values in of_configurations.parameters()) == 6_533_128  # printed as 6.53 M


def test_the_loss_is_both_cross_entropies_of_every_text() -> None:
    mapped_BST, text_BST = (drawn(4, 2, 5, seed=seed).astype(np.float64) for seed in (0, 1))
    factor_S = np.array([2.0, 0.7])
    expected = 0.0
    for s in range(2):
        score = [[factor_S[s] * sum(mapped_BST[a, s] * text_BST[b, s]) for b in range(4)] for a in range(4)]
        for a in range(4):
            row, column = score[a], [score[b][a] for b in range(4)]
            expected += sum(math.log(sum(map(math.exp, line))) - score[a][a] for line in (row, column)) / 4
    found = purls.contrastive_loss(*(torch.from_numpy(each) for each in (mapped_BST, text_BST, factor_S)))
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_the_network_is_what_its_formulas_say() -> None:
    """In eval mode, where batch norm is a shift and a scale of what was seen in training."""
    model = network()
    token_BPD, query_BQST = (drawn(*shape).astype(np.float64) for shape in ((2, 5, TOKEN_DIM), (2, 3, 2, TEXT_DIM)))
    for norm in (model.encoder[0], model.encoder[4], model.encoder[8]):
        assert isinstance(norm, torch.nn.BatchNorm1d)
        norm.running_mean, norm.running_var = (torch.rand(norm.num_features).double() + 0.5 for _ in range(2))
    found = array(model.eval()(*(torch.from_numpy(each) for each in (token_BPD, query_BQST))))
    query, key = array(model.query.weight), array(model.key.weight)
    for b in range(2):
        for q in range(3):
            mixed = []
            for s in range(2):
                asked = (query @ query_BQST[b, q, s]).reshape(2, 3)
                shown = [(key @ token).reshape(2, 3) for token in token_BPD[b]]
                score = np.array([np.mean([asked[h] @ k[h] / math.sqrt(3) for h in range(2)]) for k in shown])
                weight = np.exp(score) / np.exp(score).sum()
                mixed.append(weight @ token_BPD[b])
            x = np.concatenate(mixed)
            for place, last in ((0, False), (4, False), (8, True)):
                norm, linear = model.encoder[place], model.encoder[place + 2]
                mean, var = array(norm.running_mean), array(norm.running_var)
                x = array(linear.weight) @ ((x - mean) / np.sqrt(var + 1e-5)) + array(linear.bias)
                x = np.tanh(x) if last else x / (1 + np.exp(-x))
            np.testing.assert_allclose(found[b, q], x.reshape(2, TEXT_DIM), rtol=1e-10, atol=1e-12)


def asked(queries: str) -> tuple[purls.PurlsScorer, Clips, ClassTexts]:
    clips, texts = world()
    candidate = next(purls.candidates(clips, texts, params(queries=queries), 0))
    assert isinstance(candidate.module, purls.PurlsScorer)
    return candidate.module, clips, texts


@pytest.mark.parametrize("queries", ["class", "kind"])
def test_a_score_is_the_product_of_the_wholes_after_the_class_or_all_have_asked(queries: str) -> None:
    asking, clips, texts = asked(queries)
    found_NK = asking.scores(clips.features_ND, texts)
    hands_KT, label_KT = texts.further["hands"], texts.label_KT
    kind_ST = unit(np.stack([hands_KT.mean(axis=0), label_KT.mean(axis=0)]))
    token_NPD = torch.from_numpy(unit(clips.features_ND.reshape(9, 6, TOKEN_DIM)))
    for place in range(NUM_CLASSES):
        query_ST = np.stack([hands_KT[place], label_KT[place]]) if queries == "class" else kind_ST
        query = torch.from_numpy(query_ST).expand(9, 1, -1, -1)
        whole_NT = array(asking.model(token_NPD, query)[:, 0, 1])
        np.testing.assert_allclose(found_NK[:, place], whole_NT @ label_KT[place], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("queries", ["class", "kind"])
def test_in_training_a_clip_is_asked_with_the_texts_of_its_class_or_of_all(queries: str) -> None:
    scorer, clips, texts = asked(queries)
    scorer.model.eval()  # without dropout
    token_NPD = torch.from_numpy(unit(clips.features_ND.reshape(9, 6, TOKEN_DIM)))
    text_NST = scorer.texts(texts)[torch.from_numpy(texts.rows(clips.class_ids))]
    query_NST = text_NST if queries == "class" else scorer.kind_ST.expand_as(text_NST)
    assert torch.equal(scorer.mapped(token_NPD, text_NST), scorer.model(token_NPD, query_NST[:, None])[:, 0])
    assert not torch.allclose(text_NST, scorer.kind_ST.expand_as(text_NST))


def test_the_candidates_at_hand_do_not_change_a_score() -> None:
    for queries in ("class", "kind"):
        asking, clips, texts = asked(queries)
        some_NK = asking.scores(clips.features_ND, texts.of([2, 0]))
        np.testing.assert_allclose(some_NK, asking.scores(clips.features_ND, texts)[:, [2, 0]], rtol=1e-4, atol=1e-6)


def test_few_pairs_at_a_time_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    asking, clips, texts = asked("class")
    expected_NK = asking.scores(clips.features_ND, texts)
    monkeypatch.setattr(purls, "PAIRS_IN_BLOCK", 4)
    np.testing.assert_allclose(asking.scores(clips.features_ND, texts), expected_NK, rtol=1e-5, atol=1e-6)


def test_the_cost_counts_every_multiplication_of_a_clip() -> None:
    asking, *_ = asked("class")
    keys, mixing = 6 * TOKEN_DIM * 6, 2 * 6 * (6 + TOKEN_DIM)  # of 6 tokens, 2 heads of 3 and 2 texts
    encoder = 8 * 7 + 7 * 7 + 7 * 12
    assert asking.cost(3).macs == keys + 3 * (mixing + encoder + TEXT_DIM)
    assert asked("kind")[0].cost(3).macs == keys + mixing + encoder + 3 * TEXT_DIM


def test_texts_of_several_sizes_are_refused() -> None:
    clips, texts = world()
    texts = ClassTexts(texts.class_ids, texts.label_KT, None, {"hands": drawn(NUM_CLASSES, 4)})
    with pytest.raises(DataError, match=r"purls reads several texts.*hands of 4, label of 6.*align\.methods\.purls"):
        next(purls.candidates(clips, texts, params(), 0))


@pytest.mark.parametrize(("num_clips", "batch_size"), [(1, 5), (3, 2)])
def test_a_clip_alone_in_its_batch_is_refused_in_a_line(num_clips: int, batch_size: int) -> None:
    clips, texts = world()
    few = clips.of(np.arange(len(clips.class_ids)) < num_clips)
    with pytest.raises(DataError, match=rf"purls: {num_clips} training clips in batches of {batch_size} leave a clip"):
        next(purls.candidates(few, texts, params(batch_size=batch_size), 0))


def test_a_text_is_named_once() -> None:
    with pytest.raises(ValueError, match="each of texts once"):
        params(texts=["label", "label"])


@pytest.mark.parametrize(
    "changed",
    [
        {"texts": ["legs", "label"]},
        {"texts": ["label", "hands"]},
        {"centre": "seen"},
        {"queries": "kind"},
        {"heads": 1},
        {"head_size": 4},
        {"hidden_size": 8},
        {"hidden_layers": 0},
        {"dropout": 0.1},
        {"falling": True},
        {"lr": 0.02},
        {"weight_decay": 0.5},
        {"batch_size": 9},
        {"epochs": 3},
    ],
    ids=str,
)
def test_every_option_changes_the_scores(changed: dict[str, Any]) -> None:
    clips, texts = world()

    def scored(**changes: Any) -> Array:
        *_, candidate = purls.candidates(clips, texts, params(**changes), 0)
        return candidate.score(clips.features_ND, texts)

    assert np.abs(scored() - scored(**changed)).max() > 1e-5
