"""The arrays by which a method explains its scores, joined by evaluate with the true classes."""

# Shapes: N test clips of unseen classes, K unseen classes, S texts of a class, H size of a vector.
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.core import scores as scores_format
from pipeline.core.errors import FormatError
from pipeline.core.scores import Scores
from pipeline.core.seeds import generator

Floats = npt.NDArray[np.floating[Any]]
Places = npt.NDArray[np.int64]

MODULES = {"direct": "direct alignment", "augmented": "augmented alignment"}


@dataclass(frozen=True)
class LabelledScores:
    """Scores of one (split, seed) with the true class of each clip."""

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
        """The column of the answered class of each clip."""
        return np.asarray(self.scores_NK.argmax(axis=1), np.int64)

    def shuffled(self, purpose: str) -> Places:
        """Rows of all clips in a random order, another one for each purpose."""
        return generator(self.seed, "explained", purpose, self.split).permutation(len(self.clip_ids))

    def drawn(self, purpose: str, max_clips: int, columns: Sequence[int]) -> Places:
        """Rows of at most `max_clips` clips of these classes, drawn at random for a purpose, ascending."""
        order = self.shuffled(purpose)
        return np.sort(order[np.isin(self.truth_N[order], columns)][:max_clips])


def read(folder: Path, scored: Sequence[LabelledScores], class_names: Mapping[int, str]) -> list[Explained]:
    """The explanations of the scores that have any, from the folder of a row.

    Raises FormatError for arrays that do not fit the scores.
    """
    return [_read(folder, scores, class_names) for scores in scored if scores.scored.explained]


def _read(folder: Path, labelled: LabelledScores, class_names: Mapping[int, str]) -> Explained:
    provenance, arrays = labelled.scored.provenance, labelled.scored.explained
    column = {class_id: place for place, class_id in enumerate(provenance.class_ids)}
    explained = Explained(
        split=provenance.split,
        seed=provenance.seed,
        setting=provenance.settings[provenance.selected],
        class_ids=provenance.class_ids,
        names=[class_names[class_id] for class_id in provenance.class_ids],
        clip_ids=labelled.scored.clip_ids,
        truth_N=np.array([column[class_id] for class_id in labelled.truth], np.int64),
        scores_NK=labelled.scored.values[:, provenance.selected],
        modules={name: arrays[name] for name in MODULES if name in arrays},
        attention_NKS=arrays.get("attention"),
        vectors_NH=arrays.get("vectors"),
        text_vectors_KH=scores_format.read_texts(folder, folder.parent.name, provenance),
    )
    _check(f"{folder}: split '{provenance.split}', seed {provenance.seed}", explained)
    return explained


def _check(where: str, explained: Explained) -> None:
    """Check that every array fits the clips and classes and holds finite numbers."""
    shape, size = explained.scores_NK.shape, None if explained.vectors_NH is None else explained.vectors_NH.shape[-1:]
    expected = [(name, array, shape) for name, array in explained.modules.items()]
    if explained.attention_NKS is not None:
        expected.append(("attention", explained.attention_NKS, (*shape, *explained.attention_NKS.shape[2:3])))
    if explained.vectors_NH is not None:
        expected.append(("vectors", explained.vectors_NH, (shape[0], *(size or ()))))
    if explained.text_vectors_KH is not None and size is not None:
        expected.append(("text_vectors", explained.text_vectors_KH, (shape[1], *size)))
    for name, array, wanted in expected:
        if array.shape != wanted or not np.isfinite(array).all():
            raise FormatError(
                f"{where}: '{name}' has shape {array.shape}, or numbers that are not finite; expected {wanted}, for "
                "the scores' clips and classes; rerun the method's stage"
            )
