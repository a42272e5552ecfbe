"""Pictures with scene graphs: which train, which are kept for the test, and which frames a clip may be made of."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pyarrow as pa

from pipeline.core.errors import DataError
from pipeline.core.pairs import FalseText, GraphPair
from pipeline.graphs.parts import VAL
from pipeline.sources import told as tables
from pipeline.sources.screening import SHOWN, WITHHELD, Screen
from pipeline.sources.told import Tables, Told

# A pair that trains. Boxes are those of the actions' ends, x1 y1 x2 y2 one after the other, as shares of the picture
# that is shown, which is the whole file or `crop_xywh` of it.
PAIRS = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("picture", pa.string(), nullable=False),  # path of the file
        pa.field("crop_xywh", pa.list_(pa.int32())),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("negatives", pa.list_(pa.string()), nullable=False),
        pa.field("boxes", pa.list_(pa.float32()), nullable=False),
        pa.field("video", pa.int32()),  # row of the table of videos; null for single images
        pa.field("frame", pa.int32()),
    ]
)
# The annotated frames of a video, ascending.
VIDEOS = pa.schema(
    [
        pa.field("frames", pa.list_(pa.int32()), nullable=False),
        pa.field("usable", pa.list_(pa.bool_()), nullable=False),  # shows nothing that is kept out of training
        pa.field("boxes", pa.list_(pa.list_(pa.float32())), nullable=False),
    ]
)


Row = dict[str, Any]  # of one of these tables


class Gathering:
    """Goes through the tables of corpora once: `training` gives what trains, the rest is kept here.

    Without `trains` all is gone through alike, but nothing learns from it.
    """

    def __init__(self, screen: Screen, *, only_certain: bool, trains: bool) -> None:
        self._screen = screen
        self._trains = trains
        self._only_certain = only_certain
        self._video_rows: dict[tuple[str, str], int] = {}
        self.videos: list[Row] = []
        self.heldout: list[GraphPair] = []
        self.counts: Counter[str] = Counter()

    def training(self, corpus: Tables) -> Iterator[Row]:
        """The rows (PAIRS) of a corpus that train, in the order of its tables."""
        for told in tables.pictures(corpus):
            whole = told[0]
            if whole.region:
                raise DataError(
                    f"{corpus.graphs}: a region without its image {whole.row.image_id!r}; run `dvc repro graph`"
                )
            shown = self._screen.shows(whole.graph)
            trains = whole.row.part != VAL
            name = whole.row.video
            video = self._video(corpus.corpus, name, whole, usable=not shown) if trains and name else None
            for one in told:
                if fault := _unusable(one):
                    self.counts[f"graph pairs: {fault}"] += 1
                elif shown or not trains:
                    self.heldout.append(self._pair(corpus, one, whole))
                    self.counts[f"graph pairs: {SHOWN}"] += trains
                elif self._passes(one.caption.fitted, "graph pairs"):
                    yield self._row(corpus, one, whole, video)

    def _passes(self, text: str, what: str) -> bool:
        return self._screen.passes(text, what, by_clause=True, trains=self._trains)

    def _row(self, corpus: Tables, one: Told, whole: Told, video: int | None) -> Row:
        wanted = [row.text for row in one.negatives if row.certain or not self._only_certain]
        return {
            "key": f"{corpus.corpus}|{one.row.image_id}|{one.region}",
            "picture": str(corpus.source / one.picture),
            "crop_xywh": tables.crop_of(one, whole),
            "caption": one.caption.fitted,
            "negatives": [text for text in wanted if self._passes(text, "negatives")],
            "boxes": tables.action_boxes(one).reshape(-1).tolist(),
            "video": video,
            "frame": one.row.frame,
        }

    def _pair(self, corpus: Tables, one: Told, whole: Told) -> GraphPair:
        caption = one.caption.fitted
        edges = [*one.caption.fitted_clause_starts, len(caption)]
        unseen = [self._screen.says(caption[start:stop]) for start, stop in pairwise(edges)]
        false = tuple(
            FalseText(row.rule, row.index, row.text, row.certain, unseen[row.clause]) for row in one.negatives
        )
        picture = corpus.source / one.picture
        crop = tables.crop_of(one, whole)
        return GraphPair(corpus.corpus, one.row.image_id, one.region, picture, crop, caption, false)

    def _video(self, corpus: str, name: str, whole: Told, *, usable: bool) -> int:
        """The row of the frame's video, to which the frame is added."""
        row = self._video_rows.setdefault((corpus, name), len(self.videos))
        if row == len(self.videos):
            self.videos.append({"frames": [], "usable": [], "boxes": []})
        video: dict[str, list[Any]] = self.videos[row]
        video["frames"].append(whole.row.frame)
        video["usable"].append(usable and self._screen.fault(whole.caption.fitted, by_clause=True) != WITHHELD)
        video["boxes"].append(tables.action_boxes(whole).reshape(-1).tolist())
        return row


def ascending(video: Row) -> Row:
    """A row of VIDEOS by the numbers of its frames, which names like "9.png" and "10.png" do not keep in order."""
    order = sorted(range(len(video["frames"])), key=video["frames"].__getitem__)
    return {name: [column[place] for place in order] for name, column in video.items()}


def _unusable(one: Told) -> str | None:
    """Why a graph cannot train or test anything, or None."""
    if not one.row.has_picture:
        return "no picture"
    if one.row.picture_width is None:
        return "a picture without a size"
    return None if one.caption.fitted else "no caption that fits"
