"""embed: class texts -> vectors. One store per dataset and text encoder, one group per kind of text."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from pydantic import Field

from pipeline.core import params, store, tables
from pipeline.core.errors import DataError
from pipeline.core.runs import CACHE
from pipeline.core.schemas import PROMPTS
from pipeline.models.text_encoders import shared as text_encoders
from pipeline.models.text_encoders.shared import encode_cached

MAX_CLASSES, MAX_TEXTS = 10_000, 100  # what the ids "CCCC-II" can count


class Compute(params.Params):
    """How the encoder runs."""

    num_threads: int = Field(ge=1)  # of torch


class Row(params.Params):
    """One dataset's texts under one encoder."""

    dataset: str
    encoder: str  # a file of pipeline/models/text_encoders
    model: dict[str, Any]  # the Params of that encoder


def embed(row: Row, compute: Compute, *, prompts: Path, out: Path, cache: Path = CACHE) -> None:
    """Write the store of class texts: group = prompt type, ids "CCCC-II" (class, text), array `pooled` (N, D)."""
    chosen = text_encoders.member(row.encoder)
    model = params.parse(chosen.Params, row.model, "embed.rows: model")
    encoder = chosen.encoder(model, num_threads=compute.num_threads)
    by_type = _texts(prompts)
    vectors = {kind: encode_cached(encoder, list(texts.values()), cache) for kind, texts in by_type.items()}
    dim = next(iter(vectors.values())).shape[1]
    about = {"dataset": row.dataset, "encoder": row.encoder, "weights_hash": encoder.weights_hash, "dim": dim}
    with store.create(out, about) as writer:
        for kind, texts in by_type.items():
            writer.group(kind, list(texts)).put("pooled", vectors[kind])


def _texts(prompts: Path) -> dict[str, dict[str, str]]:
    """For each prompt type, in order, text by id in order of ids."""
    by_type: dict[str, dict[str, str]] = defaultdict(dict)
    for row in tables.read_rows(prompts, PROMPTS):  # sorted by class, type, index
        if not (0 <= row["class_id"] < MAX_CLASSES and 0 <= row["index"] < MAX_TEXTS):
            raise DataError(
                f"{prompts}: class {row['class_id']}, {row['type']} text {row['index']}: at most {MAX_CLASSES} classes "
                f"of {MAX_TEXTS} texts can be numbered; give fewer texts"
            )
        by_type[row["type"]][f"{row['class_id']:04d}-{row['index']:02d}"] = row["text"]
    if not by_type:
        raise DataError(f"{prompts}: no texts in it; run `dvc repro prompt`")
    return dict(sorted(by_type.items()))
