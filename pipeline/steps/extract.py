"""extract: prepared arrays and frozen encoders -> one vector a clip, for every clip of the dataset."""

# Shapes: N clips, C channels, T frames, V joints, M bodies, D feature size.
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import nn

from pipeline.core import members, store
from pipeline.core.errors import DataError, FormatError, LeakError
from pipeline.core.hashing import file_digest
from pipeline.core.params import Params
from pipeline.core.progress import track
from pipeline.core.store import Store
from pipeline.training import checkpoint
from pipeline.training.determinism import deterministic


class Batches(Params):
    """How encoders are run; a vector does not depend on it beyond the last bits (relative 1e-5)."""

    batch_size: int = Field(ge=1)
    num_threads: int = Field(ge=1)


class Row(Params):
    """Whose arrays go through which encoders."""

    dataset: str
    protocol: str
    modality: str
    recipe: str
    encoder: str


class About(BaseModel):
    """What weights say of themselves, as far as it decides whether and how they are used."""

    model_config = ConfigDict(strict=True, frozen=True)

    dataset: str
    protocol: str
    modality: str
    recipe: str
    encoder: str
    options: dict[str, Any]
    layout: str
    split: str
    seed: int
    training_classes: list[int]
    unseen_classes: list[int]


def extract(row: Row, batches: Batches, *, key: str, arrays: Path, weights: Path, out: Path) -> dict[str, int]:
    """Write the store of a row: per weights file `<split>-<seed>` a group of that name with array `pooled` (N, D).

    Raises LeakError if an encoder was trained on a class that its split calls unseen, or is not the one its file name
    says; DataError, naming the clip, for one without a body.
    """
    prepared = Store(arrays, "preprocess")
    ids, x_NCTVM = prepared.ids("all"), prepared.read("all", "x")
    sense = members.load("pipeline.modalities", row.modality)
    empty_N = sense.is_empty(x_NCTVM)
    files = sorted(weights.glob("*.safetensors"))
    if not files:
        raise DataError(f"{weights}: no weights there; run `dvc repro pretrain@{key}`")
    attrs = row.model_dump(include={"dataset", "modality", "encoder", "recipe"})
    with store.create(out, attrs) as writer:
        for file in track(files, total=len(files), what=f"{key}: encoders"):
            state, metadata = checkpoint.load(file)
            about = check(metadata, file, row, prepared.attrs["layout"])
            encoder = sense.build(about.encoder, about.options, about.layout, str(file))
            checkpoint.restore(encoder, state, file)
            pooled_ND = encode(encoder, x_NCTVM, ids, empty_N, batches)
            kept = about.model_dump(include={"split", "seed", "training_classes", "encoder", "modality"})
            group = writer.group(file.stem, ids, {**kept, "weights_hash": file_digest(file)})
            group.put("pooled", pooled_ND)
    return {"clips": len(ids), "encoders": len(files)}


def check(metadata: dict[str, Any], file: Path, row: Row, layout: str) -> About:
    """What the weights of a file are; refuses those that the row does not mean, or that saw an unseen class."""
    try:
        about = About.model_validate(metadata)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise FormatError(f"{file}: metadata '{where}': {fault['msg']}; run `dvc repro pretrain`") from None
    if file.stem != f"{about.split}-{about.seed}":
        raise LeakError(
            f"{file}: holds the encoder of split '{about.split}', seed {about.seed}: another split's encoder has seen "
            "other classes; run `dvc repro pretrain`"
        )
    seen = sorted(set(about.training_classes) & set(about.unseen_classes))
    if seen:
        raise LeakError(f"{file}: trained on classes {seen}, which split '{about.split}' calls unseen")
    wanted = {**row.model_dump(), "layout": layout}
    found = about.model_dump(include=set(wanted))
    if found != wanted:
        raise DataError(f"{file}: is of {found}, the row asks for {wanted}; mend extract.rows in params.yaml")
    return about


def encode(
    encoder: nn.Module,
    x_NCTVM: npt.NDArray[np.float32],
    ids: list[str],
    empty_N: npt.NDArray[np.bool_],
    batches: Batches,
) -> npt.NDArray[np.float32]:
    """pooled_ND of a frozen encoder in eval mode."""
    if empty_N.any():
        clip = ids[int(empty_N.argmax())]
        raise DataError(f"{clip}: empty: no body to encode; run `dvc repro preprocess`")
    parts = []
    with deterministic(0, batches.num_threads), torch.inference_mode():
        for start in range(0, len(ids), batches.batch_size):
            batch = torch.from_numpy(x_NCTVM[start : start + batches.batch_size])
            parts.append(encoder(batch).numpy())
    return np.concatenate(parts)
