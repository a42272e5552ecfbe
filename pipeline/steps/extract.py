"""extract: prepared arrays and frozen encoders -> one vector a clip, for every clip of the dataset.

Where the row asks, also the tokens that this vector is the mean of, vectors of variants of the clip of which a part is
hidden, and vectors of the people and things that the dataset has boxes of.
"""

# Shapes: N clips, D feature size, K variants or boxes.
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from pipeline import modalities
from pipeline.core import prepared, store
from pipeline.core.boxes import Boxes
from pipeline.core.errors import ParamsError
from pipeline.core.params import Params
from pipeline.core.prepared import ClipArrays
from pipeline.core.progress import track
from pipeline.core.store import GroupWriter
from pipeline.models.encoder import Encoder, PictureEncoder
from pipeline.training import encoding, frozen
from pipeline.training.encoding import Batches, Masked


class Row(Params):
    """Whose arrays go through which encoders, and what is kept beside `pooled`."""

    dataset: str
    # Whose splits the weights were trained on: a table of the dataset, or <dataset>/<table> of another whose clips are
    # alike; null where they belong to none.
    split_table: Annotated[str, Field(pattern=r"^[^/]+(/[^/]+)?$")] | None
    modality: str
    recipe: str
    encoder: str
    weights: str  # features/pretrain/<row>, features/finetune/<row> or a start file
    options: dict[str, Any]  # of the encoder, as far as its weights do not tell
    tokens: bool
    masked: Masked | None
    regions: bool

    @model_validator(mode="after")
    def _own_table_is_named_alone(self) -> Self:
        """Else its features would fit any table of the dataset, even one whose test subjects trained the encoder."""
        if (self.split_table or "").startswith(f"{self.dataset}/"):
            raise ValueError(f"split_table: of {self.dataset} itself name the table alone")
        return self


def extract(row: Row, batches: Batches, *, key: str, arrays: Path, weights: Path, out: Path) -> dict[str, int]:
    """Write the store of a row: per weights file `<split>-<seed>` a group of that name with array `pooled` (N, D).

    Weights that belong to no split give a group `all-<seed>`, or `all` where they have no seeds.
    Where the row asks, the group also has `tokens` (N, ..., D), whose mean over the middle axes is `pooled`, `masked`
    (N, K, D), the vectors of K variants of each clip, and ragged `regions` (K, D'), what the encoder finds in each of a
    clip's `boxes` (K, 5), beside `box_labels` (K), both as core.prepared has them.
    An encoder that another dataset has taught tells it: `source`, and `training_names`, the names of its classes.
    Raises LeakError if an encoder was trained on a class that its split calls unseen, is not the one its file name
    says, or does not tell what it has seen; DataError, naming the clip, for one without a body.
    """
    clips = ClipArrays(arrays)
    sense = modalities.sense(row.modality)
    encoding.refuse_empty(sense.is_empty, clips, batches)
    loads = frozen.encoders(_request(row), weights, clips.store.attrs["layout"])
    attrs = row.model_dump(include={"dataset", "modality", "encoder", "recipe"})
    if row.split_table is not None and "/" not in row.split_table:  # of another dataset, they fit any of this one
        attrs["split_table"] = row.split_table
    boxes = _boxes(clips) if row.regions else []
    if row.regions:
        attrs[prepared.BOX_LABELS] = clips.store.attrs[prepared.BOX_LABELS]
    with store.create(out, attrs) as writer:
        for load in track(loads.values(), total=len(loads), what=f"{key}: encoders"):
            frozen_encoder = load()
            masked = row.model_dump(include={"masked"}, exclude_none=True)
            group_attrs = {**frozen_encoder.attrs, **masked, "weights_hash": frozen_encoder.weights_hash}
            group = writer.group(frozen_encoder.group, clips.ids, group_attrs)
            _put(group, frozen_encoder.encoder, clips, boxes, row, batches)
    return {"clips": len(clips), "encoders": len(loads)}


def _request(row: Row) -> frozen.EncoderRequest:
    return frozen.EncoderRequest(
        row.dataset, row.split_table, row.modality, row.recipe, row.encoder, row.options, where="extract.rows"
    )


def _put(
    group: GroupWriter, encoder: Encoder, clips: ClipArrays, boxes: list[Boxes], row: Row, batches: Batches
) -> None:
    """All vectors that a row wants of one encoder."""
    if row.tokens:
        encoding.put_with_tokens(group, encoder, clips, batches)
    else:
        group.put("pooled", encoding.encode(encoder, clips, batches))
    if row.masked is not None:
        axis = _axis(row.masked.part, row, encoder)
        group.put("masked", encoding.encode_masked(encoder, clips, row.masked, axis, batches))
    if row.regions:
        if not isinstance(encoder, PictureEncoder):
            raise ParamsError(f"extract.rows: regions: {row.encoder} keeps no map of places; set it to false")
        group.put_ragged("regions", encoding.encode_regions(encoder, clips, boxes, batches))
        prepared.put_boxes(group, boxes, clips.store.attrs[prepared.BOX_LABELS])


def _boxes(clips: ClipArrays) -> list[Boxes]:
    if prepared.BOX_LABELS not in clips.store.attrs:
        raise ParamsError(
            f"extract.rows: regions: {clips.store.path} holds no boxes; set boxes to true in the row of preprocess"
        )
    return prepared.read_boxes(clips.store, prepared.GROUP)


def _axis(part: str, row: Row, encoder: Encoder) -> int:
    """The axis of the parts to hide."""
    parts = encoder.parts
    if part not in parts:
        raise ParamsError(f"extract.rows: masked: {row.encoder} knows no '{part}' to hide, only {sorted(parts)}")
    return parts[part]
