"""Prepared clips: arrays (C, T, ...) of one shape in a store, kept without the empty frames at their ends.

Recipes that pad with zeros leave mostly padding (of NTU RGB+D at 300 frames three quarters). Where clips end at
different frames the store holds them ragged, frames first; whoever reads sees every clip at its full length again.
"""

# Shapes: N clips, C channels, T frames.
import copy
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.core.boxes import Boxes
from pipeline.core.store import GroupWriter, Store

Floats = npt.NDArray[np.float32]
GROUP, ARRAY, BOXES, BOX_LABELS = "all", "x", "boxes", "box_labels"
PADDED_TO = "padded_to"  # attribute of the store: T, if it is ragged; BOX_LABELS is one too: the labels by number


def is_ragged(num_frames: int, held: Sequence[int]) -> bool:
    """Whether clips of T frames, of which some at the end are empty, are stored ragged."""
    return any(length < num_frames for length in held)


def put(group: GroupWriter, shape: tuple[int, ...], held: Sequence[int], clips: Iterable[Floats]) -> None:
    """Write clips of one shape (C, T, ...), of which the first `held` frames count; memory holds one shard."""
    channels, num_frames, *rest = shape
    if is_ragged(num_frames, held):
        rows = (np.moveaxis(x_CT, 1, 0)[:length] for x_CT, length in zip(clips, held, strict=True))
        group.ragged(ARRAY, held, (channels, *rest), np.float32).fill(rows)
    else:
        group.dense(ARRAY, shape, np.float32).fill(x_CT[None] for x_CT in clips)


def put_boxes(group: GroupWriter, boxes: Iterable[Boxes], labels: Sequence[str]) -> None:
    """Write ragged `boxes` (K, 5), frame of x and corners x0 y0 x1 y1 in its picture, 0 to 1, and `box_labels` (K).

    `boxes` is gone through several times, so that it need not lie in memory; the labels do.
    """
    number = {label: place for place, label in enumerate(labels)}
    group.ragged(BOXES, [len(some.labels) for some in boxes], (5,), np.float32).fill(
        np.column_stack([some.frame_K, some.corners_K4]).astype(np.float32).reshape(-1, 5) for some in boxes
    )
    group.put_ragged(BOX_LABELS, [np.array([number[label] for label in some.labels], np.int32) for some in boxes])


def read_boxes(store: Store, group: str) -> list[Boxes]:
    """The boxes of every clip. Raises FormatError if the store has none."""
    labels, rows = store.attrs.get(BOX_LABELS, []), store.read_ragged(group, BOXES)
    numbers = store.read_ragged(group, BOX_LABELS)
    return [
        Boxes(row_K5[:, 0].astype(np.int64), row_K5[:, 1:], tuple(labels[number] for number in number_K))
        for row_K5, number_K in zip(rows, numbers, strict=True)
    ]


class ClipArrays:
    """The clips of a preprocess store, read from disk when indexed, so that memory holds one batch.

    Padding that the store leaves out is there again. It can be pickled: a process that reads opens the files anew.
    """

    def __init__(self, path: Path) -> None:
        self.store = Store(path, "preprocess")
        self.ids = self.store.ids(GROUP)
        self._array = self.store.reader(GROUP, ARRAY)
        self._num_frames: int | None = self.store.attrs.get(PADDED_TO)
        offsets = np.arange(len(self.ids) + 1)  # a dense row is one row
        self._offsets = offsets if self._num_frames is None else self.store.read(GROUP, f"{ARRAY}.offsets")
        self._rows = np.arange(len(self.ids))

    def only(self, ids: Collection[str]) -> Self:
        """The clips with these ids, in the order of the store."""
        chosen = copy.copy(self)
        places = [place for place, clip_id in enumerate(self.ids) if clip_id in ids]
        chosen.ids, chosen._rows = [self.ids[place] for place in places], self._rows[places]
        return chosen

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice | Sequence[int] | npt.NDArray[np.int64]) -> Floats:
        """x_NCT of some clips, all of one length."""
        numbers = self._rows[rows]
        if self._num_frames is None:
            x_NCT = np.empty((len(numbers), *self._array.shape[1:]), np.float32)
            self._array.read((row, x_CT[None]) for row, x_CT in zip(numbers.tolist(), x_NCT, strict=True))
            return x_NCT
        channels, *rest = self._array.shape[1:]
        x_NCT = np.zeros((len(numbers), channels, self._num_frames, *rest), np.float32)
        for row, x_CT in zip(numbers.tolist(), x_NCT, strict=True):
            first, end = self._offsets[row : row + 2].tolist()
            row_TC = np.empty((end - first, channels, *rest), np.float32)
            self._array.read([(first, row_TC)])
            x_CT[:, : end - first] = np.moveaxis(row_TC, 0, 1)
        return x_NCT
