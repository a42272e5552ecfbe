"""What a method left of its inner workings beside its scores, with the truths that evaluate alone may join to it."""

# Shapes: N test clips of unseen classes, K unseen classes, S texts of a class, H size of a vector.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import FormatError
from pipeline.core.scores import Scores
from pipeline.core.seeds import generator
from pipeline.core.store import Store

Floats = npt.NDArray[np.floating[Any]]
Places = npt.NDArray[np.int64]

PREFIX = "explain_"  # of the arrays over clips in a group of scores
TEXTS = "texts"  # ends the name of the group over classes, in place of the label space
MODULES = {"direct": "direct alignment", "augmented": "augmented alignment"}
_SPACE = "unseen"


@dataclass(frozen=True)
class Told:
    """Scores of one (split, seed) among the unseen classes, with the class of each clip."""

    scored: Scores
    truth: Sequence[int]


@dataclass(frozen=True, eq=False)
class Explained:
    """One (split, seed): the chosen setting's scores and what explains them, clips as rows, classes as columns."""

    split: str
    seed: int
    setting: str
    class_ids: list[int]
    names: list[str]  # of the classes, column by column
    clip_ids: list[str]
    truth_N: Places  # columns
    scores_NK: Floats
    modules: dict[str, Floats]  # (N, K) each, of those of MODULES that there are
    attention_NKS: Floats | None
    vectors_NH: Floats | None
    text_vectors_KH: Floats | None

    @property
    def called(self) -> Places:
        """The column of the class that each clip is called."""
        return np.asarray(self.scores_NK.argmax(axis=1), np.int64)

    def drawn(self, purpose: str, most: int, columns: Sequence[int]) -> Places:
        """Rows of at most so many clips of these classes, drawn at random, ascending; every purpose draws its own."""
        order = generator(self.seed, "explained", purpose, self.split).permutation(len(self.clip_ids))
        return np.sort(order[np.isin(self.truth_N[order], columns)][:most])


def read(store: Store, told: Sequence[Told], class_names: Mapping[int, str]) -> list[Explained]:
    """Those of the scores that a method has explained. Raises FormatError for arrays that do not fit the scores."""
    found = [_read(store, one, class_names) for one in told if one.scored.provenance.label_space == _SPACE]
    return [one for one in found if one is not None]


def _read(store: Store, told: Told, class_names: Mapping[int, str]) -> Explained | None:
    about = told.scored.provenance
    group = f"{about.split}-{about.seed}-{about.label_space}"
    names = [name.removeprefix(PREFIX) for name in store.arrays(group) if name.startswith(PREFIX)]
    if not names:
        return None
    arrays = {name: store.read(group, f"{PREFIX}{name}") for name in names}
    column = {class_id: place for place, class_id in enumerate(about.class_ids)}
    made = Explained(
        split=about.split,
        seed=about.seed,
        setting=about.settings[about.selected],
        class_ids=about.class_ids,
        names=[class_names[class_id] for class_id in about.class_ids],
        clip_ids=told.scored.clip_ids,
        truth_N=np.array([column[class_id] for class_id in told.truth], np.int64),
        scores_NK=told.scored.values[:, about.selected],
        modules={name: arrays[name] for name in MODULES if name in arrays},
        attention_NKS=arrays.get("attention"),
        vectors_NH=arrays.get("vectors"),
        text_vectors_KH=_of_classes(store, f"{about.split}-{about.seed}-{TEXTS}", about.class_ids),
    )
    _check(f"{store.path}: group '{group}'", made)
    return made


def _of_classes(store: Store, group: str, class_ids: Sequence[int]) -> Floats | None:
    if group not in store.groups():
        return None
    row = {int(class_id): place for place, class_id in enumerate(store.ids(group))}
    missing = sorted(set(class_ids) - set(row))
    if missing:
        raise FormatError(f"{store.path}: group '{group}' lacks the classes {missing}; rerun the method's stage")
    vectors_KH: Floats = store.read(group, "text_vectors")[[row[class_id] for class_id in class_ids]]
    return vectors_KH


def _check(where: str, one: Explained) -> None:
    """Every array explains these clips and classes, with numbers."""
    shape, size = one.scores_NK.shape, None if one.vectors_NH is None else one.vectors_NH.shape[-1:]
    expected = [(name, array, shape) for name, array in one.modules.items()]
    if one.attention_NKS is not None:
        expected.append(("attention", one.attention_NKS, (*shape, *one.attention_NKS.shape[2:3])))
    if one.vectors_NH is not None:
        expected.append(("vectors", one.vectors_NH, (shape[0], *(size or ()))))
    if one.text_vectors_KH is not None and size is not None:
        expected.append(("text_vectors", one.text_vectors_KH, (shape[1], *size)))
    for name, array, wanted in expected:
        if array.shape != wanted or not np.isfinite(array).all():
            raise FormatError(
                f"{where}: '{name}' has shape {array.shape}, or numbers that are not finite; expected {wanted}, for "
                "the scores' clips and classes; rerun the method's stage"
            )
