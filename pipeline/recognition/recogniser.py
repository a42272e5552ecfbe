"""Recogniser: clips of any bound sense and texts as vectors of one space, and the labels that fit a clip best."""

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
from pipeline.training.bound import BoundMetadata

if TYPE_CHECKING:
    from pipeline.recognition.index import Index
    from pipeline.recognition.search import Match
    from pipeline.recognition.stored import Stored


class Ranked(NamedTuple):
    """A label and how well it fits.

    `score` is the softmax over all labels of the hub's scale times the cosine. It says which label fits best, not
    whether any of them fits.
    """

    label: str
    score: float
    cosine: float


class Recogniser:
    """The encoders of one row of bind and the text tower of its hub; each is loaded when first used."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self._loaded: dict[str, tuple[Sense, BoundMetadata]] = {}

    @classmethod
    def load(cls, folder: Path | str, split: str | None = None, seed: int | None = None) -> "Recogniser":
        """The row in a folder, `features/bind/<row>`; one with several trainings needs a split, a seed, or both."""
        return cls(rows.select(Path(folder), split, seed))

    def classify(self, files: Iterable[Path | str], labels: Labels, *, sense: str) -> list[list[Ranked]]:
        """For each clip all labels, the likeliest first. `labels` are texts, or a mapping from texts to their prompts.

        DataError or FormatError, naming the clip, for the first clip that cannot be used.
        """
        label_KD = self.texts(labels)  # before the clips, so that faulty labels are reported at once
        return [self.ranked(vector_D, list(labels), label_KD) for vector_D in self.embed(files, sense)]

    def embed(self, files: Iterable[Path | str], sense: str) -> Array:
        """Unit vectors (N, D) of clips, each independent of the others. Raises as `classify` does."""
        if isinstance(files, str | Path):
            raise DataError(f"{files}: one clip, expected a list of clips; put it in brackets")
        loaded = self.sense(sense)
        vectors = [loaded.vector(Path(file)) for file in files]
        return np.stack(vectors) if vectors else np.empty((0, self._metadata.dim), np.float32)

    def texts(self, labels_: Labels) -> Array:
        """Unit vectors (K, D) of labels, each the mean direction of its prompts."""
        return self._texts.vectors(labels.checked(labels_))

    def search(
        self, query_D: Array, among: Sequence[str] | None = None, top: int = 10, *, index: bool = False
    ) -> "list[Match]":
        """The pipeline's clips nearest to a vector of `embed` or `texts`, of the senses `among` or of all senses.

        With `index`, senses that `unseen index` has indexed are searched through it, the others exactly. DataError if
        none of them has one.
        """
        from pipeline.recognition import search  # imports zarr, which classify does without

        return search.nearest(self.stored(among), query_D, top, self.indexes(among) if index else None)

    def stored(self, among: "Sequence[str] | None" = None) -> "list[Stored]":
        """The vectors that the pipeline keeps of the clips of some senses, or of all."""
        from pipeline.recognition import stored

        return stored.stored(self.row, self._metadata.hub, None if among is None else [*map(self._name, among)])

    def indexes(self, among: "Sequence[str] | None" = None) -> "dict[str, Index]":
        """The index of each sense that has one. DataError if none has, or one was built from other vectors."""
        from pipeline.recognition import index

        found = {sense.sense: index.opened(self.row, sense) for sense in self.stored(among)}
        indexes = {name: each for name, each in found.items() if each is not None}
        if not indexes:
            raise DataError(f"{self.row.folder}: no index of {', '.join(found)}; run `unseen index`, or search exactly")
        return indexes

    def iter_vectors(self, paths: Iterable[Path], sense: str) -> "Iterator[tuple[Path, Array | UnseenError]]":
        """Each clip with its vector, or with the error that explains why it has none."""
        loaded = self.sense(sense)
        for path in paths:
            try:
                yield path, loaded.vector(path)
            except UnseenError as error:
                yield path, error

    def clips(self, paths: Iterable[Path], sense: str) -> list[Path]:
        """The clips of a sense that paths name, including those in folders."""
        return files.clips(paths, self.sense(sense).modality)

    def ranked(self, vector_D: Array, names: Sequence[str], label_KD: Array) -> list[Ranked]:
        """The labels of one clip, the likeliest first, ties in the given order."""
        cosine_K = label_KD @ vector_D
        share_K = texts.softmax(cosine_K[None], self._scale)[0]
        order = np.argsort(-cosine_K, kind="stable").tolist()
        return [Ranked(names[place], float(share_K[place]), float(cosine_K[place])) for place in order]

    def sense(self, name: str) -> Sense:
        """A sense by its name in the row, or by its modality; the hub's sense is the hub's own encoder."""
        in_row = self._name(name)
        return self._hub if in_row == HUB else self._of(in_row)[0]

    def _name(self, name: str) -> str:
        if name in (*self.row.senses, HUB):
            return name
        modality_of = self.modalities()
        of_modality = [sense for sense, modality in modality_of.items() if modality == name]
        if len(of_modality) != 1:
            senses_ = ", ".join(
                sense if sense == modality else f"{sense} ({modality})" for sense, modality in modality_of.items()
            )
            what = "several senses of" if of_modality else "no sense"
            raise DataError(f"{self.row.folder}: {what} '{name}', there are {senses_}; name one of them")
        return of_modality[0]

    def modalities(self) -> dict[str, str]:
        """The modality of every sense of the row, and of its hub."""
        modality_of = {sense: self._of(sense)[0].modality for sense in self.row.senses}
        return {**modality_of, HUB: self._metadata.hub.modality}

    def arrays(self, name: str) -> Path:
        """Where the pipeline keeps the prepared clips of a sense; they are there if its preprocess has run."""
        in_row = self._name(name)
        about = self._metadata.hub if in_row == HUB else self._of(in_row)[1]
        store = f"{about.modality}-{about.recipe}.zarr"
        return self.row.checkout / "features/preprocess" / self._metadata.dataset / store

    def _of(self, name: str) -> tuple[Sense, BoundMetadata]:
        if name not in self._loaded:
            self._loaded[name] = senses.load(self.row, name)
        return self._loaded[name]

    @property
    def _metadata(self) -> BoundMetadata:
        """The metadata of any one sense; their hub is the same."""
        return self._of(next(iter(self._loaded), self.row.senses[0]))[1]

    @cached_property
    def _hub(self) -> Sense:
        return senses.load_hub(self.row, self._metadata)

    @cached_property
    def _texts(self) -> Texts:
        return texts.load(self.row, self._metadata.hub)

    @cached_property
    def _scale(self) -> float:
        return self._texts.scale
