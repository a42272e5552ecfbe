"""The features of one encoder by clip: which group of a store, what its weights saw, and the vectors of a choice."""

# Shapes: N clips, D feature size.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core import groups, store
from pipeline.core.errors import DataError
from pipeline.core.rejects import Rejects
from pipeline.models import text_space
from pipeline.models.innocence import Classes, Saw, saw
from pipeline.models.methods.shared import Array, Clips
from pipeline.models.text_space import TextSpace

Line = Mapping[str, Any]  # of the split table

_STAGES = ("adopt", "bind", "rest")  # which leave features in folders of their own


@dataclass(frozen=True)
class Encoded:
    """One group of a store of features."""

    features: store.Store
    group: str
    saw: Saw
    weights_hash: str | None

    @property
    def senses(self) -> tuple[str, ...]:
        """Whose vectors stand end to end; none where the store does not say."""
        return tuple(self.features.attrs.get("senses", ()))

    @property
    def text_space(self) -> TextSpace | None:
        """Which texts its vectors lie among, where its encoder has kept its map to them."""
        told = self.features.group_attrs(self.group).get(text_space.KEY)
        return None if told is None else TextSpace.model_validate(told)

    def there(self, rows: Sequence[Line], max_missing: float) -> tuple[list[Line], int]:
        """The rows of clips that have features, and how many have none. Raises DataError if those are too many."""
        known = set(self.features.ids(self.group))
        rejects = Rejects(f"{self.features.path}, group '{self.group}'")
        for clip_id in (row["clip_id"] for row in rows):
            if clip_id not in known:
                rejects.add(clip_id, "no features: preprocess left it out or never had it")
        rejects.check(total=len(rows), at_most=max_missing)
        return [row for row in rows if row["clip_id"] in known], len(rejects.rows)

    def vectors(self, rows: Sequence[Line]) -> Array:
        """(N, D) of some clips. Raises DataError for what are no finite vectors."""
        vectors_ND = self.features.rows(self.group, "pooled", [row["clip_id"] for row in rows])
        if vectors_ND.ndim != 2 or not np.isfinite(vectors_ND).all():
            raise DataError(
                f"{self.features.path}: group '{self.group}': expected finite vectors (clips, size), found shape "
                f"{vectors_ND.shape}; run `dvc repro {made_by(self.features.path)}`"
            )
        return vectors_ND.astype(np.float32, copy=False)

    def clips(self, rows: Sequence[Line]) -> Clips:
        """Vectors with the classes that the rows tell."""
        measured = tuple(self.features.group_attrs(self.group).get("measured", ()))
        return Clips(self.vectors(rows), tuple(row["class_id"] for row in rows), self.senses, measured)


def opened(path: Path) -> store.Store:
    """A store of features, of whichever stage."""
    return store.Store(path, made_by(path))


def about(features: Path) -> dict[str, Any]:
    """What scores repeat of a store: dataset, modality, encoder, and `macs`, the multiply-accumulates of one clip.

    Only representations of the stage rest say the last.
    """
    attrs = opened(features).attrs
    return {name: attrs[name] for name in ("dataset", "modality", "encoder", "macs") if name != "macs" or name in attrs}


def made_by(features: Path) -> str:
    """The stage that writes a store of features, as its folder says."""
    return next((name for name in reversed(features.parent.parts) if name in _STAGES), "extract")


def encoded(features: store.Store, split: str, seed: int, classes: Classes, named: str | None = None) -> Encoded:
    """The features that the encoder of a split and seed gave; `classes` are those of the split that is tested.

    `named` is what refusals call that split, where it is another than the encoder's. Raises LeakError for an encoder
    that saw what it must not, DataError where there are no such features.
    """
    group = groups.of_run(features.groups(), split, seed)
    if group is None:
        raise DataError(
            f"{features.path}: no features for split '{split}', seed {seed}: its groups are {features.groups()}; "
            "add the split or the seed to the rows of pretrain, finetune, bind or rest, and extract"
        )
    weights_hash = features.group_attrs(group).get("weights_hash")
    return Encoded(features, group, saw(features, group, named or split, classes), weights_hash)
