"""Which pictures train and which validate: decided by a hash of the name of what must stay together, so that no picture
ever changes sides.
"""

from pydantic import Field

from pipeline.core.params import Params as BaseParams
from pipeline.core.seeds import derived_seed

TRAIN, VAL = "train", "val"
_SEEDS = 1 << 63  # different values of derived_seed


class Params(BaseParams):
    """How many validate."""

    val_share: float = Field(ge=0, lt=1)  # of the images or videos, as expected: each is drawn alone
    seed: int


def part_of(whole: str, params: Params) -> str:
    """The part of an image with its regions, or of a video with its frames; the same whatever else the corpus holds."""
    return VAL if derived_seed(params.seed, "part", whole) < params.val_share * _SEEDS else TRAIN
