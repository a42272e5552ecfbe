"""TDSM: Triplet Diffusion for Skeleton-Text Matching (Do and Kim, ICCV 2025).

A network reads a clip's features with noise mixed in, and the texts of a class, and predicts the noise. It is trained
to err less with the right texts than with others. A clip is assigned to the class with the smallest error for one
noise, which is the same for all clips. That noise changes accuracies by points, so it is drawn from the seed, and
scores can be averaged over several (the paper describes one, the released configuration adds three).

Differences from the released code: a text is one token, its vector scaled to deviation 1, where theirs are the 35
tokens of CLIP's text tower for label and description side by side. As there, all vectors of a class, joined, drive the
adaptive layer norms. Every step draws its batch from all clips, where theirs go through the clips epoch by epoch.
Candidate models are chosen on the validation classes, where theirs are chosen on the test clips.
"""

# Shapes: B clips of a batch, N clips, D feature size, K classes, R steps of the noise, M noises.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipeline.models.arrays import as_array
from pipeline.models.dense import num_params
from pipeline.models.feature_transform import FeatureTransform
from pipeline.models.gradient_training import torch_seeded, train_rounds
from pipeline.models.methods.shared import (
    Array,
    CandidateModel,
    ClassEmbedder,
    ClassTexts,
    Clips,
    Cost,
    Need,
    Rows,
    mean_texts,
)
from pipeline.models.tdsm import losses
from pipeline.models.tdsm.cost import macs
from pipeline.models.tdsm.network import Denoiser
from pipeline.models.tdsm.noise import add_noise, signal_shares
from pipeline.models.tdsm.params import TdsmParams as Params

NEEDS: Need = "pooled"

PAIRS_IN_BLOCK = 1 << 11  # (clip, class) pairs scored at once: bounds memory


@dataclass(frozen=True)
class NoiseScorer:
    """The network, how it reads features and classes, and the noise for which it is scored."""

    model: Denoiser
    params: Params
    embedders: tuple[ClassEmbedder, ...]  # of each text of a class
    intake: FeatureTransform
    noise_MD: Tensor

    def texts(self, texts: ClassTexts) -> list[Tensor]:
        """Unit vectors (K, T) of each text."""
        return [torch.from_numpy(embedder(texts)) for embedder in self.embedders]

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Minus the mean squared error of the predicted noises, (N, K)."""
        x_ND, num_classes = self.intake(torch.from_numpy(features_ND)), len(texts.class_ids)
        step_K = torch.full((num_classes,), self.params.score_step)
        share = signal_shares(self.params.noise)[self.params.score_step]
        size = max(1, PAIRS_IN_BLOCK // num_classes)
        score_NK = torch.zeros(len(x_ND), num_classes)
        with torch.no_grad():
            tokens = self.model.texts(self.texts(texts))
            for start in range(0, len(x_ND), size):
                x_BD = x_ND[start : start + size]
                row_P = torch.arange(num_classes).repeat(len(x_BD))
                for noise_D in self.noise_MD:
                    noisy_BD = add_noise(x_BD, noise_D.expand_as(x_BD), share.expand(len(x_BD)))
                    predicted_PD = self.model(noisy_BD.repeat_interleave(num_classes, dim=0), step_K, tokens, row_P)
                    error_BK = (predicted_PD - noise_D).square().mean(dim=1).unflatten(0, (-1, num_classes))
                    score_NK[start : start + size] -= error_BK / len(self.noise_MD)
        return as_array(score_NK)

    def cost(self, num_classes: int) -> Cost:
        """Of the layers, for each class and noise; what depends on the class alone is computed once."""
        return Cost(num_params(self.model), num_classes * len(self.noise_MD) * macs(self.model))

    def state_dict(self) -> dict[str, Any]:
        """The weights, the scales of features, the noises and the mean texts."""
        intake = self.intake.state_dict(prefix="intake.")
        return {**self.model.state_dict(), **intake, "noise": self.noise_MD, **mean_texts(self.embedders)}


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The network after every `keep_every` steps. Raises DataError for a type of text that is not there."""
    seen = texts.of_clips(clips)
    scorer = _initial_scorer(clips, seen, params, seed)
    model, text_KT = scorer.model, scorer.texts(seen)
    x_ND = scorer.intake(torch.from_numpy(clips.features_ND))
    label_N, share_R = torch.from_numpy(seen.rows(clips.class_ids)), signal_shares(params.noise)

    def loss_of(rows: Rows, round_: int, step: int) -> Tensor:  # noqa: ARG001 - one interface
        label_B = label_N[rows]
        random = losses.RandomInputs.of(x_ND[rows], params.noise.steps, len(seen.class_ids))
        right_B, wrong_B = losses.errors(model, x_ND[rows], label_B, text_KT, share_R, random)
        separation = losses.triplet(right_B, wrong_B, random.wrong_B != label_B, params.margin)
        return right_B.mean() + params.triplet_weight * separation

    for setting, loss in zip(
        params.settings, train_rounds(model, loss_of, len(x_ND), params.schedule, seed), strict=True
    ):
        yield CandidateModel(setting, loss, scorer.scores, scorer, cost=scorer.cost)


def _initial_scorer(clips: Clips, seen: ClassTexts, params: Params, seed: int) -> NoiseScorer:
    """The scorer before training."""
    embedders = tuple(ClassEmbedder.of(kind, params.centre, seen) for kind in params.texts)
    dim, text_dims = clips.features_ND.shape[1], [embedder(seen).shape[1] for embedder in embedders]
    with torch_seeded(seed, "tdsm"):
        model = Denoiser(dim, text_dims, width=params.width, depth=params.depth, heads=params.heads)
    noise_MD = torch.stack([_noise(dim, seed, number) for number in range(params.num_noises)])
    return NoiseScorer(model, params, embedders, FeatureTransform(params.features, clips.features_ND), noise_MD)


def _noise(dim: int, seed: int, number: int) -> Tensor:
    """One of the noises; it does not depend on how many there are."""
    with torch_seeded(seed, "tdsm", "noise", number):
        return torch.randn(dim)
