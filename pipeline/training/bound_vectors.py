"""The stores of a row of bind: vectors of every sense and of the hub, and of several senses end to end."""

# Shapes: N clips, D size of a vector.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import roles, store
from pipeline.core.bound import HUB
from pipeline.core.errors import DataError
from pipeline.training import bound
from pipeline.training.bound_encoders import Plan
from pipeline.training.frozen import FrozenEncoder

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Vectors:
    """One group of a store: unit_ND of sorted clips, and the attributes of the group."""

    ids: list[str]
    unit_ND: Array
    attrs: dict[str, Any]


def of_bound(ids: list[str], unit_ND: Array, meta: bound.BoundMetadata) -> Vectors:
    """The vectors of a bound encoder."""
    attrs = meta.model_dump(include={"split", "seed", "training_classes", "training_clips", "pairs", "pretrained"})
    return Vectors(
        ids,
        unit_ND,
        {**attrs, "paired_classes": meta.paired[meta.dataset], "weights_hash": meta.hub.weights_hash},
    )


def of_hub(ids: list[str], unit_ND: Array, hub: FrozenEncoder, pairs: str) -> Vectors:
    """The vectors of a frozen hub."""
    of_weights = ("split", "seed", "training_classes", "training_clips")
    attrs: dict[str, Any] = {name: hub.attrs[name] for name in of_weights if name in hub.attrs}
    attrs |= {"paired_classes": [], "pairs": pairs, "weights_hash": hub.weights_hash}
    return Vectors(ids, unit_ND, {**attrs, "pretrained": hub.attrs.get("pretrained")})


def fused(name: str, parts: Sequence[Vectors], split: str, seed: int) -> Vectors:
    """The clips that all parts have: their vectors end to end, and the classes that any part has seen."""
    ids = sorted(set.intersection(*(set(part.ids) for part in parts)))
    if not ids:
        raise DataError(
            f"fused '{name}', split '{split}': no clip has all of its senses; mend bind.rows in params.yaml"
        )
    vectors = []
    for part in parts:
        place = {clip_id: row for row, clip_id in enumerate(part.ids)}
        vectors.append(part.unit_ND[[place[clip_id] for clip_id in ids]])
    attrs: dict[str, Any] = {**parts[0].attrs, "split": split, "seed": seed}
    for column in ("training_classes", "paired_classes"):
        attrs[column] = sorted({class_id for part in parts for class_id in part.attrs[column]})
    attrs["training_clips"] = roles.joint_clips(part.attrs["training_clips"] for part in parts)
    return Vectors(ids, np.concatenate(vectors, axis=1), attrs)


def write(path: Path, plan: Plan, senses: Sequence[str], groups: Mapping[str, Vectors]) -> None:
    """Write a store; its attributes name its senses, joined by + where there are several."""
    whose = [plan.hub if sense == HUB else plan.senses[sense] for sense in senses]
    attrs: dict[str, Any] = {"dataset": plan.dataset, "split_table": plan.split_table, "senses": list(senses)}
    for what in ("modality", "encoder", "recipe"):
        attrs[what] = "+".join(getattr(plan_of, what) for plan_of in whose)
    with store.create(path, attrs) as writer:
        for name, vectors in sorted(groups.items()):
            writer.group(name, vectors.ids, vectors.attrs).put("pooled", vectors.unit_ND)
