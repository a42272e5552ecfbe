"""What every file of pipeline/models/methods must pass, in a toy world that a linear map solves.

A method without a map is given clips that lie in the space of the texts, as those of a CLIP do; one that reads two
senses is given those of both, the second beside the first in one space, but noisier. One that compares measured with
told movements is given measures that stand before each clip's vector. Of tokens each clip's vector is the mean; they
differ by what a place and a draw add. A variant of a clip has half of its vector, and noise.
"""

# Shapes: N clips, D feature size, K classes, T text size.
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.core import members
from pipeline.core.measures import MEASURES
from pipeline.models.methods.shared import Array, CandidateModel, ClassTexts, Clips, Method, Need, unit
from pipeline.text.prompts import TOLD_MEASURES
from pipeline.training.selection import METHODS, method
from tests.models.dvta.plain import VARIANT

PENALISED = {"text_type": "label", "centre": "none", "lambdas": [0.01, 1.0]}
DESCENT = {"batch_size": 32, "epochs": 12, "keep_every": 5, "weight_decay": 0.0}
CYCLES = {
    "latent_dim": 12,
    "shared_noise": True,
    "rectified": False,
    "features": "standardised",
    "lr": 1e-2,
    "batch_size": 32,
    "cycles": 2,
    "steps": 60,
    "clip_kl": {"weight": 0.1, "over": 3000, "start": 20, "after": 20, "first_cycle": 1},
    "text_kl": {"weight": 0.1, "over": 3000, "start": 20, "after": 30, "first_cycle": 1},
    "cross": {"weight": 1.0, "after": 30},
    "classifier": {"num_samples": 20, "lr": 1e-2, "num_steps": 60},
}
DISCRIMINATOR = {**DESCENT, "lr": 3e-3, "text_type": "label", "centre": "none", "warmup_epochs": 2, "widths": [64, 32]}
PARAMS: dict[str, dict[str, Any]] = {
    "bind_supervised": {**PENALISED, "learns_from": "depth", "scores": "skeleton"},
    "cada_vae": {**CYCLES, "text_type": "label", "centre": "none"},
    "cosine": {"text_type": "label", "fusion": None},
    "devise": {**DESCENT, "margin": 0.1, "lr": 1e-2, "text_type": "label", "centre": "none"},
    "dvta": {**VARIANT, **DESCENT, "lr": 1e-2},
    "eszsl": {**PENALISED, "text_penalty": 0.3, "clip": 4.0},
    "jpose": {
        **DESCENT,
        "verb": "verb",
        "noun": "noun",
        "centre": "none",
        "features": "unit",
        "text_hidden": None,
        "part_dim": 12,
        "joint_dim": 12,
        "margin": 0.3,
        "triplets": 0.01,
        "lr": 1e-2,
    },
    "ours": {
        **PENALISED,
        "scorers": ["ridge", "prototypes", "eszsl", "measured"],
        "gamma": 0.5,
        "text_penalty": 0.3,
        "clip": 4.0,
    },
    "pgfa": {"text_type": "label", "centre": "none", "prototypes": None},
    "prototypes": {"text_type": "label", "centre": "none", "gammas": [0.01, 1.0], "clip": 4.0},
    "purls": {
        **DESCENT,
        "lr": 3e-3,
        "texts": ["context", "label"],
        "centre": "none",
        "queries": "kind",
        "heads": 2,
        "head_size": 8,
        "hidden_size": 64,
        "hidden_layers": 0,
        "dropout": 0.0,
        "falling": True,
    },
    "relationnet": {
        **DESCENT,
        "text_type": "label",
        "centre": "none",
        "features": "standardised",
        "hidden_dim": 64,
        "batch_size": 8,
        "lr": 1e-2,
    },
    "revise": {
        **DESCENT,
        "text_type": "label",
        "centre": "none",
        "features": "standardised",
        "rectified": False,
        "text_hidden": None,
        "code_dim": 32,
        "common_dim": 12,
        "margin": 0.3,
        "contraction": 1e-4,
        "kernel": 0.1,
        "lr": 1e-2,
    },
    "ridge": PENALISED,
    "smie": {**DISCRIMINATOR, "margin": 0.1, "constraint": 0.5},
    "smie_global": DISCRIMINATOR,
    "synse": {**CYCLES, "noun": "noun", "verb": "verb", "centre": "none"},
    "tdsm": {
        "texts": ["label", "context"],
        "centre": "none",
        "features": "standardised",
        "width": 32,
        "depth": 1,
        "heads": 2,
        "noise": {"steps": 50, "first": 0.00085, "last": 0.012},
        "margin": 1.0,
        "triplet_weight": 1.0,
        "lr": 6e-3,
        "weight_decay": 0.01,
        "batch_size": 64,
        "steps": 150,
        "warmup_steps": 10,
        "keep_every": 75,
        "score_step": 25,
        "num_noises": 1,
    },
}
EPOCHS, LAMBDAS, ROUNDS = ["5", "10", "12"], ["0.01", "1.0"], ["1", "2"]
WITHOUT_EXPLANATION = {"eszsl", "prototypes", "purls", "smie", "smie_global", "tdsm"}
SETTINGS = {name: EPOCHS if "epochs" in given else LAMBDAS for name, given in PARAMS.items()}
SETTINGS |= {"cosine": ["0"], "pgfa": ["0"], "cada_vae": ROUNDS, "synse": ROUNDS, "tdsm": ["75", "150"]}
SEEN, UNSEEN = list(range(30)), list(range(30, 36))
DIM, TEXT_DIM = 16, 12
WITHOUT_A_MAP = {"cosine", "pgfa"}
TWO_SENSES = {"bind_supervised"}
MEASURING = {"ours"}


def world(name: str) -> tuple[ClassTexts, Clips, Clips]:
    """Texts of all classes, clips of the seen and of the unseen: a clip is its class's text, mapped, and noise."""
    senses = ("depth", "skeleton") if name in TWO_SENSES else ()
    return made(name in WITHOUT_A_MAP, senses, name in MEASURING, method(name).NEEDS)


@cache
def made(one_space: bool, senses: tuple[str, ...], measuring: bool, need: Need) -> tuple[ClassTexts, Clips, Clips]:
    random = np.random.default_rng(5)
    label_KT = unit(random.normal(size=(36, TEXT_DIM)).astype(np.float32))
    context_KT = unit(label_KT + 0.2 * random.normal(size=label_KT.shape).astype(np.float32))
    told_KM = unit(random.normal(size=(36, len(MEASURES))).astype(np.float32))
    is_verb_T = np.arange(TEXT_DIM) < TEXT_DIM // 2  # verb and noun: each says a half of what the label says
    parts = {"verb": unit(label_KT * is_verb_T), "noun": unit(label_KT * ~is_verb_T)}
    texts = ClassTexts((*SEEN, *UNSEEN), label_KT, context_KT, {TOLD_MEASURES: told_KM, **parts})
    map_TD = np.eye(TEXT_DIM) if one_space else random.normal(size=(TEXT_DIM, DIM))

    def clips(class_ids: list[int]) -> Clips:
        each = tuple(class_id for class_id in class_ids for _ in range(8))
        noise_ND = 0.3 * random.normal(size=(len(each), map_TD.shape[1]))
        first_ND = (label_KT[list(each)] @ map_TD + noise_ND).astype(np.float32)
        beside = [(first_ND + 0.2 * random.normal(size=first_ND.shape)).astype(np.float32) for _ in senses[1:]]
        measures_NM = told_KM[list(each)] + 0.1 * random.normal(size=(len(each), len(MEASURES)))
        before = [measures_NM.astype(np.float32)] if measuring else []
        pooled_ND = np.concatenate([*before, first_ND, *beside], axis=1)
        return Clips(as_needed(pooled_ND, need), each, senses, MEASURES * measuring)

    return texts, clips(SEEN), clips(UNSEEN)


def as_needed(pooled_ND: Array, need: Need) -> Array:
    """What a method needs of clips with such vectors, drawn apart from the world."""
    random = np.random.default_rng(11)
    place_SVD, draw_NSVD = random.normal(size=(3, 4, DIM)), random.normal(size=(len(pooled_ND), 3, 4, DIM))
    away_NSVD = place_SVD - place_SVD.mean((0, 1)) + 0.3 * (draw_NSVD - draw_NSVD.mean((1, 2), keepdims=True))
    found = {
        "pooled": pooled_ND,
        "tokens": pooled_ND[:, None, None] + away_NSVD if need == "tokens" else pooled_ND,
        "masked": np.stack([pooled_ND, *(0.5 * pooled_ND + 0.5 * draw_NSVD[:, 0, place] for place in (0, 1))], axis=1)
        if need == "masked"
        else pooled_ND,
    }
    return found[need].astype(np.float32)


def trained(name: str, seed: int = 0) -> Iterator[CandidateModel]:
    texts, seen, _ = world(name)
    member: Method = method(name)
    params = member.Params.model_validate(PARAMS[name])
    return member.candidates(seen, texts.of(SEEN), params, seed)


@cache
def first(name: str) -> CandidateModel:
    return next(trained(name))


@cache
def course(name: str) -> tuple[list[str], CandidateModel]:
    """The settings of all candidates of one training, and the last of them."""
    settings = []
    for candidate in trained(name):
        settings.append(candidate.setting)
    return settings, candidate


def last(name: str) -> CandidateModel:
    return course(name)[1]


def scores(name: str, candidate: CandidateModel, features_ND: Array, class_ids: list[int]) -> Array:
    return candidate.score(features_ND, world(name)[0].of(class_ids))


def test_every_method_has_its_toy_parameters() -> None:
    assert members.names(METHODS) == sorted(PARAMS)


@pytest.mark.parametrize("name", PARAMS)
class TestMethod:
    def test_unseen_classes_are_told_apart_well_above_chance(self, name: str) -> None:
        _, _, unseen = world(name)
        guesses = np.array(UNSEEN)[scores(name, last(name), unseen.features_ND, UNSEEN).argmax(axis=1)]
        assert np.mean(guesses == np.array(unseen.class_ids)) > 3 / len(UNSEEN)

    def test_scores_are_finite_float32_of_clips_by_classes(self, name: str) -> None:
        _, _, unseen = world(name)
        score_NK = scores(name, last(name), unseen.features_ND, UNSEEN)
        assert (score_NK.dtype, score_NK.shape) == (np.float32, (48, 6))
        assert np.isfinite(score_NK).all()

    def test_a_permutation_of_the_classes_permutes_the_scores(self, name: str) -> None:
        _, _, unseen = world(name)
        order = np.array([3, 0, 5, 1, 4, 2])
        straight_NK = scores(name, last(name), unseen.features_ND, UNSEEN)
        permuted_NK = scores(name, last(name), unseen.features_ND, [UNSEEN[place] for place in order])
        np.testing.assert_allclose(permuted_NK, straight_NK[:, order], rtol=1e-5, atol=1e-6)

    def test_the_score_of_a_clip_does_not_depend_on_its_mates(self, name: str) -> None:
        _, _, unseen = world(name)
        together_NK = scores(name, last(name), unseen.features_ND, UNSEEN)
        alone_NK = np.concatenate([scores(name, last(name), row_D[None], UNSEEN) for row_D in unseen.features_ND[:5]])
        np.testing.assert_allclose(alone_NK, together_NK[:5], rtol=1e-5, atol=1e-6)

    def test_only_a_method_that_says_so_scores_clips_together(self, name: str) -> None:
        assert not method(name).Params.model_validate(PARAMS[name]).transductive

    def test_the_same_seed_gives_the_same_bytes(self, name: str) -> None:
        torch.manual_seed(99)  # what was drawn before does not matter
        again = next(trained(name))
        assert first(name).loss == again.loss
        for (one, left), (other, right) in zip(
            first(name).module.state_dict().items(), again.module.state_dict().items(), strict=True
        ):
            assert (one, np.asarray(left).tobytes()) == (other, np.asarray(right).tobytes())

    def test_what_lies_behind_the_scores_has_a_row_a_clip_or_a_class(self, name: str) -> None:
        _, _, unseen = world(name)
        candidate, texts = last(name), world(name)[0].of(UNSEEN)
        assert (candidate.explain is None) == (name in WITHOUT_EXPLANATION)
        found = candidate.explain(unseen.features_ND, texts) if candidate.explain else {}
        assert set(found) <= {"direct", "augmented", "attention", "vectors", "text_vectors"}
        for kind in found:
            rows = len(UNSEEN) if kind == "text_vectors" else len(unseen.class_ids)
            assert (found[kind].dtype, len(found[kind])) == (np.float32, rows)
        for kind in {"direct", "augmented", "attention"} & set(found):
            assert found[kind].shape[1] == len(UNSEEN)

    def test_what_a_clip_costs_grows_with_the_classes(self, name: str) -> None:
        candidate = last(name)
        assert candidate.cost is not None
        one, two, three = (candidate.cost(num_classes) for num_classes in (1, 2, 3))
        assert one.num_params == three.num_params
        assert two.macs - one.macs == three.macs - two.macs > 0

    def test_candidates_come_as_the_params_say(self, name: str) -> None:
        found, _ = course(name)
        params = method(name).Params.model_validate(PARAMS[name])
        assert found == params.settings == SETTINGS[name]
        assert [float(setting) for setting in found] == sorted(float(setting) for setting in found)

    def test_the_training_order_of_the_clips_does_not_decide_their_class(self, name: str) -> None:
        """Joins are by id: texts in another order, and more of them, train the same."""
        texts, seen, unseen = world(name)
        shuffled = texts.of([*UNSEEN, *reversed(SEEN)])
        params = method(name).Params.model_validate(PARAMS[name])
        shuffled_first = next(method(name).candidates(seen, shuffled, params, 0))
        score_NK = shuffled_first.score(unseen.features_ND, texts.of(UNSEEN))
        expected_NK = scores(name, first(name), unseen.features_ND, UNSEEN)
        np.testing.assert_allclose(score_NK, expected_NK, rtol=1e-4, atol=1e-5)
