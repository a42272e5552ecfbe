"""Clips whose features are stored: one vector a clip, the tokens of its frames, or its regions with their places."""

# Shapes: N clips, S tokens, D feature size, R regions of a clip, 7 = a region's place.
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipeline.core.batches import Arrays, Rows, in_turn
from pipeline.core.errors import DataError
from pipeline.core.prepared import read_boxes
from pipeline.core.store import Store
from pipeline.models.rest import regions
from pipeline.sources.hidden_words import numbered

Floats = npt.NDArray[np.float32]
Array = Literal["pooled", "tokens", "regions"]


class Tokens:
    """The tokens of one group of a store of features, read when they are asked for."""

    def __init__(self, store: Store, group: str, array: Array, num_frames: int | None) -> None:
        """Raises DataError where a region lies in a frame that clips of `num_frames` do not have."""
        self.path, self.group, self.array = store.path, group, array
        ids = store.ids(group)
        self.place = {clip_id: row for row, clip_id in enumerate(ids)}
        self._rows = store.reader(group, array)
        self.dim = int(self._rows.shape[-1])
        if array == "regions":
            self._offsets = store.read(group, "regions.offsets")
            boxes = [np.column_stack([some.frame_K, some.corners_K4]) for some in read_boxes(store, group)]
            assert num_frames is not None
            _check_frames(store, ids, boxes, num_frames)
            self._places = [regions.places(box_R5, num_frames) for box_R5 in boxes]
            self.max_tokens = max(1, int(np.diff(self._offsets).max(initial=0)))
        else:
            self.max_tokens = int(np.prod(self._rows.shape[1:-1], dtype=np.int64))

    def read(self, ids: Sequence[str]) -> Arrays:
        """`x` (N, S, D); of regions, padded behind, also `place` (N, S, 7) and `known` (N, S)."""
        rows = [self.place[clip_id] for clip_id in ids]
        if self.array == "regions":
            return regions.padded([self._regions(row) for row in rows], [self._places[row] for row in rows])
        x_N = np.empty((len(rows), *self._rows.shape[1:]), np.float32)
        self._rows.read((row, x[None]) for row, x in zip(rows, x_N, strict=True))
        return {"x": x_N.reshape(len(rows), self.max_tokens, self.dim)}

    def _regions(self, row: int) -> Floats:
        first, end = self._offsets[row : row + 2].tolist()
        found_RD = np.empty((end - first, self.dim), np.float32)
        self._rows.read([(first, found_RD)])
        return found_RD


def _check_frames(store: Store, ids: Sequence[str], boxes: Sequence[npt.NDArray[np.floating]], num_frames: int) -> None:
    for clip_id, box_R5 in zip(ids, boxes, strict=True):
        if len(box_R5) and box_R5[:, 0].max() >= num_frames:
            raise DataError(
                f"{store.path}: {clip_id} has a region in frame {int(box_R5[:, 0].max())}, from 0, but input.num_frames"
                f" says {num_frames}; give the number of frames of the recipe's clips"
            )


@dataclass(frozen=True)
class StoredClips:
    """A source of the tokens of some clips and `label`, the place of their class."""

    tokens: Tokens
    ids: Sequence[str]
    labels: Sequence[int]
    batch_size: int
    shuffled: bool

    def steps(self, seed: int, epoch: int) -> list[Rows]:
        """Rows of the epoch."""
        return numbered(len(self.ids), self.batch_size, seed, epoch, shuffled=self.shuffled)

    def read(self, rows: Rows, seed: int) -> Arrays:  # noqa: ARG002 - nothing is drawn
        """Tokens and label of some rows."""
        label_N = np.array([self.labels[row % len(self.ids)] for row in rows.tolist()], np.int64)
        return {**self.tokens.read(self.names(rows)), "label": label_N}

    def names(self, rows: Rows) -> list[str]:
        """Clip ids."""
        return [self.ids[row % len(self.ids)] for row in rows.tolist()]


@dataclass(frozen=True)
class ShownTokens:
    """A source of the one clip (K = 1) that stands for each recording: tokens (N, 1, S, D) and what belongs to them."""

    tokens: Tokens
    ids: Sequence[str]
    batch_size: int

    def steps(self, seed: int, epoch: int) -> list[Rows]:  # noqa: ARG002 - in their order
        """Rows as they lie."""
        return in_turn(len(self.ids), self.batch_size)

    def read(self, rows: Rows, seed: int) -> Arrays:  # noqa: ARG002 - nothing is drawn
        """Tokens of some rows."""
        return {name: array[:, None] for name, array in self.tokens.read(self.names(rows)).items()}

    def names(self, rows: Rows) -> list[str]:
        """Clip ids."""
        return [self.ids[row] for row in rows.tolist()]
