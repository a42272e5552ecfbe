"""The scores format: how sure a method is of each class for each test clip. No labels are in it.

A scores store has one group a (split, seed, label space), named `<split>-<seed>-<label_space>`, whose array `scores`
has shape (clips, settings, classes). A setting is an epoch or a value of a grid, whatever the method was selected by.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import FormatError
from pipeline.core.store import Store, StoreWriter

INFERENCE = ("inductive", "transductive")
PAIRS = (
    "fit",
    "fit_and_val",
    "all",
)  # clips of these classes were bound; all: those of unseen classes, unlabelled, too
PAIRS_MAY_NOT_HOLD: dict[str, tuple[str, ...]] = {"fit": ("unseen", "val"), "fit_and_val": ("unseen",), "all": ()}
STORE = "scores.zarr"  # below the folder of a method row


@dataclass(frozen=True)
class Provenance:
    """What a reader must know to name a number: who was trained on what, and how it was selected."""

    split: str
    seed: int
    label_space: str  # unseen | all | gzsl: the candidates of an unseen (or, for gzsl, any) test clip
    inference: str  # inductive | transductive: clips of unseen classes, without labels, took part in training
    # How `selected` was chosen: validation | folds | none, or validation_seen where the encoder was trained or bound
    # with the val classes; `oracle` is computed by evaluate alone.
    selection: str
    refit: str  # none | seen | both
    settings: list[str]  # kept epochs or grid values, in order
    selected: int  # index into settings
    class_ids: list[int]  # the candidates, ascending
    training_classes: list[int]  # of every weight used, the encoder's included
    pairs: str | None  # which clips the encoder was bound with: one of PAIRS; None: it was not bound
    paired_classes: list[int]  # of those clips
    pretrained: str | None  # weights of the web that the encoder began as: nobody knows what they saw
    source: str | None  # the other dataset that weights were taught on; None: nothing was learnt elsewhere
    source_classes: list[str]  # names of its classes that any weight was taught, and of all of the next line
    kept_overlap: list[str]  # classes of the tested dataset that were taught, or that a setting was chosen by, even so


@dataclass(frozen=True)
class Scores:
    """Scores of one (split, seed, label space): `values` has shape (clips, settings, classes)."""

    provenance: Provenance
    clip_ids: list[str]
    values: npt.NDArray[np.float32]


def write(store: StoreWriter, scores: Scores) -> None:
    """Add one group to a scores store."""
    about = scores.provenance
    name = f"{about.split}-{about.seed}-{about.label_space}"
    group = store.group(name, scores.clip_ids, asdict(about))
    group.put("scores", scores.values.astype(np.float32))


def read(folder: Path, stage: str) -> list[Scores]:
    """All scores below the folder of a method row, in the order of their group names."""
    store = Store(folder / STORE, stage)
    return [_read_group(store, name) for name in store.groups()]


def _read_group(store: Store, name: str) -> Scores:
    attrs: dict[str, Any] = store.group_attrs(name)
    try:
        about = Provenance(**attrs)
    except TypeError as error:
        raise FormatError(f"{store.path}: group '{name}': {error}; rerun the stage that wrote it") from None
    return Scores(about, store.ids(name), store.read(name, "scores"))
