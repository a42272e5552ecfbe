"""SMIE's losses against loops in float64, its size, and its options; with and without the temporal constraint."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pipeline.models import mutual_information
from pipeline.models.gradient_training import torch_seeded
from pipeline.models.methods import smie, smie_global
from pipeline.models.methods.shared import Array, ClassTexts, Clips, unit
from pipeline.models.mutual_information import Discriminator

GLOBAL: dict[str, Any] = {
    "text_type": "label",
    "centre": "none",
    "widths": [7, 5],
    "warmup_epochs": 1,
    "lr": 0.01,
    "weight_decay": 0.0,
    "batch_size": 5,
    "epochs": 4,
    "keep_every": 4,
}
WHOLE: dict[str, Any] = {**GLOBAL, "margin": 0.1, "constraint": 0.5}
DIM, TEXT_DIM = 4, 6


def drawn(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(np.float32)


def world() -> tuple[Clips, ClassTexts]:
    """Clips with two variants each."""
    label_KT, hands_KT = (unit(drawn(3, TEXT_DIM, seed=seed)) for seed in range(2))
    return Clips(drawn(9, 3, DIM), (0, 1, 2) * 3), ClassTexts((0, 1, 2), label_KT, None, {"hands": hands_KT})


def without_variants(clips: Clips) -> Clips:
    return Clips(clips.features_ND[:, 0], clips.class_ids)


def discriminator() -> Discriminator:
    torch.manual_seed(0)
    return Discriminator(DIM, TEXT_DIM, [7, 5]).double()


def plain(model: Discriminator, feature_D: npt.NDArray[Any], text_T: npt.NDArray[Any]) -> float:
    """What the network gives for one pair."""
    feature_D = feature_D.astype(np.float64)
    x = np.concatenate([(feature_D - feature_D.mean()) / math.sqrt(feature_D.var() + 1e-5), text_T])
    for place, layer in enumerate(model.layers):
        x = layer.weight.detach().numpy() @ x + layer.bias.detach().numpy()
        x = np.maximum(x, 0) if place < 2 else x
    return float(x[0])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_it_has_the_published_number_of_parameters() -> None:
    model = Discriminator(256, 768, [1024, 512])
    assert sum(values.numel() for values in model.parameters()) == 1_574_913


@pytest.mark.parametrize("margin", [0.0, 0.1, 10.0])
def test_the_loss_is_the_information_and_what_the_variants_must_lack(margin: float) -> None:
    model, features_BKD, text_BT = discriminator(), drawn(4, 3, DIM), drawn(4, TEXT_DIM).astype(np.float64)
    whole = np.mean([-softplus(-plain(model, features_BKD[b, 0], text_BT[b])) for b in range(4)])
    false = np.mean([softplus(plain(model, features_BKD[(b + 1) % 4, 0], text_BT[b])) for b in range(4)])
    hidden = np.mean([-softplus(-plain(model, features_BKD[b, k], text_BT[b])) for b in range(4) for k in (1, 2)])
    expected = false - whole + 0.5 * max(0.0, margin - ((whole - false) - (hidden - false)))
    params = smie.Params.model_validate(WHOLE | {"margin": margin})
    found = smie.constrained_loss(model, torch.from_numpy(features_BKD).double(), torch.from_numpy(text_BT), params)
    assert found.item() == pytest.approx(expected, rel=1e-10)


def test_without_the_constraint_the_loss_is_less_the_information() -> None:
    model, features_BD, text_BT = discriminator(), drawn(4, DIM), drawn(4, TEXT_DIM).astype(np.float64)
    true = np.mean([-softplus(-plain(model, features_BD[b], text_BT[b])) for b in range(4)])
    false = np.mean([softplus(plain(model, features_BD[(b + 1) % 4], text_BT[b])) for b in range(4)])
    given = torch.from_numpy(features_BD).double(), torch.from_numpy(text_BT)
    assert mutual_information.true_pair_term(model, *given).item() == pytest.approx(true, rel=1e-10)
    assert mutual_information.false_pair_term(model, *given).item() == pytest.approx(false, rel=1e-10)


def test_the_loss_of_an_epoch_is_what_the_network_says_of_its_clips() -> None:
    """Of clips that are all the same, so that it does not matter which is the next; nothing is learnt in the first."""
    clips, texts = world()
    same = Clips(np.repeat(clips.features_ND[:1, 0], 9, axis=0), clips.class_ids)
    one_batch = smie_global.Params.model_validate(GLOBAL | {"batch_size": 9, "keep_every": 1})
    first = next(smie_global.candidates(same, texts, one_batch, 0))
    assert isinstance(first.module, mutual_information.PairScorer)
    found = [plain(first.module.model, same.features_ND[0], text_T) for text_T in texts.label_KT]
    assert first.loss == pytest.approx(np.mean([softplus(x) + softplus(-x) for x in found]), rel=1e-5)


def test_scores_are_log_probabilities_of_true_pairs_of_the_clip_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    clips, texts = world()
    *_, candidate = smie.candidates(clips, texts, smie.Params.model_validate(WHOLE), 0)
    assert isinstance(candidate.module, mutual_information.PairScorer)
    monkeypatch.setattr(mutual_information, "PAIRS_IN_BLOCK", 4)
    found_NK = candidate.score(clips.features_ND, texts)
    expected_NK = [
        [-softplus(-plain(candidate.module.model, row[0], text_T)) for text_T in texts.label_KT]
        for row in clips.features_ND
    ]
    np.testing.assert_allclose(found_NK, expected_NK, rtol=1e-4, atol=1e-6)


def test_nothing_is_learnt_in_the_first_epoch_of_a_warm_up() -> None:
    clips, texts = world()
    with torch_seeded(3, "smie"):
        start = Discriminator(DIM, TEXT_DIM, [7, 5]).layers[0].weight.detach().numpy().copy()
    away = []
    for candidate in smie.candidates(clips, texts, smie.Params.model_validate(WHOLE | {"keep_every": 1}), 3):
        weight = candidate.module.state_dict()["layers.0.weight"]
        away.append(np.abs(weight.numpy() - start).max())
    assert away[0] == 0 < away[1] < away[2]


def test_a_warm_up_ends_before_the_last_epoch() -> None:
    with pytest.raises(ValueError, match="fewer warmup_epochs than epochs"):
        smie_global.Params.model_validate(GLOBAL | {"warmup_epochs": 4})


COMMON = [
    {"text_type": "hands"},
    {"centre": "seen"},
    {"widths": [7]},
    {"warmup_epochs": 0},
    {"lr": 0.02},
    {"weight_decay": 0.5},
    {"batch_size": 9},
    {"epochs": 3},
]


@pytest.mark.parametrize("changed", [*COMMON, {"margin": 0.0}, {"constraint": 2.0}], ids=str)
def test_every_option_changes_the_scores(changed: dict[str, Any]) -> None:
    clips, texts = world()

    def scored(**params: Any) -> Array:
        *_, candidate = smie.candidates(clips, texts, smie.Params.model_validate(params), 0)
        return candidate.score(clips.features_ND, texts)

    changes = {"margin": 5.0} if "constraint" in changed else {}  # so that the constraint is broken everywhere
    assert np.abs(scored(**WHOLE | changes) - scored(**WHOLE | changes | changed)).max() > 1e-5


@pytest.mark.parametrize("changed", COMMON, ids=str)
def test_every_option_changes_the_scores_without_the_constraint(changed: dict[str, Any]) -> None:
    clips, texts = world()
    clips = without_variants(clips)

    def scored(**params: Any) -> Array:
        *_, candidate = smie_global.candidates(clips, texts, smie_global.Params.model_validate(params), 0)
        return candidate.score(clips.features_ND, texts)

    assert np.abs(scored(**GLOBAL) - scored(**GLOBAL | changed)).max() > 1e-5
