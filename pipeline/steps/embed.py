"""embed: class texts -> vectors. One store per dataset and text encoder, one group per kind of text."""

from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from pipeline.core import params, store, tables
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.runs import CACHE
from pipeline.core.schemas import PROMPTS
from pipeline.models.methods.shared import LABEL_AND_CONTEXT, class_vector
from pipeline.models.text_encoders import shared as text_encoders
from pipeline.models.text_encoders.shared import Vectors, encode_cached
from pipeline.text.prompts import TypeName

MAX_CLASSES, MAX_TEXTS = 10_000, 100  # what the ids "CCCC-II" can count


class Compute(params.Params):
    """How the encoder runs."""

    num_threads: int = Field(ge=1)  # of torch


class Row(params.Params):
    """One dataset's texts under one encoder."""

    dataset: str
    encoder: str  # a file of pipeline/models/text_encoders
    model: dict[str, Any]  # the Params of that encoder
    means: dict[TypeName, Annotated[list[str], Field(min_length=1)]]  # by name, types whose mean direction is stored


def embed(row: Row, compute: Compute, *, prompts: Path, out: Path, cache: Path = CACHE) -> None:
    """Write the store of class texts: group = prompt type, ids "CCCC-II" (class, text), array `pooled` (N, D).

    A mean of types that the row asks for is a group like them, of one vector a class.
    """
    chosen = text_encoders.member(row.encoder)
    model = params.parse(chosen.Params, row.model, "embed.rows: model")
    encoder = chosen.encoder(model, num_threads=compute.num_threads)
    by_type = _texts(prompts)
    vectors = {kind: encode_cached(encoder, list(texts.values()), cache) for kind, texts in by_type.items()}
    means = {name: _mean(name, types, by_type, vectors) for name, types in row.means.items()}
    dim = next(iter(vectors.values())).shape[1]
    about = {"dataset": row.dataset, "encoder": row.encoder, "weights_hash": encoder.weights_hash, "dim": dim}
    with store.create(out, about) as writer:
        for kind, texts in by_type.items():
            writer.group(kind, list(texts)).put("pooled", vectors[kind])
        for name, (ids, vectors_KD) in means.items():
            writer.group(name, ids).put("pooled", vectors_KD)


def _mean(
    name: str, types: list[str], by_type: dict[str, dict[str, str]], vectors: dict[str, Vectors]
) -> tuple[list[str], Vectors]:
    """The mean direction (K, D) of each class's vectors of some types, and the ids "CCCC-00" of the K classes."""
    unknown = [kind for kind in types if kind not in by_type]
    if unknown or name in (*by_type, LABEL_AND_CONTEXT):
        what = f"no texts of type '{unknown[0]}'" if unknown else "the name is taken"
        raise ParamsError(
            f"embed.rows: means.{name}: {what}; the types are {', '.join(by_type)}, and "
            f"'{LABEL_AND_CONTEXT}' is what methods call the mean of label and context"
        )
    rows = [_rows_of_classes(by_type[kind]) for kind in types]
    uneven = sorted(set().union(*rows) - set(rows[0]).intersection(*rows))
    if uneven:
        raise DataError(f"embed.rows: means.{name}: class {uneven[0]} has not texts of all of {', '.join(types)}")
    mean = [
        class_vector(np.stack([class_vector(vectors[kind][of[owner]]) for kind, of in zip(types, rows, strict=True)]))
        for owner in rows[0]
    ]
    return [f"{owner}-00" for owner in rows[0]], np.stack(mean)


def _rows_of_classes(texts: dict[str, str]) -> dict[str, list[int]]:
    """The rows of each class's texts, by the class as their ids name it."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, id_ in enumerate(texts):
        rows[id_.split("-")[0]].append(row)
    return rows


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
