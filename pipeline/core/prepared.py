"""Prepared clips: arrays (C, T, ...) of one shape in a store, kept without the empty frames at their ends.

Recipes that pad with zeros leave mostly padding (of NTU RGB+D at 300 frames three quarters). Where clips end at
different frames the store holds them ragged, frames first; whoever reads sees every clip at its full length again.
"""

# Shapes: N clips, C channels, T frames.
from collections.abc import Iterable, Sequence
from pathlib import Path

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


def put_boxes(group: GroupWriter, boxes: Sequence[Boxes], labels: Sequence[str]) -> None:
    """Write ragged `boxes` (K, 5), frame of x and corners x0 y0 x1 y1 in its picture, 0 to 1, and `box_labels` (K)."""
    number = {label: place for place, label in enumerate(labels)}
    group.put_ragged(
        BOXES, [np.column_stack([some.frame_K, some.corners_K4]).astype(np.float32).reshape(-1, 5) for some in boxes]
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


class Clips:
    """The clips of a preprocess store, in memory as they are stored: padding is added to those that are asked for."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path, "preprocess")
        self.ids = self.store.ids(GROUP)
        self._num_frames: int | None = self.store.attrs.get(PADDED_TO)
        if self._num_frames is None:
            self._x_NCT: Floats = self.store.read(GROUP, ARRAY)
        else:
            self._rows: list[Floats] = self.store.read_ragged(GROUP, ARRAY)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: slice | Sequence[int]) -> Floats:
        """x_NCT of some clips, all of one length."""
        if self._num_frames is None:
            return self._x_NCT[rows]
        chosen = self._rows[rows] if isinstance(rows, slice) else [self._rows[row] for row in rows]
        channels, *rest = self._rows[0].shape[1:]
        x_NCT = np.zeros((len(chosen), channels, self._num_frames, *rest), np.float32)
        for x_CT, row_TC in zip(x_NCT, chosen, strict=True):
            x_CT[:, : len(row_TC)] = np.moveaxis(row_TC, 0, 1)
        return x_NCT
