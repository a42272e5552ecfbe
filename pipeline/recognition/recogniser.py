"""Recogniser: clips of any bound sense and texts as vectors of one space, and which label a clip is most like."""

# Shapes: N clips, K labels, D size of the hub's vectors.
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.core.bound import HUB
from pipeline.core.errors import DataError, UnseenError
from pipeline.models.methods.shared import Array
from pipeline.recognition import files, labels, rows, senses, texts
from pipeline.recognition.labels import Labels
from pipeline.recognition.rows import Row
from pipeline.recognition.senses import Sense
from pipeline.recognition.texts import Texts
from pipeline.training.bound import About

if TYPE_CHECKING:
    from pipeline.recognition.search import Match


class Ranked(NamedTuple):
    """A label and how well it fits.

    `score` is the softmax over all labels of the hub's scale times the cosine: which of these, not whether any.
    """

    label: str
    score: float
    cosine: float


class Recogniser:
    """The encoders of one row of bind and the text tower beside its hub; each is loaded at its first use."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self._loaded: dict[str, tuple[Sense, About]] = {}

    @classmethod
    def load(cls, folder: Path | str, split: str | None = None, seed: int | None = None) -> "Recogniser":
        """The row in a folder, `features/bind/<row>`; a row of several trainings needs its split, or seed, or both."""
        return cls(rows.select(Path(folder), split, seed))

    def classify(self, files: Iterable[Path | str], labels: Labels, *, sense: str) -> list[list[Ranked]]:
        """For each clip all labels, the likeliest first. `labels` are texts, or texts with prompts for each.

        DataError or FormatError, naming the clip, for the first that cannot be used.
        """
        label_KD = self.texts(labels)  # what is wrong with the labels is said before clips are read
        return [self.ranked(vector_D, list(labels), label_KD) for vector_D in self.embed(files, sense)]

    def embed(self, files: Iterable[Path | str], sense: str) -> Array:
        """Unit vectors (N, D) of clips, each as if it were alone. Raises as `classify` does."""
        if isinstance(files, str | Path):
            raise DataError(f"{files}: one clip, expected a list of clips; put it in brackets")
        loaded = self.sense(sense)
        vectors = [loaded.vector(Path(file)) for file in files]
        return np.stack(vectors) if vectors else np.empty((0, self._about.dim), np.float32)

    def texts(self, labels_: Labels) -> Array:
        """Unit vectors (K, D) of labels: of each the mean direction of its prompts."""
        return self._texts.vectors(labels.checked(labels_))

    def search(self, query_D: Array, among: Sequence[str] | None = None, top: int = 10) -> "list[Match]":
        """The clips of the pipeline nearest to a vector of `embed` or `texts`, of the senses `among`, or of all."""
        from pipeline.recognition import search  # with zarr, which classify does without

        names = None if among is None else [self._name(name) for name in among]
        return search.nearest(self.row, self._about.hub, query_D, names, top)

    def iter_vectors(self, paths: Iterable[Path], sense: str) -> "Iterator[tuple[Path, Array | UnseenError]]":
        """Clip by clip its vector, or why it has none."""
        loaded = self.sense(sense)
        for path in paths:
            try:
                yield path, loaded.vector(path)
            except UnseenError as error:
                yield path, error

    def clips(self, paths: Iterable[Path], sense: str) -> list[Path]:
        """The clips of a sense that paths name, those in folders included."""
        return files.clips(paths, self.sense(sense).modality)

    def ranked(self, vector_D: Array, names: Sequence[str], label_KD: Array) -> list[Ranked]:
        """The labels of one clip, the likeliest first, equal ones in the order given."""
        cosine_K = label_KD @ vector_D
        share_K = texts.softmax(cosine_K[None], self._scale)[0]
        order = np.argsort(-cosine_K, kind="stable").tolist()
        return [Ranked(names[place], float(share_K[place]), float(cosine_K[place])) for place in order]

    def sense(self, name: str) -> Sense:
        """A sense by its name in the row, or by its modality; the hub's is the hub's own encoder."""
        own = self._name(name)
        return self._hub if own == HUB else self._of(own)[0]

    def _name(self, name: str) -> str:
        if name in (*self.row.senses, HUB):
            return name
        modality_of = {own: self._of(own)[0].modality for own in self.row.senses}
        modality_of[HUB] = self._about.hub.modality
        meant = [own for own, modality in modality_of.items() if modality == name]
        if len(meant) != 1:
            there = ", ".join(
                own if own == modality else f"{own} ({modality})" for own, modality in modality_of.items()
            )
            what = "several senses of" if meant else "no sense"
            raise DataError(f"{self.row.folder}: {what} '{name}', there are {there}; name one of them")
        return meant[0]

    def _of(self, name: str) -> tuple[Sense, About]:
        if name not in self._loaded:
            self._loaded[name] = senses.load(self.row, name)
        return self._loaded[name]

    @property
    def _about(self) -> About:
        """What any one sense says: the hub is the same for all."""
        return self._of(next(iter(self._loaded), self.row.senses[0]))[1]

    @cached_property
    def _hub(self) -> Sense:
        return senses.load_hub(self.row, self._about)

    @cached_property
    def _texts(self) -> Texts:
        return texts.load(self.row, self._about.hub)

    @cached_property
    def _scale(self) -> float:
        return self._texts.scale
