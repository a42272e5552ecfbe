"""JPoSE (Wray et al., ICCV 2019): clips meet the verbs and the nouns of classes in a space each, and both in a third.

As skelemoa/synse-zsl adapts it to skeletons: a hinge by cosine in each of the three spaces, and among clips triplets by
their verbs and by their nouns, of weight 0.01. Hinge and triplet are written as usual here. In that code they are not:
the texts of wrong classes are constants, classes with the right verb count as wrong ones, and every clip is compared
with the likes and unlikes of all others. It divides the rate by ten when the accuracy on the unseen classes stalls, and
stops by it; here the rate falls along a cosine. One decoupled weight decay applies to all weights; there 1e-3 is added
to the gradients of the joint space alone.
"""

# Shapes: B clips of a batch, N clips, K classes, D feature size, T text size, P size of a part's space, J of the joint.
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import normalize

from pipeline.models import dense
from pipeline.models.arrays import as_array
from pipeline.models.feature_transform import FeatureForm, FeatureTransform
from pipeline.models.gradient_training import GradientParams, torch_seeded, train_epochs
from pipeline.models.methods.shared import (
    Array,
    CandidateModel,
    Centre,
    ClassEmbedder,
    ClassTexts,
    Clips,
    Cost,
    Need,
    Rows,
    TextType,
)
from pipeline.models.ranking import distinct, rank_loss, triplet_loss

NEEDS: Need = "pooled"


class Params(GradientParams):
    """Texts, networks, loss and optimiser; in the comments what the adapted code has."""

    verb: TextType
    noun: TextType
    centre: Centre
    features: FeatureForm  # unit
    text_hidden: int | None = Field(ge=1)  # 512 for texts of 1,024; null, one layer of tanh, for word vectors
    part_dim: int = Field(ge=1)  # 50
    joint_dim: int = Field(ge=1)  # 50
    margin: float = Field(gt=0)  # 0.3, of hinges and triplets
    triplets: float = Field(ge=0)  # 0.01


class Part(nn.Module):
    """The space of verbs, or of nouns: unit vectors of clips and of texts."""

    def __init__(self, feature_dim: int, text_dim: int, params: Params) -> None:
        super().__init__()
        out, hidden = params.part_dim, params.text_hidden
        self.visual = nn.Sequential(nn.Linear(feature_dim, out), nn.Tanh())
        self.text = (
            nn.Sequential(nn.Linear(text_dim, out), nn.Tanh())
            if hidden is None
            else nn.Sequential(nn.Linear(text_dim, hidden), nn.Tanh(), nn.Linear(hidden, out), nn.ReLU())
        )


class Embeddings(NamedTuple):
    """Unit vectors of clips, or of texts, in the three spaces."""

    verb_NP: Tensor
    noun_NP: Tensor
    joint_NJ: Tensor


class JPoSE(nn.Module):
    """Two parts and the joint space, which reads the vectors of both end to end."""

    def __init__(self, params: Params, features_ND: Array, verb_dim: int, noun_dim: int) -> None:
        super().__init__()
        feature_dim, self.joint_dim = features_ND.shape[1], params.joint_dim
        self.intake = FeatureTransform(params.features, features_ND)
        self.verb, self.noun = Part(feature_dim, verb_dim, params), Part(feature_dim, noun_dim, params)
        self.visual = nn.Sequential(nn.Linear(2 * params.part_dim, params.joint_dim), nn.Tanh())
        self.text = nn.Sequential(nn.Linear(2 * params.part_dim, params.joint_dim), nn.Tanh())

    def clips(self, features_ND: Tensor) -> Embeddings:
        """Of the features of clips."""
        x_ND = self.intake(features_ND)
        return _embeddings(self.verb.visual(x_ND), self.noun.visual(x_ND), self.visual)

    def classes(self, verb_KT: Tensor, noun_KT: Tensor) -> Embeddings:
        """Of the texts of classes."""
        return _embeddings(self.verb.text(verb_KT), self.noun.text(noun_KT), self.text)


class VerbNounTexts(NamedTuple):
    """Verb and noun texts of K classes, the rows of distinct verbs and nouns, and the place of each class there."""

    verb_KT: Tensor
    noun_KT: Tensor
    verbs: Rows
    verb_K: Tensor
    nouns: Rows
    noun_K: Tensor

    @classmethod
    def of(cls, seen: ClassTexts, verbs: ClassEmbedder, nouns: ClassEmbedder) -> "VerbNounTexts":
        """Two classes share a verb where its texts are equal before any mean is subtracted."""
        verb_rows, verb_K = distinct(ClassEmbedder(verbs.kinds, ())(seen))
        noun_rows, noun_K = distinct(ClassEmbedder(nouns.kinds, ())(seen))
        verb_KT, noun_KT = torch.from_numpy(verbs(seen)), torch.from_numpy(nouns(seen))
        return cls(verb_KT, noun_KT, verb_rows, torch.from_numpy(verb_K), noun_rows, torch.from_numpy(noun_K))


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The networks after each kept epoch. Raises DataError where the texts have no verbs or nouns."""
    seen = texts.of_clips(clips)
    verbs, nouns = (ClassEmbedder.of(kind, params.centre, seen) for kind in (params.verb, params.noun))
    classes = VerbNounTexts.of(seen, verbs, nouns)
    features_ND, label_N = torch.from_numpy(clips.features_ND), torch.from_numpy(seen.rows(clips.class_ids))
    with torch_seeded(seed, "jpose"):
        model = JPoSE(params, clips.features_ND, classes.verb_KT.shape[1], classes.noun_KT.shape[1])

    def loss_of(rows: Rows) -> Tensor:
        return batch_loss(model, params, features_ND[rows], classes, label_N[rows])

    for setting, loss in train_epochs(model, loss_of, len(features_ND), params, seed):
        scorer = JointScorer(model, verbs, nouns)
        yield CandidateModel(setting, loss, scorer.scores, scorer, scorer.explained, scorer.cost)


def batch_loss(model: JPoSE, params: Params, features_BD: Tensor, classes: VerbNounTexts, label_B: Tensor) -> Tensor:
    """Hinges against the other verbs, the other nouns and the other classes, and the triplets."""
    clip, text = model.clips(features_BD), model.classes(classes.verb_KT, classes.noun_KT)
    verb_B, noun_B = classes.verb_K[label_B], classes.noun_K[label_B]
    of_verbs = rank_loss(clip.verb_NP @ text.verb_NP[classes.verbs].T, verb_B, params.margin)
    of_nouns = rank_loss(clip.noun_NP @ text.noun_NP[classes.nouns].T, noun_B, params.margin)
    of_classes = rank_loss(clip.joint_NJ @ text.joint_NJ.T, label_B, params.margin)
    among_clips = triplet_loss(clip.verb_NP, verb_B, params.margin) + triplet_loss(clip.noun_NP, noun_B, params.margin)
    return of_verbs + of_nouns + of_classes + params.triplets * among_clips


@dataclass(frozen=True)
class JointScorer:
    """The trained networks, and the texts of verbs and nouns beside them."""

    model: JPoSE
    verbs: ClassEmbedder
    nouns: ClassEmbedder

    def scores(self, features_ND: Array, texts: ClassTexts) -> Array:
        """Cosines (N, K) in the joint space."""
        return self._clips(features_ND) @ self._classes(texts).T

    def explained(self, features_ND: Array, texts: ClassTexts) -> dict[str, Array]:
        """The vectors that are compared, and the cosines."""
        vectors_NJ, text_KJ = self._clips(features_ND), self._classes(texts)
        return {"direct": vectors_NJ @ text_KJ.T, "vectors": vectors_NJ, "text_vectors": text_KJ}

    def cost(self, num_classes: int) -> Cost:
        """Of a clip's way into the joint space, and the cosines."""
        model = self.model
        macs = dense.macs(model.verb.visual, model.noun.visual, model.visual) + num_classes * model.joint_dim
        return Cost(dense.num_params(model), macs)

    def state_dict(self) -> dict[str, Any]:
        """The networks' weights, and the mean texts by part."""
        means = {
            f"{part}.{name}": mean_T
            for part, embedder in (("verb", self.verbs), ("noun", self.nouns))
            for name, mean_T in embedder.state_dict().items()
        }
        return {**self.model.state_dict(), **means}

    def _clips(self, features_ND: Array) -> Array:
        with torch.no_grad():
            return as_array(self.model.clips(torch.from_numpy(features_ND)).joint_NJ)

    def _classes(self, texts: ClassTexts) -> Array:
        verb_KT, noun_KT = (torch.from_numpy(embedder(texts)) for embedder in (self.verbs, self.nouns))
        with torch.no_grad():
            return as_array(self.model.classes(verb_KT, noun_KT).joint_NJ)


def _embeddings(verb_NP: Tensor, noun_NP: Tensor, joint: nn.Module) -> Embeddings:
    verb_NP, noun_NP = normalize(verb_NP, dim=1), normalize(noun_NP, dim=1)
    return Embeddings(verb_NP, noun_NP, normalize(joint(torch.cat([verb_NP, noun_NP], dim=1)), dim=1))
