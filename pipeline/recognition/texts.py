"""The text side of a hub: the text tower of the CLIP that senses were bound to."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import DataError
from pipeline.core.runs import CACHE
from pipeline.models import clip
from pipeline.models.methods.shared import Array, class_vector
from pipeline.models.text_encoders.clip import ClipTexts
from pipeline.models.text_vectors import encode_cached
from pipeline.recognition.rows import Row
from pipeline.recognition.senses import changed_weights
from pipeline.training.bound import HubMetadata

_CLIP = "clip"  # the only encoder, of any modality, with a text tower
_NUM_THREADS = 1


@dataclass(frozen=True)
class Texts:
    """Texts in the hub's space; their vectors are cached in the checkout, so that CLIP is built only for new texts."""

    encoder: ClipTexts
    path: Path
    seed: int
    cache: Path

    def vectors(self, prompts_of: dict[str, list[str]]) -> Array:
        """Unit vectors (K, D) of labels, each the mean direction of its prompts."""
        every = list(dict.fromkeys(prompt for prompts in prompts_of.values() for prompt in prompts))
        vector_of = dict(zip(every, encode_cached(self.encoder, every, self.cache), strict=True))
        return np.stack(
            [class_vector(np.stack([vector_of[prompt] for prompt in prompts])) for prompts in prompts_of.values()]
        )

    @property
    def scale(self) -> float:
        """The factor by which the hub multiplies cosines."""
        return clip.scale(self.path, self.seed)


def load(row: Row, hub: HubMetadata) -> Texts:
    """The text tower of a hub. DataError for a hub that is no CLIP, and for weights that have changed since bind."""
    if hub.encoder != _CLIP:
        raise DataError(
            f"{row.folder}: bound to {hub.modality} ({hub.encoder}), which has no texts; "
            "search by a clip, or bind to a CLIP"
        )
    path, seed = row.checkout / hub.weights, hub.seed or 0
    encoder = ClipTexts(path, seed, _NUM_THREADS)
    if encoder.weights_hash != hub.weights_hash:
        raise changed_weights(row, hub)
    return Texts(encoder, path, seed, row.checkout / CACHE)


def softmax(cosine_NK: Array, scale: float) -> npt.NDArray[np.float64]:
    """The softmax (N, K) over labels of scaled cosines, in float64."""
    logit_NK = scale * cosine_NK.astype(np.float64)
    share_NK = np.exp(logit_NK - logit_NK.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = share_NK / share_NK.sum(axis=1, keepdims=True)
    return shares
