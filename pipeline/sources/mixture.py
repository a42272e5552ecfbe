"""Graph pairs, clips and shard samples as one source of training batches."""

# Shapes: N rows, T frames, H x W pixels, L tokens, K negatives, B boxes, 4 = x1 y1 x2 y2 as shares of the frame.
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.core.batches import Arrays, Rows
from pipeline.core.errors import DataError, FormatError
from pipeline.core.progress import say
from pipeline.core.rejects import Rejects
from pipeline.core.seeds import generator
from pipeline.formats import pictures
from pipeline.formats.pictures import Region
from pipeline.sources import clips, schedule
from pipeline.sources.cutting import Boxes, Centre, Random, Squash, cut, seen_boxes
from pipeline.sources.graph_pairs import PairRow, VideoRow
from pipeline.sources.mapped import MappedRows
from pipeline.sources.samples import Samples, Tokenize
from pipeline.sources.schedule import Plan

Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Rendering:
    """How rows become arrays."""

    size: tuple[int, int]  # H, W
    crop: Squash | Centre | Random
    clip_frames: int
    clip_stride: int
    num_negatives: int
    max_rejected: float  # of all pictures; each that does not decode is replaced by the next


@dataclass(frozen=True, eq=False)
class Item:
    """One row: frames (T, H, W, 3), the boxes of each, its caption and what is false of it."""

    frames: Frames
    boxes: list[Boxes]
    caption: str
    negatives: Sequence[str]
    has_graph: bool


@dataclass(eq=False)
class Mixture:
    """A Source (core/batches.py): rows [0, P) are graph pairs, [P, 2 P) their clips, from 2 P on shard samples."""

    plan: Plan
    pairs: MappedRows[PairRow]
    videos: MappedRows[VideoRow]
    clip_pairs: Rows
    samples: Samples | None
    shown: Rendering
    tokenize: Tokenize
    _broken: dict[int, str] = field(default_factory=dict)

    def steps(self, seed: int, epoch: int) -> Sequence[Rows]:
        """As schedule.steps."""
        return schedule.steps(self.plan, self.clip_pairs, seed, epoch)

    def names(self, rows: Rows) -> list[str]:
        """Corpus, image and region of graph pairs, shard and key of samples."""
        return [self._name(row) for row in rows.tolist()]

    def read(self, rows: Rows, seed: int) -> Arrays:
        """frames uint8 (N, T, H, W, 3), tokens (N, L), negatives (N, K, L), has_negative (N, K), action_boxes
        (N, T, B, 4), has_graph (N), rows (N), replaced (N).

        Where a picture does not decode the next row of its kind stands in `rows` and everywhere, and `replaced` is
        true. DataError where more than `max_rejected` of them do not, or none of a kind does; FormatError is not raised
        for pictures.
        """
        numbered = [self._item(row, seed) for row in rows.tolist()]
        items = [item for _, item in numbered]
        tokens = self.tokenize([item.caption for item in items])
        shown_N = np.array([row for row, _ in numbered], np.int64)
        negatives, has_negative = self._negatives(items, tokens.shape[1])
        return {
            "frames": np.stack([item.frames for item in items]),
            "tokens": tokens,
            "negatives": negatives,
            "has_negative": has_negative,
            "action_boxes": _padded([item.boxes for item in items]),
            "has_graph": np.array([item.has_graph for item in items]),
            "rows": shown_N,
            "replaced": shown_N != rows,
        }

    def _item(self, row: int, seed: int) -> tuple[int, Item]:
        """A row's number and its item; where its picture is broken, those of the next row."""
        first = row
        while True:
            if row not in self._broken:
                try:
                    return row, self._decoded(row, seed)
                except FormatError as error:
                    self._reject(row, str(error))
            row = self._next(row)
            if row == first:
                raise DataError(f"pictures: none of its kind decodes, as {self._broken[row]}; mend them")

    def _reject(self, row: int, why: str) -> None:
        """Remember a broken row. Each reader reports its first; the loop counts the replaced rows."""
        if not self._broken:
            say(f"pictures: {why}; where one does not decode the next is read")
        self._broken[row] = why
        total, at_most = len(self.pairs) + len(self.samples or ()), self.shown.max_rejected
        if len(self._broken) > at_most * total:
            rejects = Rejects("pictures", [(self._name(row), why) for row, why in self._broken.items()])
            rejects.check(total=total, at_most=at_most)

    def _next(self, row: int) -> int:
        num_pairs = len(self.pairs)
        if row < num_pairs:
            return (row + 1) % num_pairs
        if row < 2 * num_pairs:
            place = int(np.searchsorted(self.clip_pairs, row - num_pairs))
            return int(self.clip_pairs[(place + 1) % len(self.clip_pairs)]) + num_pairs
        assert self.samples is not None
        return 2 * num_pairs + (row - 2 * num_pairs + 1) % len(self.samples)

    def _decoded(self, row: int, seed: int) -> Item:
        num_pairs = len(self.pairs)
        if row >= 2 * num_pairs:
            assert self.samples is not None
            sample = row - 2 * num_pairs
            frame, _ = self._frame(self.samples.picture(sample), self._name(row), None, _NO_BOXES, (seed, row))
            pieces = self.tokenize.pieces(self.samples.text(sample))  # of a text too long, another one each time
            text = pieces[int(generator(seed, "piece", row).integers(len(pieces)))]
            return Item(frame[None], [_NO_BOXES], text, (), has_graph=False)
        pair = self.pairs.row(row % num_pairs)
        shots = self._clip(pair) if row >= num_pairs else [(Path(pair.picture), _boxes(pair.boxes))]
        seen = [self._frame(path, str(path), pair.crop_xywh, boxes, (seed, row)) for path, boxes in shots]
        order = generator(seed, "negatives", row).permutation(len(pair.negatives))[: self.shown.num_negatives]
        negatives = [pair.negatives[place] for place in order.tolist()]
        frames = np.stack([frame for frame, _ in seen])
        return Item(frames, [boxes for _, boxes in seen], pair.caption, negatives, has_graph=True)

    def _clip(self, pair: PairRow) -> list[tuple[Path, Boxes]]:
        """The frames of a pair's clip, each with the boxes of the annotated frame nearest to it."""
        assert pair.video is not None, "only pairs of videos are shown as clips"
        assert pair.frame is not None
        video, how = self.videos.row(pair.video), self.shown
        frames = clips.frames(Path(pair.picture), pair.frame, video, how.clip_frames, how.clip_stride)
        return [(path, _boxes(video.boxes[place])) for path, place in frames]

    def _frame(
        self, picture: Path | bytes, where: str, crop: Sequence[int] | None, boxes: Boxes, drawn: tuple[int, int]
    ) -> tuple[Frames, Boxes]:
        """One picture at the model's size, and its boxes there; all frames of a row are cut alike."""
        seed, row = drawn
        cuts: list[tuple[Region, Region]] = []

        def chosen(width: int, height: int) -> Region:
            region = (0.0, 0.0, float(width), float(height)) if crop is None else _region(crop)
            cuts.append((region, cut(self.shown.crop, region, self.shown.size, generator(seed, "cut", row))))
            return cuts[-1][1]

        made = pictures.resized(picture, where, chosen, self.shown.size)
        return np.asarray(made, np.uint8), seen_boxes(boxes, *cuts[-1])

    def _negatives(self, items: Sequence[Item], length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        counts_N = np.array([len(item.negatives) for item in items])
        has_negative = np.arange(self.shown.num_negatives) < counts_N[:, None]
        tokens = np.zeros((*has_negative.shape, length), np.int64)
        texts = [text for item in items for text in item.negatives]
        if texts:
            tokens[has_negative] = self.tokenize(texts)
        return tokens, has_negative

    def _name(self, row: int) -> str:
        num_pairs = len(self.pairs)
        if row >= 2 * num_pairs:
            assert self.samples is not None
            return self.samples.key(row - 2 * num_pairs)
        return self.pairs.row(row % num_pairs).key + (" (clip)" if row >= num_pairs else "")


_NO_BOXES: Boxes = np.zeros((0, 4), np.float32)


def _boxes(flat: Sequence[float]) -> Boxes:
    return np.array(flat, np.float32).reshape(-1, 4)


def _region(crop: Sequence[int]) -> Region:
    x, y, w, h = map(float, crop)
    return x, y, w, h


def _padded(boxes: Sequence[Sequence[Boxes]]) -> Boxes:
    """Boxes of rows and frames (N, T, B, 4), B that of the fullest frame, at least 1; zeros where there is none."""
    max_boxes = max(1, *(len(of_frame) for frames in boxes for of_frame in frames))
    padded = np.zeros((len(boxes), len(boxes[0]), max_boxes, 4), np.float32)
    for row, frames in enumerate(boxes):
        for place, of_frame in enumerate(frames):
            padded[row, place, : len(of_frame)] = of_frame
    return padded
