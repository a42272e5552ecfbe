"""TDSM as a method: its scores against the plain network, every option, its noises, and bounded memory."""

# Shapes: N clips, D feature size, K classes, T text size, M noises.
import math

import numpy as np
import pytest
import torch

from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import parse
from pipeline.models.gradient_training import torch_seeded
from pipeline.models.methods import tdsm
from pipeline.models.methods.shared import ClassTexts, Clips, unit
from pipeline.models.tdsm.losses import RandomInputs, errors, triplet
from pipeline.models.tdsm.network import Denoiser
from tests.models.tdsm import plain

N, D, K, T = 9, 6, 4, 5
NOISE = {"steps": 10, "first": 0.05, "last": 0.3}
PARAMS = {
    "texts": ["label", "hands"],
    "centre": "none",
    "features": "standardised",
    "width": 8,
    "depth": 2,
    "heads": 2,
    "noise": NOISE,
    "margin": 0.5,
    "triplet_weight": 1.0,
    "lr": 0.01,
    "weight_decay": 0.01,
    "batch_size": N,
    "steps": 6,
    "warmup_steps": 2,
    "keep_every": 3,
    "score_step": 5,
    "num_noises": 1,
}


@pytest.fixture(scope="module")
def toy():
    random = np.random.default_rng(1)
    label_KT, hands_KT = (unit(random.normal(size=(K, T + more)).astype(np.float32)) for more in range(2))
    clips = Clips(random.normal(1, 2, size=(N, D)).astype(np.float32), tuple(place % K for place in range(N)))
    return clips, ClassTexts(tuple(range(K)), label_KT, None, {"hands": hands_KT})


def trained(toy, seed=0, **changed):
    clips, texts = toy
    *_, candidate = tdsm.candidates(clips, texts, tdsm.Params.model_validate(PARAMS | changed), seed)
    return candidate


def scored(toy, seed=0, **changed):
    clips, texts = toy
    return trained(toy, seed, **changed).score(clips.features_ND, texts)


@pytest.fixture(scope="module")
def usual(toy):
    return scored(toy)


@pytest.mark.parametrize(
    "changed",
    [
        {"texts": ["label"]},
        {"texts": ["hands", "label"]},
        {"centre": "seen"},
        {"features": "raw"},
        {"features": "unit"},
        {"width": 16},
        {"depth": 1},
        {"heads": 4},
        {"noise": NOISE | {"steps": 12}},
        {"noise": NOISE | {"first": 0.1}},
        {"noise": NOISE | {"last": 0.4}},
        {"margin": 1e-5},
        {"triplet_weight": 0.0},
        {"lr": 0.02},
        {"weight_decay": 0.5},
        {"batch_size": 4},
        {"steps": 3},
        {"warmup_steps": 1},
        {"keep_every": 2},
        {"score_step": 8},
        {"num_noises": 3},
    ],
    ids=str,
)
def test_every_option_changes_the_scores(toy, usual, changed):
    assert np.abs(usual - scored(toy, **changed)).max() > 1e-5


@pytest.mark.parametrize("num_noises", [1, 3])
def test_a_score_is_minus_the_mean_error_of_the_plain_network(toy, num_noises):
    clips, texts = toy
    candidate = trained(toy, num_noises=num_noises)
    found_NK = candidate.score(clips.features_ND, texts)
    noise_MD = candidate.module.noise_MD.double().numpy()
    assert noise_MD.shape == (num_noises, D)
    model, share = candidate.module.model.double(), plain.left(5, 0.05, 0.3, 10)
    x_ND = (clips.features_ND - clips.features_ND.mean(axis=0)) / clips.features_ND.std(axis=0)
    for n in range(N):
        for k in range(K):
            told = [texts.of_type(kind)[k].astype(np.float64) for kind in ("label", "hands")]
            each = [plain.error(model, x_ND[n], noise_D, share, 5, told) for noise_D in noise_MD]
            assert found_NK[n, k] == pytest.approx(-np.mean(each), rel=1e-4)


def test_the_noises_come_from_the_seed_and_the_first_stays_the_first(toy):
    one, three, other = (trained(toy, **each).module.noise_MD for each in ({}, {"num_noises": 3}, {"seed": 1}))
    assert torch.equal(one[0], three[0])
    assert not torch.equal(one, other)


def test_training_is_that_of_the_plain_loss(toy, monkeypatch):
    """All clips in a batch; AdamW by hand along the warm-up and the cosine, with what was drawn recorded."""
    _, texts = toy
    drawn, of, labels, first = [], RandomInputs.of, [], tdsm.losses.errors
    monkeypatch.setattr(tdsm.losses.RandomInputs, "of", lambda *sizes: drawn.append(of(*sizes)) or drawn[-1])
    monkeypatch.setattr(
        tdsm.losses, "errors", lambda model, x, label, *rest: labels.append((x, label)) or first(model, x, label, *rest)
    )
    candidate = trained(toy)
    with torch_seeded(0, "tdsm"):
        model = Denoiser(D, [T, T + 1], width=8, depth=2, heads=2)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.01)
    told = [torch.from_numpy(texts.of_type(kind)) for kind in ("label", "hands")]
    share_R = torch.tensor([plain.left(step, 0.05, 0.3, 10) for step in range(10)])
    for step, (draws, (x_ND, label_N)) in enumerate(zip(drawn, labels, strict=True)):
        rate = 0.01 * step / 2 if step < 2 else 0.01 * (1 + math.cos(math.pi * (step - 2) / 4)) / 2
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        right, wrong = errors(model, x_ND, label_N, told, share_R, draws)
        (right.mean() + triplet(right, wrong, draws.wrong_B != label_N, 0.5)).backward()
        optimizer.step()
    assert len(drawn) == 6
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(candidate.module.model.state_dict()[name], weight, rtol=1e-4, atol=1e-5)


def test_pairs_are_told_in_blocks_that_change_nothing(toy, monkeypatch):
    clips, texts = toy
    candidate, sizes = trained(toy), []
    whole = candidate.score(clips.features_ND, texts)
    monkeypatch.setattr(tdsm, "PAIRS_IN_BLOCK", 2 * K + 1)
    candidate.module.model.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    np.testing.assert_allclose(candidate.score(clips.features_ND, texts), whole, rtol=1e-5)
    assert sizes == [2 * K] * 4 + [K]


def test_the_cost_grows_with_classes_and_noises(toy):
    assert trained(toy, num_noises=3).cost(2).macs == 6 * trained(toy).cost(1).macs
    assert trained(toy).cost(1).num_params == sum(w.numel() for w in trained(toy).module.model.parameters())


def test_the_state_tells_all_that_scores_depend_on(toy):
    state = trained(toy, centre="seen").module.state_dict()
    assert {"intake.mean", "intake.scale", "noise", "text_mean.label", "text_mean.hands", "outward.weight"} <= set(
        state
    )


def test_a_type_of_text_that_is_not_there_is_refused(toy):
    with pytest.raises(DataError, match="no type 'synonym'; they have label, hands"):
        trained(toy, texts=["synonym"])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"heads": 3}, "width to be a multiple of heads"),
        ({"keep_every": 4}, "steps to be a multiple of keep_every"),
        ({"warmup_steps": 6}, "fewer warmup_steps than steps"),
        ({"score_step": 10}, "score_step below the steps of noise"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changed, told):
    with pytest.raises(ParamsError, match=told):
        parse(tdsm.Params, PARAMS | changed, "align.methods.tdsm.small")
