"""The tables that travel between stages. The schema is the documentation; a change of meaning is a new version."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Format:
    """A parquet table's contract: columns, the unique key it is sorted by, and the stage that makes it."""

    name: str
    version: int
    key: tuple[str, ...]
    stage: str  # named in errors: `dvc repro <stage>`
    schema: pa.Schema


CLIPS = Format(
    "clips",
    version=2,  # meta: {"dataset", "class_names": by class id}
    key=("clip_id", "modality"),
    stage="ingest",
    schema=pa.schema(
        [
            pa.field("clip_id", pa.string(), nullable=False),  # "<dataset>/<recording>", the same in every modality
            pa.field("modality", pa.string(), nullable=False),  # skeleton | depth | thermal | video | boxes
            # Row of the dataset's class list, from 0; of a rejected clip what its files say, -1 = no class of the list.
            pa.field("class_id", pa.int32(), nullable=False),
            pa.field("subject", pa.int32()),  # performer (UCF101: group), null where the dataset does not say
            pa.field("camera", pa.int32()),  # null where the dataset does not say
            pa.field("setup", pa.int32()),  # camera height and distance of NTU RGB+D, else null
            pa.field("replication", pa.int32()),  # how often this subject has done it, from 1 (PKU-MMD: the session)
            # The dataset's own lists (keys of Dataset.subjects) on whose training or test side the clip stands.
            pa.field("train_lists", pa.list_(pa.string())),  # null where none does
            pa.field("test_lists", pa.list_(pa.string())),
            # Relative to the source folder, "/" as separator; after "#" a part of it (pipeline/formats/segments.py)
            pa.field("path", pa.string(), nullable=False),
            pa.field("num_frames", pa.int32(), nullable=False),  # as recorded; 0 where unreadable or unknown
            pa.field("num_bytes", pa.int64(), nullable=False),  # size of the file, or of the clip's row in it
            # SHA-256 of the whole file, or of the clip's row in it; "" where there is none
            pa.field("content_hash", pa.string(), nullable=False),
            pa.field("reason", pa.string()),  # why the clip is rejected; null = it is used
        ]
    ),
)

MAX_CLASSES = (1 << 31) - 1  # the greatest class id that the table can hold

ROLES = ("fit", "val", "seen_test", "unseen_test", "unused")

SPLIT = Format(
    "split",
    version=3,  # its metadata name the split table, the protocol and the classes
    key=("split", "clip_id"),
    stage="split",
    schema=pa.schema(
        [
            pa.field("split", pa.string(), nullable=False),  # "s0", or the name of a published split
            pa.field("clip_id", pa.string(), nullable=False),
            pa.field("role", pa.string(), nullable=False),  # one of ROLES
            # Null for the test roles: the labels of test clips stand in the clips table, which only evaluate joins.
            pa.field("class_id", pa.int32()),
            # A tenth of the fit clips, for early stopping and calibration; never trained on.
            pa.field("held_out", pa.bool_(), nullable=False),
        ]
    ),
)

PROMPTS = Format(
    "prompts",
    version=2,
    key=("class_id", "type", "index"),
    stage="prompt",
    schema=pa.schema(
        [
            pa.field("class_id", pa.int32(), nullable=False),
            pa.field("class_name", pa.string(), nullable=False),
            pa.field("type", pa.string(), nullable=False),  # label | context | ... | a column of the user's CSV
            pa.field("index", pa.int32(), nullable=False),  # from 0, where a type has several texts a class
            pa.field("text", pa.string(), nullable=False),
            pa.field(
                "origin", pa.string(), nullable=False
            ),  # template | name | ours | csv:<hash> | model:<name>:<hash>
        ]
    ),
)

PREDICTIONS = Format(
    "predictions",
    version=2,
    key=("split", "seed", "selection", "label_space", "clip_id"),
    stage="evaluate",
    schema=pa.schema(
        [
            pa.field("split", pa.string(), nullable=False),
            pa.field("seed", pa.int32(), nullable=False),
            pa.field("selection", pa.string(), nullable=False),  # as in core.scores, or oracle
            pa.field("label_space", pa.string(), nullable=False),  # unseen | all | gzsl
            pa.field("clip_id", pa.string(), nullable=False),
            pa.field("subject", pa.int32()),  # as in the clips table
            pa.field("class_id", pa.int32(), nullable=False),  # the truth
            pa.field("predicted", pa.int32(), nullable=False),  # class_id of the best score
            pa.field("rank", pa.int32(), nullable=False),  # of the truth, from 1
        ]
    ),
)

GRAPHS = Format(
    "graphs",
    # Meta: {"kind": visual_genome | action_genome, "aliases", "rejected", "left_out"}, and "source", the folder as in
    # params, with "stamp", the SHA-256 of its stamp: so that the table stands for the pictures as well.
    version=3,
    key=("image_id", "region"),
    stage="graph",
    schema=pa.schema(
        [
            pa.field(
                "image_id", pa.string(), nullable=False
            ),  # as the corpus names it: "24078", "0A8CF.mp4/000104.png"
            pa.field("region", pa.string(), nullable=False),  # "" = the whole image, else the id of the region cut out
            pa.field("image", pa.string()),  # picture, relative to the source folder; null where none is named
            pa.field("video", pa.string()),  # that the frame is of; null for single images
            pa.field("frame", pa.int32()),  # of the video at its own rate, from 1; null for single images
            pa.field("coco_id", pa.int64()),  # of the same picture in MS COCO; null where there is none or none is said
            pa.field("subset", pa.string()),  # train | test as the corpus says, else null
            # train | val, drawn by a hash of the video or image: its frames and regions stand on one side. Whoever
            # keeps the corpus's own test apart looks at `subset` as well.
            pa.field("part", pa.string(), nullable=False),
            pa.field("crop_xywh", pa.list_(pa.int32())),  # of a region, pixels of the whole picture; null = all of it
            pa.field("phrase", pa.string()),  # what the annotators said of a region; null = nothing, or no region
            pa.field("width", pa.int32()),  # of the image or region as annotated, pixels; null where not said
            pa.field("height", pa.int32()),
            pa.field("has_picture", pa.bool_(), nullable=False),  # the file `image` is there
            # Size of the whole picture by the file's own header; null where there is none or it says none. Boxes are
            # in pixels of the annotated size: scale them where the two differ.
            pa.field("picture_width", pa.int32()),
            pa.field("picture_height", pa.int32()),
            pa.field("num_objects", pa.int32(), nullable=False),
            pa.field("num_relations", pa.int32(), nullable=False),
            # Places in the graph's list of relations of those that are actions (pipeline/text/actions.py).
            pa.field("actions", pa.list_(pa.int32()), nullable=False),
            # A SceneGraph as JSON (pipeline/graphs/scene.py); null = rejected. Of a region `box_xywh` is cut at its
            # edge and counted from its corner, `whole_xywh` is the same box in the whole picture; null in whole images.
            pa.field("graph", pa.string()),
            pa.field("faults", pa.list_(pa.string()), nullable=False),  # what was left out of the graph, and why
            pa.field("reason", pa.string()),  # why the whole row is rejected; null = it is used
        ]
    ),
)

# Tokens are CLIP's (pipeline/text/clip_tokens.py): counts include the start and end token, places count from the start
# token, which is 0, and spans are [first, after the last].
_SPANS = pa.list_(pa.list_(pa.int32()))

CAPTIONS = Format(
    "captions",
    version=2,  # meta: {"params", "num_captions", "num_fitted", "num_components", "num_cut_short", "share_cut_short"}
    key=("image_id", "region"),
    stage="caption",
    schema=pa.schema(
        [
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("region", pa.string(), nullable=False),
            pa.field("text", pa.string(), nullable=False),  # the whole caption, however long
            pa.field("clause_starts", pa.list_(pa.int32()), nullable=False),  # first character of every clause
            pa.field("pieces", pa.string(), nullable=False),  # which words say what, as JSON (text/realisation.py)
            pa.field("num_tokens", pa.int32(), nullable=False),
            pa.field("clause_tokens", pa.list_(pa.int32()), nullable=False),  # of every clause and the stop behind it
            pa.field("piece_tokens", _SPANS, nullable=False),  # the span of every piece
            # The clauses that say most within the row's `max_tokens`, told anew; "" where not one name fits.
            pa.field("fitted", pa.string(), nullable=False),
            pa.field("fitted_clauses", pa.list_(pa.int32()), nullable=False),  # their places in the whole caption
            pa.field("fitted_clause_starts", pa.list_(pa.int32()), nullable=False),
            pa.field("fitted_pieces", pa.string(), nullable=False),
            pa.field("fitted_tokens", pa.int32(), nullable=False),
            pa.field("fitted_piece_tokens", _SPANS, nullable=False),
            pa.field("num_components", pa.int32(), nullable=False),
            pa.field("num_cut_short", pa.int32(), nullable=False),  # components whose search for fewest clauses ran out
            pa.field("num_said", pa.int32(), nullable=False),  # relations that stand in the text
            pa.field("num_said_fitted", pa.int32(), nullable=False),  # relations that stand in the fitted text
            pa.field("num_relations", pa.int32(), nullable=False),  # relations of the graph
        ]
    ),
)

NEGATIVES = Format(
    "negatives",
    version=2,
    key=("image_id", "region", "rule", "index"),
    stage="negate",
    schema=pa.schema(
        [
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("region", pa.string(), nullable=False),
            pa.field("rule", pa.string(), nullable=False),  # a file of pipeline/text/negatives/
            pa.field("index", pa.int32(), nullable=False),  # from 0, where a rule is asked for several
            pa.field("seed", pa.int64(), nullable=False),  # what every choice was drawn from
            pa.field("caption", pa.string(), nullable=False),  # the true caption, fitted to the tokens that CLIP reads
            pa.field("text", pa.string(), nullable=False),  # the same caption with one edit, false of the graph
            # The annotation itself shows that the text is false. Else it is only likely, as where the text names an
            # object that nobody annotated (pipeline/text/certainty.py); a loss may leave such rows out.
            pa.field("certain", pa.bool_(), nullable=False),
            pa.field("clause", pa.int32(), nullable=False),  # the first clause that differs, from 0
            pa.field("place", pa.string(), nullable=False),  # what was edited: object | relation | attribute
            pa.field("objects", pa.list_(pa.int64()), nullable=False),  # ids of the edited nodes, or ends of the edge
            pa.field("original", pa.string(), nullable=False),  # the word before; two joined by " / " where exchanged
            pa.field("new", pa.string(), nullable=False),  # the word after
            pa.field("num_tokens", pa.int32(), nullable=False),  # of `text`; no more than a caption may have
            pa.field("caption_tokens", _SPANS, nullable=False),  # the phrases that differ, in `caption`
            pa.field("text_tokens", _SPANS, nullable=False),  # the same in `text`
        ]
    ),
)
