"""Weights of bound encoders: their metadata, and the encoder rebuilt from them."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline import modalities
from pipeline.core.errors import FormatError
from pipeline.models import checkpoint
from pipeline.models.bound import BoundEncoder


class HubMetadata(BaseModel):
    """What an encoder was bound to."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    modality: str
    recipe: str
    recipe_options: dict[str, Any]
    encoder: str
    options: dict[str, Any]
    layout: str
    weights: str  # below the checkout: a row of finetune or pretrain, or a start file
    seed: int | None  # of the weights, None: a start file
    weights_hash: str  # as in the stores of vectors that they gave
    learned: bool  # it was trained along: then its weights lie beside the senses', as the sense `hub`


class BoundMetadata(BaseModel):
    """What it takes to rebuild a bound encoder, to prepare clips as it was trained, and to audit what it saw."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    sense: str  # a key of the row's senses
    modality: str
    recipe: str
    recipe_options: dict[str, Any]
    encoder: str
    options: dict[str, Any]
    layout: str
    dim: int  # of the hub's vectors
    dataset: str  # whose splits these are
    split_table: str
    split: str
    seed: int
    pairs: str  # fit | fit_and_val | all
    paired: dict[str, list[int]]  # classes of the clips that were bound, by dataset; of `dataset` also their namesakes
    training_classes: list[int]  # of `dataset`: whose labels or texts any weight was taught
    training_clips: str | None  # digest of the clips whose labels these were, as core.roles has it
    unseen_classes: list[int]
    pretrained: str | None  # weights of the web that any part began as
    temperature: float  # at the end of training
    hub: HubMetadata
    epoch: int
    history: list[dict[str, float]]


def save(path: Path, module: BoundEncoder, meta: BoundMetadata) -> None:
    """Write weights that `load` reads."""
    checkpoint.save(path, module, meta.model_dump())


def load(path: Path) -> tuple[BoundEncoder, BoundMetadata]:
    """The encoder at rest. FormatError for a file that bind did not write or whose weights do not fit."""
    state, metadata = checkpoint.load(path, made_by="bind")
    try:
        meta = BoundMetadata.model_validate(metadata)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise FormatError(f"{path}: metadata '{where}': {fault['msg']}; run `dvc repro bind`") from None
    sense = modalities.sense(meta.modality)
    module = BoundEncoder(sense.build(meta.encoder, meta.options, meta.layout, str(path)), meta.dim)
    checkpoint.restore(module, state, path)
    return module, meta
