"""CADA-VAE (Schönfeld et al., CVPR 2019) in the form that SynSE's authors gave it for skeletons.

One autoencoder of clips and one of texts share a latent space: each also rebuilds the other's input from its own
latent. Then a classifier is trained on latents drawn for the texts of the classes asked about, unseen ones included.
It is trained at the time of scoring and reads the unseen classes' names, which zero-shot allows, but no clip of theirs;
what it answers for a clip does not depend on the other clips. Seen classes, where they are asked about, are drawn from
their texts too; Schönfeld et al. draw those from their clips, SynSE's authors gate them apart.

With `rectified`, as released, nothing below 0 is rebuilt, in texts neither. Every step draws its batch anew, as there.

The state after each cycle is a candidate, chosen on the validation classes; the released code chose on the test clips.
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
