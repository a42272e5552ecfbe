"""Released weights of a network, as their authors name them -> the network here, where every one must fit."""

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
    """The weight lies here as it does there."""
    return value


@dataclass(frozen=True)
class Released:
    """How a network's released weights are called, and what they are here.

    The first normalisation, `data_bn`, is known to all: its numbers are those of the first body's joints, joint by
    joint, then the second's.
    """

    source: str  # whose names these are: repository and commit
    tried: bool  # on a released file; else the map comes from the source alone
    renamed: tuple[tuple[str, str], ...]  # patterns and what takes their place, one after the other
    left_out: tuple[str, ...]  # patterns of names that are no weights of the network: graphs, the classifier
    classifier: str  # the name of its weight, whose first axis is classes
    reshape: Reshape = as_it_is  # of a weight by its name here
    options: Mapping[str, Any] = field(default_factory=dict)  # the Params with which it is the network of the source
    recipe: str | None = None  # the recipe that leaves clips most as it saw them; None: none does


@runtime_checkable
class ReleasedMember(Protocol):
    """The file of an encoder whose weights others have released."""

    RELEASED: Released


def load(encoder: "BodyEncoder", file: Path, released: Released) -> int | None:
    """Put released weights into an encoder; returns how many classes they were trained to tell apart.

    None where the file holds no classifier to tell it. FormatError for weights that do not all fit.
    """
    state: dict[str, Tensor] = {}
    num_classes = None
    found = foreign_weights.read(file, "weights of an encoder of skeletons")
    for name, value in found.items():
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
    # Numbers of batches seen, which no feature depends on; torch before 0.4.1 kept none.
    counts = {name: value for name, value in encoder.state_dict().items() if name.endswith(".num_batches_tracked")}
    if set(counts | state) == set(encoder.state_dict()):
        _check_joints(encoder, found, file)
    foreign_weights.load_into(encoder, counts | state, file)
    return num_classes


def _check_joints(encoder: "BodyEncoder", state: "Mapping[str, Tensor]", file: Path) -> None:
    """Of weights named as the network's: other joints than the layout's are told as such, not as a shape."""
    slots, wanted = len(encoder.normalise), encoder.state_dict()["normalise.0.weight"]
    channels = len(wanted) // encoder.num_joints
    found = state.get("data_bn.weight")
    joints, rest = divmod(found.numel() if found is not None else 0, slots * channels)
    if joints and not rest and joints != encoder.num_joints:
        raise FormatError(
            f"{file}: its data_bn is of {slots} x {joints} joints with {channels} coordinates, the layout has "
            f"{encoder.num_joints} joints; name the layout that the weights were trained on"
        )


def _of_bodies(name: str, value: "Tensor", num_slots: int) -> "dict[str, Tensor]":
    """A number of each body's joints and coordinates, body by body; of what does not divide so, a name that is none.

    A single number, of batches seen, is that of all bodies.
    """
    if value.dim() == 0:
        return {f"normalise.{slot}.{name}": value for slot in range(num_slots)}
    if len(value) % num_slots:
        return {f"normalise.{name}": value}
    return {f"normalise.{slot}.{name}": part for slot, part in enumerate(value.chunk(num_slots))}
