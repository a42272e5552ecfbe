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
    version=1,
    key=("clip_id", "modality"),
    stage="ingest",
    schema=pa.schema(
        [
            pa.field("clip_id", pa.string(), nullable=False),  # "<dataset>/<recording>", the same in every modality
            pa.field("modality", pa.string(), nullable=False),  # skeleton | depth | thermal | video
            pa.field("class_id", pa.int32(), nullable=False),  # row of the dataset's class list, from 0
            pa.field("subject", pa.int32()),  # performer, null where the dataset does not say
            pa.field("camera", pa.int32()),  # null where the dataset does not say
            pa.field("setup", pa.int32()),  # camera height and distance of NTU RGB+D, else null
            pa.field("replication", pa.int32()),  # how often this subject has done it, from 1
            pa.field("path", pa.string(), nullable=False),  # relative to the source folder, "/" as separator
            pa.field("num_frames", pa.int32(), nullable=False),  # as recorded; 0 where unreadable
            pa.field("num_bytes", pa.int64(), nullable=False),  # size of the file
            pa.field("content_hash", pa.string(), nullable=False),  # SHA-256 of the file
            pa.field("reason", pa.string()),  # why the clip is rejected; null = it is used
        ]
    ),
)

ROLES = ("fit", "val", "seen_test", "unseen_test", "unused")

SPLIT = Format(
    "split",
    version=1,
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
    version=1,
    key=("class_id", "type", "index"),
    stage="prompt",
    schema=pa.schema(
        [
            pa.field("class_id", pa.int32(), nullable=False),
            pa.field("class_name", pa.string(), nullable=False),
            pa.field("type", pa.string(), nullable=False),  # label | context | a column of the user's CSV
            pa.field("index", pa.int32(), nullable=False),  # from 0, where a type has several texts a class
            pa.field("text", pa.string(), nullable=False),
        ]
    ),
)

PREDICTIONS = Format(
    "predictions",
    version=1,
    key=("split", "seed", "selection", "label_space", "clip_id"),
    stage="evaluate",
    schema=pa.schema(
        [
            pa.field("split", pa.string(), nullable=False),
            pa.field("seed", pa.int32(), nullable=False),
            pa.field("selection", pa.string(), nullable=False),  # validation | paper | none
            pa.field("label_space", pa.string(), nullable=False),  # unseen | all | gzsl
            pa.field("clip_id", pa.string(), nullable=False),
            pa.field("class_id", pa.int32(), nullable=False),  # the truth
            pa.field("predicted", pa.int32(), nullable=False),  # class_id of the best score
            pa.field("rank", pa.int32(), nullable=False),  # of the truth, from 1
        ]
    ),
)
