"""Pictures with scene graphs: which train, which are kept for the test, and which frames a clip may be made of."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

import msgspec
import pyarrow as pa

from pipeline.core.errors import DataError
from pipeline.core.pairs import FalseText, GraphPair
from pipeline.core.schemas import Float32s, Int32, Int32s, Strings
from pipeline.graphs.parts import VAL
from pipeline.sources import corpus_tables
from pipeline.sources.corpus_tables import CaptionedGraph, Tables
from pipeline.sources.screening import SHOWN, WITHHELD, Screen


class PairRow(msgspec.Struct, frozen=True, gc=False):
    """A pair that trains.

    Boxes are those of the actions' ends, x1 y1 x2 y2 one after the other, as shares of the picture that is shown: the
    whole file, or `crop_xywh` of it.
    """

    key: str
    picture: str  # path of the file
    crop_xywh: Int32s | None
    caption: str
    negatives: Strings
    boxes: Float32s
    video: Int32 | None  # row of the table of videos; null for single images
    frame: Int32 | None


class VideoRow(msgspec.Struct, frozen=True, gc=False):
    """The annotated frames of a video, ascending."""

    frames: Annotated[list[int], pa.list_(pa.int32())]
    usable: Annotated[list[bool], pa.list_(pa.bool_())]  # shows nothing that is kept out of training
    boxes: Annotated[list[list[float]], pa.list_(pa.list_(pa.float32()))]


class PairReader:
    """Reads the tables of corpora once: `training` gives the rows that train, the others are collected here.

    With `trains` false the same rows are read, but their texts do not count as training texts.
    """

    def __init__(self, screen: Screen, *, only_certain: bool, trains: bool) -> None:
        self._screen = screen
        self._trains = trains
        self._only_certain = only_certain
        self._video_rows: dict[tuple[str, str], int] = {}
        self.videos: list[VideoRow] = []
        self.heldout: list[GraphPair] = []
        self.counts: Counter[str] = Counter()

    def training(self, corpus: Tables) -> Iterator[PairRow]:
        """The rows of a corpus that train, in the order of its tables."""
        for picture in corpus_tables.pictures(corpus):
            whole = picture[0]
            if whole.region:
                raise DataError(
                    f"{corpus.graphs}: a region without its image {whole.row.image_id!r}; run `dvc repro graph`"
                )
            shown = self._screen.shows(whole.graph)
            trains = whole.row.part != VAL
            name = whole.row.video
            video = self._video(corpus.corpus, name, whole, usable=not shown) if trains and name else None
            for part in picture:
                if fault := _unusable(part):
                    self.counts[f"graph pairs: {fault}"] += 1
                elif shown or not trains:
                    self.heldout.append(self._pair(corpus, part, whole))
                    self.counts[f"graph pairs: {SHOWN}"] += trains
                elif self._passes(part.caption.fitted, "graph pairs"):
                    yield self._row(corpus, part, whole, video)

    def _passes(self, text: str, what: str) -> bool:
        return self._screen.passes(text, what, by_clause=True, trains=self._trains)

    def _row(self, corpus: Tables, part: CaptionedGraph, whole: CaptionedGraph, video: int | None) -> PairRow:
        wanted = [row.text for row in part.negatives if row.certain or not self._only_certain]
        return PairRow(
            key=f"{corpus.corpus}|{part.row.image_id}|{part.region}",
            picture=str(corpus.source / part.picture),
            crop_xywh=corpus_tables.crop_of(part, whole),
            caption=part.caption.fitted,
            negatives=[text for text in wanted if self._passes(text, "negatives")],
            boxes=corpus_tables.action_boxes(part).reshape(-1).tolist(),
            video=video,
            frame=part.row.frame,
        )

    def _pair(self, corpus: Tables, part: CaptionedGraph, whole: CaptionedGraph) -> GraphPair:
        caption = part.caption.fitted
        edges = [*part.caption.fitted_clause_starts, len(caption)]
        unseen = [self._screen.says(caption[start:stop]) for start, stop in pairwise(edges)]
        false = tuple(
            FalseText(row.rule, row.index, row.text, row.certain, unseen[row.clause]) for row in part.negatives
        )
        picture = corpus.source / part.picture
        crop = corpus_tables.crop_of(part, whole)
        return GraphPair(corpus.corpus, part.row.image_id, part.region, picture, crop, caption, false)

    def _video(self, corpus: str, name: str, whole: CaptionedGraph, *, usable: bool) -> int:
        """The row of the frame's video, to which the frame is added."""
        row = self._video_rows.setdefault((corpus, name), len(self.videos))
        if row == len(self.videos):
            self.videos.append(VideoRow([], [], []))
        video, frame = self.videos[row], whole.row.frame
        assert frame is not None, "graphs of a video say of which frame"
        video.frames.append(frame)
        video.usable.append(usable and self._screen.fault(whole.caption.fitted, by_clause=True) != WITHHELD)
        video.boxes.append(corpus_tables.action_boxes(whole).reshape(-1).tolist())
        return row


def ascending(video: VideoRow) -> VideoRow:
    """The video with its frames in order of their numbers; file names sort "10.png" before "9.png"."""
    order = sorted(range(len(video.frames)), key=video.frames.__getitem__)
    return VideoRow(
        [video.frames[place] for place in order],
        [video.usable[place] for place in order],
        [video.boxes[place] for place in order],
    )


def _unusable(part: CaptionedGraph) -> str | None:
    """Why a graph can neither train nor test, or None."""
    if not part.row.has_picture:
        return "no picture"
    if part.row.picture_width is None:
        return "a picture without a size"
    return None if part.caption.fitted else "no caption that fits"
