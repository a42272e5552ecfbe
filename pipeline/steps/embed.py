"""embed: class texts -> vectors. One store per dataset and text encoder, one group per kind of text."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from pipeline.core import params, store, tables
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.hashing import value_digest
from pipeline.core.measures import MEASURES
from pipeline.core.progress import say
from pipeline.core.runs import CACHE
from pipeline.core.schemas import PROMPTS
from pipeline.models.methods.shared import LABEL_AND_CONTEXT, class_vector, seed_group
from pipeline.models.text_encoders import shared as text_encoders
from pipeline.models.text_encoders.shared import SplittingEncoder, TextEncoder, TrainedMember, Vectors
from pipeline.models.text_vectors import encode_cached
from pipeline.text import movement_vectors
from pipeline.text.prompts import MOVEMENT, TOLD_MEASURES, TypeName

Texts = dict[str, dict[str, str]]  # of each type, text by id

MAX_CLASSES, MAX_TEXTS = 10_000, 100  # what the ids "CCCC-II" can count


class Compute(params.Params):
    """How the encoder runs."""

    num_threads: int = Field(ge=1)  # of torch


class Row(params.Params):
    """One dataset's texts under one encoder."""

    dataset: str
    encoder: str  # a file of pipeline/models/text_encoders
    weights: str  # where its weights come from: requirements.txt for a pinned package, a start file, or a finetune row
    model: dict[str, Any]  # the Params of that encoder
    means: dict[TypeName, Annotated[list[str], Field(min_length=1)]]  # by name, types whose mean direction is stored
    movement: list[TypeName]  # types whose movements are told by the lexicon, as vectors of their own; []: of none


def embed(row: Row, compute: Compute, *, prompts: Path, out: Path, cache: Path = CACHE) -> dict[str, int]:
    """Write the store of class texts: group = prompt type, ids "CCCC-II" (class, text), array `pooled` (N, D).

    A mean of types that the row asks for is a group like them, of one vector a class. An encoder trained with several
    seeds leaves a group `<type>@<seed>` of each. Where the row asks for movements there are two groups more, which no
    encoder makes, of one vector a class: `movement`, its attributes, and `told`, what is told of each measured
    movement; both say `dim`, the `names` of their numbers, the hash of their `lexicon` and the types they are `of`.
    The numbers are of texts, and of those that the encoder read in pieces, which the store's `num_cut` counts as well.
    """
    by_type = _texts(prompts)
    texts = [text for some in by_type.values() for text in some.values()]
    encoders = _encoders(row, compute)
    ends = np.cumsum([len(some) for some in by_type.values()])[:-1]
    vectors = {
        seed: dict(zip(by_type, np.split(encode_cached(encoder, texts, cache), ends), strict=True))
        for seed, encoder in encoders.items()
    }
    attrs: dict[str, Any] = {"dataset": row.dataset, "encoder": row.encoder, "weights_hash": _digest(encoders)}
    attrs["dim"] = next(iter(next(iter(vectors.values())).values())).shape[1]
    first = next(iter(encoders.values()))
    num_cut = first.num_cut(texts) if isinstance(first, SplittingEncoder) else 0
    if num_cut:
        attrs["num_cut"] = num_cut
        say(f"{row.dataset}, {row.encoder}: {num_cut} of {len(texts)} texts are too long and were read in pieces")
    with store.create(out, attrs) as writer:
        for seed, of_kind in vectors.items():
            of_seed = {} if seed is None else {"seed": seed, "weights_hash": encoders[seed].weights_hash}
            groups = {kind: (list(by_type[kind]), vectors_ND) for kind, vectors_ND in of_kind.items()}
            groups |= {name: _mean(name, types, by_type, of_kind) for name, types in row.means.items()}
            for kind, (ids, vectors_ND) in groups.items():
                writer.group(seed_group(kind, seed), ids, of_seed).put("pooled", vectors_ND)
        if row.movement:
            _put_movements(writer, row, by_type)
    return {"texts": len(texts), "cut": num_cut}


def _put_movements(writer: store.StoreWriter, row: Row, by_type: Texts) -> None:
    """The groups `movement` and `told`. A class's texts of a type are read as one; of several types it is the mean."""
    taken = sorted({MOVEMENT, TOLD_MEASURES} & {*by_type, *row.means})
    if taken:
        raise ParamsError(f"embed.rows: movement: '{taken[0]}' is what its vectors are called; rename the type or mean")
    owners, rows = _rows_of_types("movement", row.movement, by_type)
    texts = {kind: list(by_type[kind].values()) for kind in row.movement}
    texts_of_owners = [
        [". ".join(texts[kind][text] for text in of[owner]) for kind, of in zip(row.movement, rows, strict=True)]
        for owner in owners
    ]
    attribute_KA, told_KM = movement_vectors.of_classes(texts_of_owners)
    header = {"lexicon": movement_vectors.digest(), "of": row.movement}
    for name, vectors_KX, names in (
        (MOVEMENT, attribute_KA, movement_vectors.vocabulary()),
        (TOLD_MEASURES, told_KM, MEASURES),
    ):
        attrs = {**header, "dim": len(names), "names": list(names)}
        writer.group(name, [f"{owner}-00" for owner in owners], attrs).put("pooled", vectors_KX)
    untold = int((~attribute_KA.any(axis=1)).sum())
    if untold:
        say(f"{row.dataset}: of {untold} of {len(owners)} classes the texts tell no movement that the lexicon knows")


def _encoders(row: Row, compute: Compute) -> dict[int | None, TextEncoder]:
    """The row's encoder by seed; None where there is one for all seeds."""
    chosen = text_encoders.member(row.encoder)
    where = "embed.rows: model"
    if not isinstance(chosen, TrainedMember):
        model = params.parse(chosen.Params, row.model, where)
        return {None: chosen.encoder(model, num_threads=compute.num_threads)}
    if row.model:
        raise ParamsError(f"{where}: the weights of '{row.encoder}' are named by the key weights; set model to {{}}")
    encoders: dict[int | None, TextEncoder] = {}
    seeds: Sequence[int | None] = chosen.seeds(Path(row.weights)) or [None]
    for seed in seeds:
        options = {"weights": row.weights, "seed": seed or 0}
        encoders[seed] = chosen.encoder(params.parse(chosen.Params, options, where), num_threads=compute.num_threads)
    return encoders


def _digest(encoders: dict[int | None, TextEncoder]) -> str:
    hashes = [encoder.weights_hash for encoder in encoders.values()]
    return hashes[0] if len(hashes) == 1 else value_digest(hashes)


def _mean(name: str, types: list[str], by_type: Texts, vectors: dict[str, Vectors]) -> tuple[list[str], Vectors]:
    """The mean direction (K, D) of each class's vectors of some types, and the ids "CCCC-00" of the K classes."""
    if name in (*by_type, LABEL_AND_CONTEXT):
        raise ParamsError(
            f"embed.rows: means.{name}: the name is taken; the types are {', '.join(by_type)}, and "
            f"'{LABEL_AND_CONTEXT}' is what methods call the mean of label and context"
        )
    owners, rows = _rows_of_types(f"means.{name}", types, by_type)
    mean = [
        class_vector(np.stack([class_vector(vectors[kind][of[owner]]) for kind, of in zip(types, rows, strict=True)]))
        for owner in owners
    ]
    return [f"{owner}-00" for owner in owners], np.stack(mean)


def _rows_of_types(key: str, types: list[str], by_type: Texts) -> tuple[list[str], list[dict[str, list[int]]]]:
    """The classes, and for each type the rows of each class's texts. Every class must have texts of all types."""
    unknown = [kind for kind in types if kind not in by_type]
    if unknown:
        raise ParamsError(f"embed.rows: {key}: no texts of type '{unknown[0]}'; the types are {', '.join(by_type)}")
    rows = [_rows_of_classes(by_type[kind]) for kind in types]
    uneven = sorted(set().union(*rows) - set(rows[0]).intersection(*rows))
    if uneven:
        raise DataError(f"embed.rows: {key}: class {uneven[0]} has not texts of all of {', '.join(types)}")
    return list(rows[0]), rows


def _rows_of_classes(texts: dict[str, str]) -> dict[str, list[int]]:
    """The rows of each class's texts, by the class as their ids name it."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, id_ in enumerate(texts):
        rows[id_.split("-")[0]].append(row)
    return rows


def _texts(prompts: Path) -> Texts:
    """For each prompt type, in order, text by id in order of ids."""
    by_type: dict[str, dict[str, str]] = defaultdict(dict)
    for row in tables.read(prompts, PROMPTS):  # sorted by class, type, index
        if not (0 <= row.class_id < MAX_CLASSES and 0 <= row.index < MAX_TEXTS):
            raise DataError(
                f"{prompts}: class {row.class_id}, {row.type} text {row.index}: at most {MAX_CLASSES} classes "
                f"of {MAX_TEXTS} texts can be numbered; give fewer texts"
            )
        by_type[row.type][f"{row.class_id:04d}-{row.index:02d}"] = row.text
    if not by_type:
        raise DataError(f"{prompts}: no texts in it; run `dvc repro prompt`")
    return dict(sorted(by_type.items()))
