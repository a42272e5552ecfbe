"""SynSE (Gupta et al., ICIP 2021): CADA-VAE with the nouns and the verbs of the labels apart.

Half of a clip's latent rebuilds its class's noun and half its verb, each with an autoencoder of its own; noun and verb
together rebuild the clip. As in CADA-VAE a classifier is trained when clips are scored, on the texts of the candidate
classes, unseen ones included, and a candidate model is the state after a cycle.
"""

from collections.abc import Iterator

from pydantic import model_validator

from pipeline.models.methods.shared import CandidateModel, Centre, ClassEmbedder, ClassTexts, Clips, Need, TextType
from pipeline.models.vae import alignment
from pipeline.models.vae.params import VaeParams

NEEDS: Need = "pooled"


class Params(VaeParams):
    """Texts, autoencoders, loss and classifier."""

    noun: TextType
    verb: TextType
    centre: Centre  # of both

    @model_validator(mode="after")
    def _halves(self) -> "Params":
        if self.latent_dim % 2:
            raise ValueError("expected an even latent_dim: half of it is the noun's and half the verb's")
        return self


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The autoencoders after each cycle. Raises DataError where there are no nouns or verbs."""
    seen = texts.of_clips(clips)
    embedders = tuple(ClassEmbedder.of(kind, params.centre, seen) for kind in (params.noun, params.verb))
    return alignment.candidates(clips, seen, embedders, params, seed)
