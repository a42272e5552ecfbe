"""Loads released weights, under their authors' names, into an encoder here; every weight must fit."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pipeline.core.errors import FormatError
from pipeline.models import foreign_weights

if TYPE_CHECKING:  # who only reads the maps starts without torch
    from torch import Tensor

    from pipeline.modalities.skeleton._bodies import BodyEncoder

Reshape = Callable[[str, "Tensor"], "Tensor"]


def as_it_is(name: str, value: "Tensor") -> "Tensor":  # noqa: ARG001 - one interface
    """The weight has the same shape here."""
    return value


@dataclass(frozen=True)
class Released:
    """The names of a network's released weights, and how they map to the encoder here.

    All networks share `data_bn`, the first normalisation: the numbers of the first body's joints, joint by joint, then
    those of the second body.
    """

    source: str  # of the names: repository and commit
    tried: bool  # with a released file; else the map was only read off the source
    renamed: tuple[tuple[str, str], ...]  # patterns and their replacements, applied in turn
    left_out: tuple[str, ...]  # patterns of names that the encoder has no weights for: graphs, the classifier
    classifier: str  # the name of its weight, whose first axis is classes
    reshape: Reshape = as_it_is  # of a weight, by its name here
    options: Mapping[str, Any] = field(default_factory=dict)  # the Params of the released network
    recipe: str | None = None  # the recipe that comes nearest to its preprocessing


@runtime_checkable
class ReleasedMember(Protocol):
    """The file of an encoder whose weights others have released."""

    RELEASED: Released


def load(encoder: "BodyEncoder", file: Path, released: Released) -> int | None:
    """Load released weights into an encoder; returns the number of classes that they were trained on.

    None if the file holds no classifier. FormatError for weights that do not all fit.
    """
    state: dict[str, Tensor] = {}
    num_classes = None
    released_state = foreign_weights.read(file, "weights of an encoder of skeletons")
    for name, value in released_state.items():
        if name == released.classifier:
            num_classes = len(value) if value.dim() else 0
        if any(re.search(pattern, name) for pattern in released.left_out):
            continue
        if name.startswith("data_bn."):
            state |= _of_bodies(name.removeprefix("data_bn."), value, len(encoder.normalise))
            continue
        for pattern, ours in released.renamed:
            name = re.sub(pattern, ours, name)  # noqa: PLW2901 - step by step
        state[name] = released.reshape(name, value)
    # Numbers of batches seen, on which no feature depends; torch before 0.4.1 did not save them.
    counts = {name: value for name, value in encoder.state_dict().items() if name.endswith(".num_batches_tracked")}
    if set(counts | state) == set(encoder.state_dict()):
        _check_joints(encoder, released_state, file)
    foreign_weights.load_into(encoder, counts | state, file)
    return num_classes


def _check_joints(encoder: "BodyEncoder", state: "Mapping[str, Tensor]", file: Path) -> None:
    """Report a file for another number of joints as such, and not as a wrong shape."""
    slots, wanted = len(encoder.normalise), encoder.state_dict()["normalise.0.weight"]
    channels = len(wanted) // encoder.num_joints
    weight = state.get("data_bn.weight")
    joints, rest = divmod(weight.numel() if weight is not None else 0, slots * channels)
    if joints and not rest and joints != encoder.num_joints:
        raise FormatError(
            f"{file}: its data_bn is of {slots} x {joints} joints with {channels} coordinates, the layout has "
            f"{encoder.num_joints} joints; name the layout that the weights were trained on"
        )


def _of_bodies(name: str, value: "Tensor", num_slots: int) -> "dict[str, Tensor]":
    """A vector of `data_bn`, divided among the bodies; under an unknown name if it cannot be divided.

    A single number, that of batches seen, goes to all bodies.
    """
    if value.dim() == 0:
        return {f"normalise.{slot}.{name}": value for slot in range(num_slots)}
    if len(value) % num_slots:
        return {f"normalise.{name}": value}
    return {f"normalise.{slot}.{name}": part for slot, part in enumerate(value.chunk(num_slots))}
