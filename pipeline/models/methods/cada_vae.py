"""CADA-VAE (Schönfeld et al., CVPR 2019) in the form that SynSE's authors gave it for skeletons.

One autoencoder of clips and one of texts share a latent space: each also rebuilds the other's input from its own
latent. Then a classifier is trained on latents drawn for the texts of the candidate classes, unseen ones included. It
is trained when clips are scored. It reads the names of unseen classes, which zero-shot allows, but none of their clips,
and its answer for a clip does not depend on the other clips. Latents of seen candidate classes are drawn from their
texts too; Schönfeld et al. draw those from their clips, SynSE's authors separate them by a gate.

With `rectified`, as released, no rebuilt number is below 0, in texts neither. As there, every step draws a new batch.

The state after each cycle is a candidate model, chosen on the validation classes; the released code chose on the test
clips.
"""

from collections.abc import Iterator

from pipeline.models.methods.shared import CandidateModel, ClassTexts, Clips, Need, OneTextParams
from pipeline.models.vae import alignment
from pipeline.models.vae.params import VaeParams

NEEDS: Need = "pooled"


class Params(OneTextParams, VaeParams):
    """Texts, autoencoders, loss and classifier."""


def candidates(clips: Clips, texts: ClassTexts, params: Params, seed: int) -> Iterator[CandidateModel]:
    """The autoencoders after each cycle."""
    return alignment.candidates(clips, texts.of_clips(clips), (params.embedder(clips, texts),), params, seed)
