"""The hub that senses are bound to: frozen encoders, and their vectors of every dataset, computed once."""

# Shapes: N clips, D size of a vector.
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import groups
from pipeline.core.closure import Code
from pipeline.core.errors import DataError, ParamsError
from pipeline.core.params import Params
from pipeline.core.resume import Parts
from pipeline.core.store import Store, create
from pipeline.models.encoder import Encoder
from pipeline.training import encoding, frozen, ranks
from pipeline.training.frozen import FrozenEncoder
from pipeline.training.training_set import Prepared

Array = npt.NDArray[np.float32]


class Plan(Params):
    """The encoder whose vectors senses are bound to."""

    modality: str
    recipe: str
    encoder: str
    options: dict[str, Any]  # of the encoder, as far as its weights do not tell
    weights: str  # a start file, features/finetune/<row> or features/pretrain/<row>
    learns: bool  # trained along with the senses, where the paper's stays as it is


class Hub:
    """The encoders of a row's hub, by group as in extract: `<split>-<seed>`, or `all-<seed>` and `all`."""

    def __init__(
        self,
        plan: Plan,
        request: frozen.EncoderRequest,
        weights: Path,
        prepared: Mapping[str, Prepared],
        batches: encoding.Batches,
        parts: Parts,
        code: Code,
    ) -> None:
        self.plan, self._weights, self._prepared = plan, weights, prepared
        self._batches, self._parts, self._code = batches, parts, code
        self._loads = frozen.encoders(request, weights, next(iter(prepared.values())).attrs["layout"])
        if plan.learns and request.split_table is not None:
            raise ParamsError(f"{request.where}: learns: the weights of {plan.encoder} are of splits; set it to false")
        self._encoders: dict[str, FrozenEncoder] = {}
        self._vectors: dict[tuple[str, str], Array] = {}
        self.used: list[Path] = []  # folders of finished parts

    def group(self, split: str, seed: int) -> str:
        """The encoder of a split."""
        chosen = groups.of_run(self._loads, split, seed)
        if chosen is None:
            raise DataError(
                f"{self._weights}: no weights for split '{split}', seed {seed}, only {sorted(self._loads)}; mend the "
                "splits and seeds of the row of bind, or add to those of the weights' row"
            )
        return chosen

    def encoder(self, group: str) -> FrozenEncoder:
        """A frozen encoder, and the metadata of its weights."""
        if group not in self._encoders:
            self._encoders[group] = self._loads[group]()
        return self._encoders[group]

    def fresh(self, group: str) -> Encoder:
        """Another copy of the encoder, to be trained."""
        return self._loads[group]().encoder

    def decided_by(self, dataset: str, group: str, arrays: str) -> dict[str, object]:
        """All that decides the vectors of a dataset's clips; `arrays` is the digest of their arrays."""
        member = f"pipeline.modalities.{self.plan.modality}.{self.plan.encoder}"
        return {
            "code": self._code.digest(__name__, member),
            "hub": self.plan.model_dump(exclude={"learns", "weights"}),
            "weights": self.encoder(group).weights_hash,
            "dataset": dataset,
            "arrays": arrays,
            "batches": self._batches.model_dump(),
        }

    def vectors(self, dataset: str, group: str, arrays: str) -> Array:
        """unit_ND of the prepared clips of the row, in their order; ranks above 0 read them if they are finished."""
        known = (dataset, group)
        if known not in self._vectors:
            self._vectors[known] = self._computed(dataset, group, arrays)
        return self._vectors[known]

    def _computed(self, dataset: str, group: str, arrays: str) -> Array:
        name, key = f"hub-{dataset}-{group}", self.decided_by(dataset, group, arrays)
        clips = self._prepared[dataset].clips

        def make(folder: Path) -> None:
            with create(folder / "hub.zarr", {}) as writer:
                writer.group(group, clips.ids).put("pooled", self._encoded(dataset, group))

        if ranks.leads():
            folder = self._parts.finish(name, key, make)
            self.used.append(folder)
        elif (there := self._parts.finished(name, key)) is None:
            return self._encoded(dataset, group)
        else:
            folder = there
        vector_ND: Array = Store(folder / "hub.zarr", "bind").read(group, "pooled")
        return vector_ND

    def _encoded(self, dataset: str, group: str) -> Array:
        return encoded(self.encoder(group).encoder, self._prepared[dataset], self._batches)


def encoded(encoder: Encoder, prepared: Prepared, batches: encoding.Batches) -> Array:
    """unit_ND of prepared clips. Raises DataError for a vector of length 0 or that is no number."""
    vector_ND = encoding.encode(encoder, prepared.clips, batches)
    length_N1 = np.linalg.norm(vector_ND.astype(np.float64), axis=1, keepdims=True)
    if not (np.isfinite(length_N1) & (length_N1 > 0)).all():
        raise DataError(f"{prepared.path}: a clip has a vector without a direction; check the encoder's weights")
    unit_ND: Array = (vector_ND / length_N1).astype(np.float32)
    return unit_ND
