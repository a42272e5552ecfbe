"""The tables that travel between stages, a class a row. It is the documentation, for readers, mypy and the files alike.

A change of meaning is a new version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import pyarrow as pa

# Types of columns: what Python sees, and what the file holds. `X | None` is a column that may be empty.
Int32 = Annotated[int, pa.int32()]
Int64 = Annotated[int, pa.int64()]
Float32 = Annotated[float, pa.float32()]
Int32s = Annotated[Sequence[int], pa.list_(pa.int32())]
Int64s = Annotated[Sequence[int], pa.list_(pa.int64())]
Float32s = Annotated[Sequence[float], pa.list_(pa.float32())]
Strings = Annotated[Sequence[str], pa.list_(pa.string())]
Spans = Annotated[Sequence[Sequence[int]], pa.list_(pa.list_(pa.int32()))]
_PLAIN = {str: pa.string(), bool: pa.bool_()}

Row = TypeVar("Row", bound=msgspec.Struct)
Part = TypeVar("Part", bound=msgspec.Struct)


@dataclass(frozen=True)
class Format(Generic[Row]):
    """A parquet table's contract: its rows, the unique key it is sorted by, and the stage that makes it."""

    name: str
    version: int
    key: tuple[str, ...]
    stage: str  # named in errors: `dvc repro <stage>`
    row: type[Row]  # a frozen struct whose fields are the columns, in this order

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns as the file has them."""
        return schema_of(self.row)

    def only(self, row: type[Part]) -> "Format[Part]":
        """The same table for readers of some columns, the fields of `row`; the others are not read."""
        return Format(self.name, self.version, self.key, self.stage, row)


def schema_of(row: type[msgspec.Struct]) -> pa.Schema:
    """The columns of a class of rows: its fields, in their order."""
    hints = get_type_hints(row, include_extras=True)
    return pa.schema([_column(name, hints[name]) for name in row.__struct_fields__])


def _column(name: str, hint: Any) -> pa.Field:
    is_nullable = NoneType in get_args(hint)
    if is_nullable:
        (hint,) = (option for option in get_args(hint) if option is not NoneType)
    kind = get_args(hint)[1] if get_origin(hint) is Annotated else _PLAIN[hint]
    return pa.field(name, kind, nullable=is_nullable)


class ClipRow(msgspec.Struct, frozen=True, gc=False):
    """A clip of a dataset in one modality."""

    clip_id: str  # "<dataset>/<recording>", the same in every modality
    modality: str  # skeleton | depth | thermal | video | boxes
    # Row of the dataset's class list, from 0; of a rejected clip what its files say, -1 = no class of the list.
    class_id: Int32
    subject: Int32 | None  # performer (UCF101: group), null where the dataset does not say
    camera: Int32 | None  # null where the dataset does not say
    setup: Int32 | None  # camera height and distance of NTU RGB+D, else null
    replication: Int32 | None  # how often this subject has done it, from 1 (PKU-MMD: the session)
    # The dataset's own lists (keys of Dataset.subjects) on whose training or test side the clip stands.
    train_lists: Strings | None  # null where none does
    test_lists: Strings | None
    # Relative to the source folder, "/" as separator; after "#" a part of it (pipeline/formats/segments.py)
    path: str
    num_frames: Int32  # as recorded; 0 where unreadable or unknown
    num_bytes: Int64  # size of the file, or of the clip's row in it
    # SHA-256 of the whole file, or of the clip's row in it; "" where there is none
    content_hash: str
    reason: str | None  # why the clip is rejected; null = it is used


CLIPS = Format(
    "clips",
    version=2,  # meta: {"dataset", "class_names": by class id}
    key=("clip_id", "modality"),
    stage="ingest",
    row=ClipRow,
)

MAX_CLASSES = (1 << 31) - 1  # the greatest class id that the table can hold

ROLES = ("fit", "val", "seen_test", "unseen_test", "unused")


class SplitRow(msgspec.Struct, frozen=True, gc=False):
    """What a clip is for in one split."""

    split: str  # "s0", or the name of a published split
    clip_id: str
    role: str  # one of ROLES
    # Null for the test roles: the labels of test clips stand in the clips table, which only evaluate joins.
    class_id: Int32 | None
    # A tenth of the fit clips, for early stopping and calibration; never trained on.
    held_out: bool

    @property
    def taught_class(self) -> int:
        """The class of a fit or val clip, whose row always tells it."""
        assert self.class_id is not None
        return self.class_id


SPLIT = Format(
    "split",
    version=3,  # its metadata name the split table, the protocol and the classes
    key=("split", "clip_id"),
    stage="split",
    row=SplitRow,
)


class PromptRow(msgspec.Struct, frozen=True, gc=False):
    """A text of a class."""

    class_id: Int32
    class_name: str
    type: str  # label | context | ... | a column of the user's CSV
    index: Int32  # from 0, where a type has several texts a class
    text: str
    origin: str  # template | name | ours | csv:<hash> | model:<name>:<hash>


PROMPTS = Format(
    "prompts",
    version=2,
    key=("class_id", "type", "index"),
    stage="prompt",
    row=PromptRow,
)


class PredictionRow(msgspec.Struct, frozen=True, gc=False):
    """What a method answered about one test clip."""

    split: str
    seed: Int32
    selection: str  # as in core.scores, or oracle
    label_space: str  # unseen | all | gzsl
    clip_id: str
    subject: Int32 | None  # as in the clips table
    class_id: Int32  # the truth
    predicted: Int32  # class_id of the best score
    rank: Int32  # of the truth, from 1
    # Score of the truth less the best score of another candidate, in the method's own unit: not negative where the
    # answer is right, not positive where it is wrong; null where the truth is the only candidate.
    margin: Float32 | None


PREDICTIONS = Format(
    "predictions",
    version=3,
    key=("split", "seed", "selection", "label_space", "clip_id"),
    stage="evaluate",
    row=PredictionRow,
)


class GraphRow(msgspec.Struct, frozen=True, gc=False):
    """A picture, or a region of one, with its scene graph."""

    image_id: str  # as the corpus names it: "24078", "0A8CF.mp4/000104.png"
    region: str  # "" = the whole image, else the id of the region cut out
    image: str | None  # picture, relative to the source folder; null where none is named
    video: str | None  # that the frame is of; null for single images
    frame: Int32 | None  # of the video at its own rate, from 1; null for single images
    coco_id: Int64 | None  # of the same picture in MS COCO; null where there is none or none is said
    subset: str | None  # train | test as the corpus says, else null
    # train | val, drawn by a hash of the video or image: its frames and regions stand on one side. Whoever
    # keeps the corpus's own test apart looks at `subset` as well.
    part: str
    crop_xywh: Int32s | None  # of a region, pixels of the whole picture; null = all of it
    phrase: str | None  # what the annotators said of a region; null = nothing, or no region
    width: Int32 | None  # of the image or region as annotated, pixels; null where not said
    height: Int32 | None
    has_picture: bool  # the file `image` is there
    # Size of the whole picture by the file's own header; null where there is none or it says none. Boxes are
    # in pixels of the annotated size: scale them where the two differ.
    picture_width: Int32 | None
    picture_height: Int32 | None
    num_objects: Int32
    num_relations: Int32
    # Places in the graph's list of relations of those that are actions (pipeline/text/actions.py).
    actions: Int32s
    # A SceneGraph as JSON (pipeline/graphs/scene.py); null = rejected. Of a region `box_xywh` is cut at its
    # edge and counted from its corner, `whole_xywh` is the same box in the whole picture; null in whole images.
    graph: str | None
    faults: Strings  # what was left out of the graph, and why
    reason: str | None  # why the whole row is rejected; null = it is used


GRAPHS = Format(
    "graphs",
    # Meta: {"kind": visual_genome | action_genome, "aliases", "rejected", "left_out"}, and "source", the folder as in
    # params, with "stamp", the SHA-256 of its stamp: so that the table stands for the pictures as well.
    version=3,
    key=("image_id", "region"),
    stage="graph",
    row=GraphRow,
)

# Tokens are CLIP's (pipeline/text/clip_tokens.py): counts include the start and end token, places count from the start
# token, which is 0, and spans are [first, after the last].


class CaptionRow(msgspec.Struct, frozen=True, gc=False):
    """The caption of a scene graph."""

    image_id: str
    region: str
    text: str  # the whole caption, however long
    clause_starts: Int32s  # first character of every clause
    pieces: str  # which words say what, JSON (pipeline/text/realisation.py)
    num_tokens: Int32
    clause_tokens: Int32s  # of every clause and the stop behind it
    piece_tokens: Spans  # the span of every piece
    # The clauses that say most within the row's `max_tokens`, told anew; "" where not one name fits.
    fitted: str
    fitted_clauses: Int32s  # their places in the whole caption
    fitted_clause_starts: Int32s
    fitted_pieces: str
    fitted_tokens: Int32
    fitted_piece_tokens: Spans
    num_components: Int32
    num_cut_short: Int32  # components whose search for fewest clauses ran out
    num_said: Int32  # relations that stand in the text
    num_said_fitted: Int32  # relations that stand in the fitted text
    num_relations: Int32  # relations of the graph


CAPTIONS = Format(
    "captions",
    version=2,  # meta: {"params", "num_captions", "num_fitted", "num_components", "num_cut_short", "share_cut_short"}
    key=("image_id", "region"),
    stage="caption",
    row=CaptionRow,
)


class NegativeRow(msgspec.Struct, frozen=True, gc=False):
    """A false caption: a true one with a single edit."""

    image_id: str
    region: str
    rule: str  # a file of pipeline/text/negatives/
    index: Int32  # from 0, where a rule is asked for several
    seed: Int64  # what every choice was drawn from
    caption: str  # the true caption, fitted to the tokens that CLIP reads
    text: str  # the same caption with one edit, false of the graph
    # The annotation itself shows that the text is false. Else it is only likely, as where the text names an
    # object that nobody annotated (pipeline/text/certainty.py); a loss may leave such rows out.
    certain: bool
    clause: Int32  # the first clause that differs, from 0
    place: str  # what was edited: object | relation | attribute
    objects: Int64s  # ids of the edited nodes, or ends of the edge
    original: str  # the word before; two joined by " / " where exchanged
    new: str  # the word after
    num_tokens: Int32  # of `text`; no more than a caption may have
    caption_tokens: Spans  # the phrases that differ, in `caption`
    text_tokens: Spans  # the same in `text`


NEGATIVES = Format(
    "negatives",
    version=2,
    key=("image_id", "region", "rule", "index"),
    stage="negate",
    row=NegativeRow,
)
