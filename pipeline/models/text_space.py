"""The space of class texts that an encoder's vectors lie in, as its weights and its features declare it. No torch."""

from pydantic import BaseModel, ConfigDict

from pipeline.models.methods.shared import Centre

KEY = "text_space"  # in the metadata of weights and in the attributes of a group of features


class TextSpace(BaseModel):
    """Which texts taught an encoder that keeps its map to them; with any others its vectors must not be compared."""

    model_config = ConfigDict(strict=True, frozen=True)

    dim: int
    weights_hash: str  # of what made the texts' vectors
    text_type: str
    centre: Centre
