"""The scores format: how sure a method is of each class for each test clip. No labels are in it.

A scores store has one group a (split, seed, label space), named `<split>-<seed>-<label_space>`, whose array `scores`
has shape (clips, settings, classes). A setting is an epoch or a value of a grid, whatever the method was selected by.
In the label space gzsl there may be an array `gate` (clips, settings). What explains the scores of the selected setting
stands in arrays `explain_<name>` beside them, vectors of the class texts in a group `<split>-<seed>-texts`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
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
EXPLAIN = "explain_"  # begins the names of arrays that explain scores
_TEXTS = "texts"  # in the place of the label space: vectors of classes, no scores


@dataclass(frozen=True)
class Provenance:
    """What a reader must know to name a number: who was trained on what, and how it was selected."""

    split: str
    seed: int
    label_space: str  # unseen | all | gzsl: the candidates of an unseen (or, for gzsl, any) test clip
    # inductive | transductive: clips of unseen classes, without labels, took part in training, or other test clips in
    # the score of each (`scored_together`).
    inference: str
    # How `selected` was chosen: validation | folds | none, or validation_seen and folds_seen where the encoder was
    # trained or bound with the classes that stood in for unseen ones; `oracle` is computed by evaluate alone.
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
    training_clips: str | None  # `clips_digest` of those whose labels the encoder read; None: none of this dataset
    # Space gzsl: by setting the number to take from the scores of seen classes, chosen on clips of fit and val alone.
    calibration: list[float] | None
    scored_together: bool = False  # the scores of a clip depend on the other test clips


@dataclass(frozen=True)
class Scores:
    """Scores of one (split, seed, label space): `values` has shape (clips, settings, classes)."""

    provenance: Provenance
    clip_ids: list[str]
    values: npt.NDArray[np.float32]
    gate: npt.NDArray[np.float32] | None = None  # gzsl: (clips, settings), probability of an unseen class
    explained: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)  # by name, a row a clip


def write(store: StoreWriter, scores: Scores) -> None:
    """Add one group to a scores store."""
    provenance = scores.provenance
    name = f"{provenance.split}-{provenance.seed}-{provenance.label_space}"
    group = store.group(name, scores.clip_ids, asdict(provenance))
    group.put("scores", scores.values.astype(np.float32))
    if scores.gate is not None:
        group.put("gate", scores.gate.astype(np.float32))
    for kind, rows in sorted(scores.explained.items()):
        group.put(EXPLAIN + kind, rows.astype(np.float32))


def write_texts(store: StoreWriter, provenance: Provenance, vectors_KH: npt.NDArray[np.float32]) -> None:
    """Add the group of the vectors that the candidates' texts have in the space of the clips' vectors."""
    group = store.group(
        f"{provenance.split}-{provenance.seed}-{_TEXTS}", [_row_id(class_id) for class_id in provenance.class_ids]
    )
    group.put("text_vectors", vectors_KH.astype(np.float32))


def _row_id(class_id: int) -> str:
    """As the text that ascends with the number."""
    return f"{class_id:04d}"


def read(folder: Path, stage: str) -> list[Scores]:
    """All scores below the folder of a method row, in the order of their group names."""
    store = Store(folder / STORE, stage)
    return [_read_group(store, name) for name in store.groups() if name.rpartition("-")[2] != _TEXTS]


def read_texts(folder: Path, stage: str, provenance: Provenance) -> npt.NDArray[np.float32] | None:
    """Vectors (candidates, H) of the texts, in the order of `class_ids`; None where the row was not explained."""
    store, group = Store(folder / STORE, stage), f"{provenance.split}-{provenance.seed}-{_TEXTS}"
    if group not in store.groups():
        return None
    vectors_KH: npt.NDArray[np.float32] = store.rows(group, "text_vectors", [_row_id(c) for c in provenance.class_ids])
    return vectors_KH


def _read_group(store: Store, name: str) -> Scores:
    attrs: dict[str, Any] = store.group_attrs(name)
    try:
        provenance = Provenance(**attrs)
    except TypeError as error:
        raise FormatError(f"{store.path}: group '{name}': {error}; rerun the stage that wrote it") from None
    arrays = store.arrays(name)
    gate = store.read(name, "gate") if "gate" in arrays else None
    explained = {kind.removeprefix(EXPLAIN): store.read(name, kind) for kind in arrays if kind.startswith(EXPLAIN)}
    return Scores(provenance, store.ids(name), store.read(name, "scores"), gate, explained)
