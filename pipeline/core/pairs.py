"""Pictures and sentences: what is true of a picture, what is false of it, and who turns both into vectors."""

# Shapes: N items, D size of a vector, H x W pixels.
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]  # (H, W, 3), RGB
Vectors = npt.NDArray[np.float32]  # (N, D), each of length 1


@dataclass(frozen=True)
class FalseText:
    """A sentence that differs from the caption by one edit and is false of the picture."""

    rule: str
    index: int
    text: str
    certain: bool  # the annotation itself shows that it is false
    unseen: bool  # the edited clause of the caption holds a composition that no training text or picture has


@dataclass(frozen=True)
class GraphPair:
    """A picture, or a part of one, with its caption and what is false of it."""

    corpus: str
    image_id: str
    region: str  # "" = the whole picture
    picture: Path
    crop_xywh: tuple[int, int, int, int] | None  # pixels of the picture file; None = all of it
    caption: str
    negatives: tuple[FalseText, ...]

    @property
    def key(self) -> str:
        """Unique over corpora."""
        return f"{self.corpus}|{self.image_id}|{self.region}"


@dataclass(frozen=True)
class GeneralPair:
    """A sample of image-text shards: its key and its text; the picture stays in the shard."""

    key: str
    caption: str


class ImageText(Protocol):
    """Pictures and sentences to unit vectors of one space."""

    def image_vectors(self, pictures: Sequence[Picture]) -> Vectors:
        """Vectors (N, D) of pictures of any size."""

    def text_vectors(self, texts: Sequence[str]) -> Vectors:
        """Vectors (N, D) of texts of any length; a long one is the mean direction of its sentences."""
