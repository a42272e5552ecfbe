"""What a zero-shot method is, and the texts of classes as vectors. No torch: closed forms start without it."""

# Shapes: N clips, D feature size, K classes, T text size.
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pipeline.core import params
from pipeline.core.errors import DataError
from pipeline.core.store import Store
from pipeline.core.weights import Weights

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

LABEL_AND_CONTEXT = "mean"  # the text type that stands for the mean direction of label and context

SMALLEST_DEVIATION = 1e-8  # below it a feature counts as constant


@dataclass(frozen=True)
class Clips:
    """Labelled clips to learn from."""

    features_ND: Array
    class_ids: tuple[int, ...]  # of each clip


@dataclass(frozen=True)
class ClassTexts:
    """Classes as unit vectors; row k belongs to class_ids[k]."""

    class_ids: tuple[int, ...]
    label_KT: Array
    context_KT: Array | None  # None where the store holds no sentences about the context
    further: Mapping[str, Array] = field(default_factory=dict)  # (K, T) of the other types of text, and of their means

    def of(self, class_ids: Sequence[int]) -> "ClassTexts":
        """The same vectors for a choice of classes, in the order asked for. All must be there."""
        rows = self.rows(class_ids)
        context_KT = None if self.context_KT is None else self.context_KT[rows]
        further = {kind: vectors_KT[rows] for kind, vectors_KT in self.further.items()}
        return ClassTexts(tuple(class_ids), self.label_KT[rows], context_KT, further)

    def rows(self, class_ids: Sequence[int]) -> Rows:
        """The row of each class."""
        place = {class_id: row for row, class_id in enumerate(self.class_ids)}
        return np.array([place[class_id] for class_id in class_ids], dtype=np.int64)

    def of_type(self, kind: str) -> Array:
        """Vectors (K, T) of one type of text. Raises DataError, with the types there are, for one that is not there."""
        if kind == LABEL_AND_CONTEXT:
            return unit(self.label_KT + self.contexts())
        if kind == "label":
            return self.label_KT
        if kind == "context":
            return self.contexts()
        if kind not in self.further:
            context = [] if self.context_KT is None else ["context", LABEL_AND_CONTEXT]
            found = ", ".join(["label", *context, *sorted(self.further)])
            raise DataError(f"the class texts have no type '{kind}'; they have {found}; run `dvc repro prompt embed`")
        return self.further[kind]

    def contexts(self) -> Array:
        """The context vectors (K, T). Raises DataError if the texts have none."""
        if self.context_KT is None:
            raise DataError(
                "the class texts have no 'context' sentences, which this method reads beside the labels; "
                "add them to the dataset's row of the prompt stage and run `dvc repro prompt embed`"
            )
        return self.context_KT


@dataclass(frozen=True)
class Candidate:
    """One state of a method that could be chosen. Ask it before the next one is drawn: training goes on in place."""

    setting: str  # an epoch, or a value of a grid
    loss: float  # of the training clips
    score: Callable[[Array, ClassTexts], Array]  # features (N, D), K classes -> (N, K), larger is likelier
    module: Weights


class MethodParams(params.Params):
    """Base of the methods' parameters."""

    @property
    def settings(self) -> list[str]:
        """The settings of the candidates, in the order they come."""
        raise NotImplementedError

    @property
    def setting_name(self) -> str:
        """What a setting is, for charts: "epoch" or the name of the grid."""
        raise NotImplementedError


class Method(Protocol):
    """What each file of this folder offers."""

    Params: type[MethodParams]

    def candidates(self, clips: Clips, texts: ClassTexts, params: Any, seed: int) -> Iterator[Candidate]:
        """Train on clips; `texts` holds at least their classes. Yields one candidate a kept setting."""
        ...


def class_texts(store: Store, class_ids: Sequence[int]) -> ClassTexts:
    """Vectors of classes from a store of the embed stage. Raises DataError for a class or a size that is not there."""
    has_context = "context" in store.groups()
    label_KT = _class_vectors(store, "label", class_ids)
    context_KT = _class_vectors(store, "context", class_ids) if has_context else None
    further = {
        kind: _class_vectors(store, kind, class_ids) for kind in store.groups() if kind not in ("label", "context")
    }
    return ClassTexts(tuple(class_ids), label_KT, context_KT, further)


def _class_vectors(store: Store, kind: str, class_ids: Sequence[int]) -> Array:
    vectors_NT = store.read(kind, "pooled")
    owners = np.array([int(id_.split("-")[0]) for id_ in store.ids(kind)])
    missing = sorted(set(class_ids) - set(owners.tolist()))
    if missing:
        raise DataError(f"{store.path}: no '{kind}' text for classes {missing}; run `dvc repro prompt embed`")
    if vectors_NT.ndim != 2 or vectors_NT.shape[1] != store.attrs["dim"]:
        raise DataError(
            f"{store.path}: '{kind}' vectors have shape {vectors_NT.shape}, expected (texts, {store.attrs['dim']}); "
            "run `dvc repro embed`"
        )
    return np.stack([class_vector(vectors_NT[owners == class_id]) for class_id in class_ids])


def class_vector(vectors_NT: Array) -> Array:
    """One unit vector (T) for the texts of a class: the mean direction of its texts."""
    return unit(unit(vectors_NT).mean(axis=0))


def standardisation(features_ND: Array) -> tuple[Array, Array]:
    """Mean and scale (D) that give training clips mean 0 and deviation 1; a constant feature gets scale 0."""
    deviation_D = features_ND.std(axis=0, dtype=np.float64)
    scale_D = np.divide(1.0, deviation_D, out=np.zeros_like(deviation_D), where=deviation_D > SMALLEST_DEVIATION)
    return features_ND.mean(axis=0, dtype=np.float64).astype(np.float32), scale_D.astype(np.float32)


def unit(vectors: Array) -> Array:
    """Vectors divided by their length along the last axis; a vector of zeros stays one."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
