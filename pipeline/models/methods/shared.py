"""What a zero-shot method is, the texts of classes as vectors, and small parts that several methods use."""

# Shapes: N clips, D feature size, K classes, T text size.
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.core import params, seeds
from pipeline.core.errors import DataError
from pipeline.core.store import Store

Array = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

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

    def of(self, class_ids: Sequence[int]) -> "ClassTexts":
        """The same vectors for a choice of classes, in the order asked for. All must be there."""
        rows = self.rows(class_ids)
        context_KT = None if self.context_KT is None else self.context_KT[rows]
        return ClassTexts(tuple(class_ids), self.label_KT[rows], context_KT)

    def rows(self, class_ids: Sequence[int]) -> Rows:
        """The row of each class."""
        place = {class_id: row for row, class_id in enumerate(self.class_ids)}
        return np.array([place[class_id] for class_id in class_ids], dtype=np.int64)

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
    module: nn.Module  # holds the weights


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
    return ClassTexts(tuple(class_ids), label_KT, context_KT)


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


def unit(vectors: Array) -> Array:
    """Vectors divided by their length along the last axis; a vector of zeros stays one."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)


class LinearMap(nn.Module):
    """A clip's features, standardised on the training clips, mapped linearly to the text space.

    A feature that is constant in training has scale 0 and says nothing.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, features_ND: Array, text_dim: int, *, bias: bool) -> None:
        super().__init__()
        deviation_D = features_ND.std(axis=0, dtype=np.float64)
        scale_D = np.divide(1.0, deviation_D, out=np.zeros_like(deviation_D), where=deviation_D > SMALLEST_DEVIATION)
        self.register_buffer("mean", torch.from_numpy(features_ND.mean(axis=0, dtype=np.float64)).float())
        self.register_buffer("scale", torch.from_numpy(scale_D).float())
        self.linear = nn.Linear(len(scale_D), text_dim, bias)

    def standardised(self, features_ND: Tensor) -> Tensor:
        """Features with mean 0 and deviation 1 on the training clips."""
        return (features_ND - self.mean) * self.scale

    def forward(self, features_ND: Tensor) -> Tensor:
        """Vectors (N, T) in the text space, of any length."""
        mapped_NT: Tensor = self.linear(self.standardised(features_ND))
        return mapped_NT

    def cosines(self, features_ND: Array, target_KT: Array) -> Array:
        """Cosine of each clip's vector with unit vectors, (N, K)."""
        with torch.no_grad():
            unit_NT = nn.functional.normalize(self(torch.from_numpy(features_ND)), dim=1)
            return np.asarray((unit_NT @ torch.from_numpy(target_KT).T).numpy(), dtype=np.float32)


@contextmanager
def drawn_from(seed: int, *names: str | int) -> Iterator[None]:
    """In the block torch draws from the named seed; outside its generator goes on as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.derived_seed(seed, *names))
        yield


class Descent(MethodParams):
    """Parameters of the methods that are trained by gradients: Adam, cosine annealing to 0 over the epochs."""

    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)  # decoupled, as in AdamW; with 0 it is Adam
    batch_size: int = Field(ge=2)
    epochs: int = Field(ge=1)
    keep_every: int = Field(ge=1)  # epochs between two candidates; the last epoch is always one

    @property
    def settings(self) -> list[str]:
        """The kept epochs, from 1."""
        return [str(n) for n in range(1, self.epochs + 1) if n % self.keep_every == 0 or n == self.epochs]

    @property
    def setting_name(self) -> str:
        """They are epochs."""
        return "epoch"


def descend(
    module: nn.Module, loss_of: Callable[[Rows], Tensor], num_clips: int, params: Descent, seed: int
) -> Iterator[tuple[str, float]]:
    """Train in place; yields each kept epoch with its mean loss. `loss_of` takes the row numbers of a batch.

    Raises DataError when the loss is no longer a number.
    """
    optimizer = torch.optim.AdamW(module.parameters(), lr=params.lr, weight_decay=params.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=params.epochs)
    kept = set(params.settings)
    for epoch in range(1, params.epochs + 1):
        total = 0.0
        for rows in _batches(num_clips, params.batch_size, seed, epoch):
            loss = loss_of(rows)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(rows)
        schedule.step()
        if not math.isfinite(total):
            raise DataError(f"the loss is not finite in epoch {epoch}: lower lr in params.yaml or check the features")
        if str(epoch) in kept:
            yield str(epoch), total / num_clips


def _batches(num_clips: int, batch_size: int, seed: int, epoch: int) -> list[Rows]:
    """Shuffled row numbers in batches that differ by at most one row, so that none is too small to contrast."""
    order = seeds.generator(seed, "batches", epoch).permutation(num_clips)
    return np.array_split(order, -(-num_clips // batch_size))
