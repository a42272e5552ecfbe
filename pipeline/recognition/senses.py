"""One sense of a bound row, ready for use: recordings -> the preprocessing of its training -> unit vectors."""

# Shapes: C channels, T frames, V joints, M bodies, D size of the hub's vectors.
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pipeline import modalities
from pipeline.core import bound, joint_mapping, joints, members
from pipeline.core.bound import HUB
from pipeline.core.errors import DataError, FormatError, ParamsError
from pipeline.core.hashing import file_digest
from pipeline.core.progress import say
from pipeline.formats import segments
from pipeline.formats.shared import Skeleton
from pipeline.modalities import Modality
from pipeline.models import checkpoint
from pipeline.models.encoder import Encoder, SplitlessMember, encoder_of
from pipeline.models.methods.shared import unit
from pipeline.recognition import files
from pipeline.recognition.rows import Row
from pipeline.training import bound as weights
from pipeline.training import frozen
from pipeline.training.bound import BoundMetadata, HubMetadata
from pipeline.training.determinism import deterministic

Array = npt.NDArray[np.float32]

_NUM_THREADS = 1  # another number may change the last bits


@dataclass(frozen=True)
class Sense:
    """A frozen encoder and the preparation of clips for it."""

    name: str
    modality: str
    dataset: str  # that it was trained on
    layout: str
    encoder: Encoder
    weights_hash: str
    prepare: Callable[[Any], Array]
    is_empty: Callable[[Any], npt.NDArray[np.bool_]]
    crops_to_skeleton: bool
    mapped: set[str] = field(default_factory=set)  # joint layouts whose mapping was reported

    def vector(self, path: Path) -> Array:
        """The unit vector (D) of one clip. DataError or FormatError, naming the clip, if it cannot be used."""
        return self.encoded(self.prepared(path))

    def prepared(self, path: Path) -> Array:
        """What the encoder sees of one clip, x_CT. Raises as `vector` does."""
        if self.crops_to_skeleton:
            raise DataError(
                f"{path}: '{self.name}' sees {self.modality} cropped to the skeleton of the same clip, which no file "
                "alone brings; use a row of bind whose recipe crops otherwise"
            )
        try:
            x_CT = self.prepare(self._in_layout(files.reader(path, self.modality, self.dataset)(path), path))
        except (DataError, FormatError) as error:
            if segments.file_of(str(path)) in str(error):
                raise
            raise type(error)(f"{path}: {error}") from None
        if self.is_empty(x_CT[None])[0]:
            raise DataError(f"{path}: empty: nobody and nothing is in it; give another clip")
        return x_CT

    def encoded(self, x_CT: Array) -> Array:
        """The unit vector (D) of a prepared clip."""
        with deterministic(0, _NUM_THREADS), torch.inference_mode():
            vector_D = self.encoder(torch.from_numpy(x_CT[None])).numpy()[0]
        return unit(vector_D)

    def _in_layout(self, recording: Any, path: Path) -> Any:
        """The recording in the layout that the encoder was trained with."""
        if recording.layout == self.layout:
            return recording
        if not isinstance(recording, Skeleton):
            raise DataError(f"{path}: pixels are {recording.layout}, the encoder of '{self.name}' knows {self.layout}")
        theirs, ours = joints.find(recording.layout), joints.find(self.layout)
        if theirs.planar != ours.planar:
            raise DataError(
                f"{path}: joints of {theirs.title}, the encoder of '{self.name}' knows {ours.title}: places in a "
                "picture do not stand for places in space; use weights that were bound to such joints"
            )
        if recording.layout not in self.mapped:
            self.mapped.add(recording.layout)
            say(
                f"{path}: {theirs.num_joints} joints ({theirs.title}) were mapped to the encoder's {ours.num_joints} "
                f"({ours.title})"
            )
        xyz_MTV3 = joint_mapping.mapped(recording.xyz_MTV3, recording.layout, self.layout)
        return replace(recording, layout=self.layout, xyz_MTV3=xyz_MTV3)


def load(row: Row, name: str) -> tuple[Sense, BoundMetadata]:
    """A sense of a row, by its name there, and its metadata."""
    file = bound.weights(row.folder, name, row.split, row.seed)
    module, metadata = _loaded(file)
    return _sense(name, metadata, metadata.dataset, module, file_digest(file)), metadata


def load_hub(row: Row, metadata: BoundMetadata) -> Sense:
    """The encoder that the senses of a row are bound to. DataError if its weights have changed since."""
    hub = metadata.hub
    if hub.learned:
        file = bound.weights(row.folder, HUB, row.split, row.seed)
        return _sense(HUB, hub, metadata.dataset, _loaded(file)[0], file_digest(file))
    module, weights_hash = _frozen(row, hub)
    if weights_hash != hub.weights_hash:
        raise changed_weights(row, hub)
    return _sense(HUB, hub, metadata.dataset, module, weights_hash)


def _loaded(file: Path) -> tuple[torch.nn.Module, BoundMetadata]:
    """An encoder from its weights. FormatError if these have other options than the encoder, as after an update."""
    try:
        return weights.load(file)
    except ParamsError as error:
        fault = str(error).removeprefix("params.yaml: ")
        raise FormatError(f"{file}: not of this version's encoder: {fault}; run `dvc repro bind`") from None


def changed_weights(row: Row, hub: HubMetadata) -> DataError:
    """The error for a hub whose weights have changed since its senses were bound to it."""
    return DataError(f"{hub.weights}: not the weights that {row.folder} was bound to; run `dvc repro bind`")


def _frozen(row: Row, hub: HubMetadata) -> tuple[torch.nn.Module, str]:
    """A hub that was not trained along, and the digest of its weights."""
    path = row.checkout / hub.weights
    member = members.load(f"pipeline.modalities.{hub.modality}", hub.encoder)
    if isinstance(member, SplitlessMember):
        seed = hub.seed if path.is_dir() else None
        module, metadata = member.frozen(path, seed, hub.options, f"{row.folder}: options of the hub")
        return module, metadata["weights_hash"]
    file = next((file for file in sorted(path.glob("*.safetensors")) if file_digest(file) == hub.weights_hash), None)
    if file is None:
        raise changed_weights(row, hub)
    state, metadata = checkpoint.load(file)
    return frozen.restored(file, state, metadata), hub.weights_hash


def _sense(
    name: str, metadata: BoundMetadata | HubMetadata, dataset: str, module: torch.nn.Module, weights_hash: str
) -> Sense:
    sense: Modality = modalities.sense(metadata.modality)
    prepare = sense.prepare(metadata.recipe, metadata.recipe_options, f"recipe of '{name}'")
    crops = metadata.recipe_options.get("crop") == "skeleton"
    encoder = encoder_of(module)
    return Sense(
        name, metadata.modality, dataset, metadata.layout, encoder, weights_hash, prepare, sense.is_empty, crops
    )
